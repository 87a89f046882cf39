use rstest::rstest;

use super::*;
use crate::statement::testing::{noted, passing, subjects};

const NOW: &str = "2026-11-30T14:00:00Z";

fn unmet(statement: &Statement, requirements: &Requirements) -> Vec<String> {
    requirements.unmet(statement, &subjects(), NOW.parse().unwrap())
}

/// What is asked of the statements of these tests, and they meet.
fn met() -> Requirements {
    Requirements {
        checks: vec!["hook-order".to_owned()],
        scenarios: vec!["app/single".to_owned()],
        max_age: Some(Duration::from_secs(7200)),
        kubernetes: vec!["1.34".to_owned()],
        no_waivers: true,
    }
}

/// A failure would mean that a good release is refused.
#[test]
fn a_statement_that_says_all_that_is_asked_is_accepted() {
    assert_eq!(unmet(&passing(), &met()), [""; 0]);
    assert_eq!(unmet(&passing(), &Requirements::default()), [""; 0]);
}

/// A failure would mean that a pipeline lets something pass that it asked not to, or does not say why.
#[rstest]
#[case::check(|it: &mut Requirements| it.checks = vec!["role-serves".into()], "--require-check role-serves: ")]
#[case::part_of_a_check(|it: &mut Requirements| it.checks = vec!["order".into()], "--require-check order: ")]
#[case::scenario(|it: &mut Requirements| it.scenarios = vec!["app".into()], "--require-scenario app: it was not run")]
#[case::age(|it: &mut Requirements| it.max_age = Some(Duration::from_secs(3600)), "--max-age: it was judged at 2026-")]
#[case::kubernetes(|it: &mut Requirements| it.kubernetes = vec!["1.3".into()], "--kubernetes 1.3: it was judged on 1.34.4")]
fn what_is_asked_and_not_said_is_named(#[case] ask: fn(&mut Requirements), #[case] expected: &str) {
    let mut requirements = met();
    ask(&mut requirements);
    let unmet = unmet(&passing(), &requirements);
    assert!(unmet.len() == 1 && unmet[0].starts_with(expected), "{unmet:?}");
}

/// A failure would mean that a verdict counts which is none.
#[rstest]
#[case::failed(|it: &mut Statement| it.predicate.result = Outcome::Failed, "the verdict is not a pass")]
#[case::failed_test(
    |it: &mut Statement| it.predicate.failed_tests = vec!["app/single/renders".into()],
    "the verdict is not a pass: `app/single/renders`"
)]
#[case::nothing(|it: &mut Statement| it.predicate.passed_tests.clear(), "no check passed")]
#[case::stubs(|it: &mut Statement| *it = noted(it.clone(), "mode", "stub-images"), "stubs ran in place")]
#[case::no_mode(|it: &mut Statement| it.predicate.configuration.clear(), "stubs ran in place")]
#[case::other_manifest(|it: &mut Statement| drop(it.subject.remove(0)), "it is about other bytes than this manifest")]
#[case::other_package(|it: &mut Statement| drop(it.subject.remove(1)), "it is about other bytes than this package")]
fn what_is_no_passing_verdict_on_these_bytes_is_refused(#[case] spoil: fn(&mut Statement), #[case] expected: &str) {
    let mut statement = passing();
    spoil(&mut statement);
    let unmet = unmet(&statement, &Requirements::default());
    assert!(unmet.len() == 1 && unmet[0].starts_with(expected), "{unmet:?}");
}

/// A failure would mean that waivers count where nobody wants them, or that nobody may have any.
#[test]
fn waivers_are_refused_where_that_is_asked() {
    let mut waived = noted(passing(), "waivers", "counted");
    waived.predicate.result = Outcome::Warned;
    waived.predicate.warned_tests = vec!["app/single/drain".to_owned()];
    assert_eq!(unmet(&waived, &Requirements::default()), [""; 0]);
    assert_eq!(unmet(&waived, &met()), ["--no-waivers: waivers counted, such as that of `app/single/drain`"]);
}
