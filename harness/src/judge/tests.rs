use std::collections::BTreeSet;

use super::testing::{Story, check, end_of};
use super::*;

/// A failure would mean that a chart whose promises all hold is refused.
#[test]
fn a_good_run_passes_every_check() {
    let story = Story::good();
    let beside = ["secrets-stable", "config-rolls-pods", "upgrade-after-rollback"];
    for of in all() {
        let expected = if beside.contains(&of.name) { Verdict::NotApplicable } else { Verdict::Pass };
        check(of, &story, expected, "");
    }
    assert_eq!(verdict_of(&judge(&story.0)), Verdict::Pass);
}

/// A failure would mean that a report's line cannot be looked up, or means two things.
#[test]
fn checks_have_names_of_their_own() {
    let names: BTreeSet<&str> = all().iter().map(|check| check.name).collect();
    assert_eq!(names.len(), all().len());
    let findings = judge(&Story::good().0);
    assert!(findings.iter().zip(all()).all(|(finding, check)| finding.check == check.name));
}

/// A failure would mean that a run which was killed half-way releases a chart.
#[test]
fn a_recording_that_is_cut_anywhere_never_passes() {
    let whole = Story::good();
    for length in 0..whole.0.entries.len() {
        let mut cut = whole.clone();
        cut.0.entries.truncate(length);
        assert!(verdict_of(&judge(&cut.0)) >= Verdict::Void, "cut after {length} moments");
    }
}

/// A failure would mean that checks which need a later step pass although it never ran.
#[test]
fn checks_of_steps_that_never_ran_are_void() {
    let mut story = Story::good().failing_install("it broke");
    let names = ["upgrade-happened", "rollback-restored", "rollback-serves", "health-path", "role-serves"];
    for of in all().iter().filter(|check| names.contains(&check.name)) {
        check(of, &story, Verdict::Void, "it broke");
    }
    story = Story::good().cut(end_of(2));
    assert_eq!(verdict_of(&judge(&story.0)), Verdict::Void);
}

/// A failure would mean that a run without any applicable check counts as proof.
#[test]
fn nothing_applicable_is_void() {
    let finding = |verdict| Finding { check: String::new(), verdict, message: String::new(), evidence: Vec::new() };
    assert_eq!(verdict_of(&[]), Verdict::Void);
    assert_eq!(verdict_of(&[finding(Verdict::NotApplicable), finding(Verdict::Advice)]), Verdict::Void);
    assert_eq!(verdict_of(&[finding(Verdict::Pass), finding(Verdict::Advice)]), Verdict::Pass);
    assert_eq!(verdict_of(&[finding(Verdict::Fail), finding(Verdict::Void), finding(Verdict::Pass)]), Verdict::Fail);
    assert_eq!(verdict_of(&[finding(Verdict::Void), finding(Verdict::Pass)]), Verdict::Void);
}
