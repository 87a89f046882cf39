//! What a scenario lists in `proves`.

use chartgate_model::plan::StubImages;

use super::*;

/// The good run, whose scenario exists to prove these checks.
fn proving(checks: &[&str]) -> Recording {
    let mut recording = Story::good().0;
    recording.plan.proves = checks.iter().map(|&check| check.to_owned()).collect();
    recording
}

fn of<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.check == check).expect("it is examined")
}

/// A failure would mean that a scenario which proves what it exists for is red.
#[test]
fn a_listed_check_that_passes_leaves_the_scenario_green() {
    let findings = examine(&proving(&["role-serves", "hook-order"])).findings;
    assert_eq!(verdict_of(&findings), Verdict::Pass);
}

/// A failure would mean that a scenario stays green although what it exists to prove is not there any more.
#[test]
fn a_listed_check_that_does_not_apply_is_void() {
    let findings = examine(&proving(&["uninstall-clean"])).findings;
    let finding = of(&findings, "uninstall-clean");
    assert_eq!((finding.verdict, verdict_of(&findings)), (Verdict::Void, Verdict::Void));
    assert!(finding.message.contains("exists to prove it, and it ended as not applicable: "), "{}", finding.message);
    assert!(finding.hint().is_some_and(|hint| hint.contains("`proves`")), "{finding:?}");
}

/// A failure would mean that a promise which is missing counts as proven.
#[test]
fn a_listed_check_that_advises_is_void() {
    let findings = examine(&proving(&["startup-allowed"])).findings;
    assert_eq!(of(&findings, "startup-allowed").verdict, Verdict::Void);
}

/// A failure would mean that a name from before the last release proves nothing without a word.
#[test]
fn a_listed_check_is_known_by_its_former_name() {
    let recording = proving(&["selector-stable"]);
    let (check, message) = ("immutable-fields".to_owned(), "there is no workload".to_owned());
    let (verdict, evidence, problems) = (Verdict::NotApplicable, Vec::new(), Vec::new());
    let found = Finding { check, verdict, message, evidence, problems, since: None, templates: Vec::new() };
    let check = super::super::named(&found.check).expect("it is a check");
    let finding = crate::proves::demand(check, found, &recording.plan, Needs::Behaviour);
    assert_eq!(finding.verdict, Verdict::Void, "{finding:?}");
}

/// A failure would mean that a run with stub images is red for want of what it never looks at.
#[test]
fn a_listed_check_that_is_not_examined_is_left_out() {
    let mut recording = proving(&["health-path", "hook-order"]);
    recording.plan.stub_images = StubImages::All;
    let Examined { findings, not_examined, .. } = examine(&recording);
    assert!(not_examined.contains(&"health-path".to_owned()) && !findings.iter().any(|it| it.check == "health-path"));
    assert_eq!(verdict_of(&findings), Verdict::Pass);
}

/// A failure would mean that nobody can accept for a while that a scenario does not prove what it exists for.
#[test]
fn a_waiver_covers_what_is_not_proven() {
    let mut recording = proving(&["uninstall-clean"]);
    let (check, reason) = ("uninstall-clean".to_owned(), "the step comes back next week".to_owned());
    recording.plan.waivers = vec![Waiver { check, reason, until: "2999-01-01".to_owned() }];
    assert_eq!(of(&examine(&recording).findings, "uninstall-clean").verdict, Verdict::Waived);
}
