use chartgate_model::plan::{Chart, Origin};
use chartgate_model::recording::{Moment, StepOutcome};

use super::*;
use crate::judge;
use crate::testing::{Story, check, examples};
use crate::{Verdict, verdict_of};

/// The install is that of an earlier version.
fn from_previous() -> Story {
    let chart = Chart { version: "0.1.0".to_owned(), ..Chart::default() };
    let origin = Origin { asked: "previous".to_owned(), chart: Some(chart), ..Origin::default() };
    Story::good().plan(|plan| {
        plan.from = vec![origin];
        plan.steps[0].from = Some(0);
    })
}

/// A failure would mean that nobody learns what was upgraded from, or that a good upgrade from an earlier version is red.
#[test]
fn the_version_is_named() {
    check(&PREVIOUS_VERSION, &from_previous(), Verdict::Pass, "upgraded from 0.1.0 (previous)");
    assert_eq!(verdict_of(&judge(&from_previous().0)), Verdict::Pass);
}

/// A failure would mean that an upgrade from a version that never ran is called proven, or that the new one is blamed for it.
#[test]
fn an_earlier_version_that_does_not_install_is_void() {
    let failed = StepOutcome::HelmFailed { why: "timed out".to_owned() };
    let story = from_previous().ending(0, &failed, "timed out");
    let says = "the version to upgrade from does not install: step 1 (install) failed: timed out";
    check(&PREVIOUS_VERSION, &story, Verdict::Void, says);
    let cut = from_previous().failing_install("timed out");
    let failing: Vec<_> = judge(&cut.0).into_iter().filter(|finding| finding.verdict == Verdict::Fail).collect();
    assert!(failing.is_empty(), "{failing:#?}");
    assert_eq!(verdict_of(&judge(&cut.0)), Verdict::Void);
}

/// A failure would mean that nobody learns why an earlier version did not install, or what to do about it.
#[test]
fn an_earlier_version_that_does_not_render_says_why() {
    let refused = from_previous().cut(|moment| matches!(moment, Moment::StepStarted { step: 0 }));
    let refused = refused.moments(|moment| {
        if let Moment::Rendered { step: 0, error, objects, .. } = moment {
            objects.clear();
            *error = Some("Error: execution error at (shop/templates/a.yaml:2:5): set `web.port`".to_owned());
        }
    });
    let says = "step 1 (install) never ran, because the chart does not render: set `web.port`";
    let finding = check(&PREVIOUS_VERSION, &refused, Verdict::Void, says);
    let hint = finding.problems[0].hint.as_deref().unwrap_or_default();
    assert!(hint.contains("`from: {chart: previous, values: {…}}`"), "{finding:?}");
    check(&crate::render::RELEASE_OUTCOME, &refused, Verdict::Void, says);
}

/// A failure would mean that faults of a version which is out already stop the one that is to come.
#[test]
fn faults_of_the_earlier_version_are_not_judged() {
    let crashed = |pod: &mut serde_json::Value| {
        pod["status"]["containerStatuses"][0]["restartCount"] = serde_json::json!(2);
        pod["spec"]["containers"][0]["env"] = serde_json::json!([]);
    };
    let story = from_previous().edit(|object| object["metadata"]["uid"] == "app-0", crashed);
    let wrong =
        |probe: &mut chartgate_model::recording::Probe| probe.answer = chartgate_model::recording::Answer::Refused;
    let story = story.probes(|probe| probe.step == 0, wrong);
    assert_eq!(verdict_of(&judge(&story.0)), Verdict::Pass);
    let same = story.plan(|plan| plan.steps[0].from = None);
    assert_eq!(verdict_of(&judge(&same.0)), Verdict::Fail);
}

/// A failure would mean that a version which cannot be had is skipped.
#[test]
fn a_missing_version_is_void() {
    let missing = |plan: &mut chartgate_model::plan::Plan| {
        plan.from[0].chart = None;
        plan.from[0].missing = Some("no commit has a lower version".to_owned());
    };
    let story =
        from_previous().plan(missing).without(|moment| !matches!(moment, Moment::Started { .. } | Moment::Ended));
    let says = "the version to upgrade from (`previous`) could not be had: no commit has a lower version";
    check(&PREVIOUS_VERSION, &story, Verdict::Void, says);
    assert_eq!(verdict_of(&judge(&story.0)), Verdict::Void);
    let first = story.plan(|plan| plan.is_first_release = true);
    check(&PREVIOUS_VERSION, &first, Verdict::NotApplicable, "the chart's first release");
}

/// A failure would mean that a scenario of one version is red.
#[test]
fn without_an_earlier_version_it_does_not_apply() {
    check(&PREVIOUS_VERSION, &Story::good(), Verdict::NotApplicable, "no other version");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = from_previous().ending(0, &StepOutcome::HelmFailed { why: "timed out".to_owned() }, "timed out");
    examples(&PREVIOUS_VERSION, &from_previous(), &failing);
}

/// A failure would mean that a person adds an install to a scenario that has one, because the run ended in it.
#[test]
fn an_earlier_version_that_was_not_examined_is_void_without_a_hint() {
    let not_examined = StepOutcome::NotExamined { why: "a stub serves no API".to_owned() };
    let says = "the step that installs 0.1.0 (previous) was not examined";
    let finding = check(&PREVIOUS_VERSION, &from_previous().ending(0, &not_examined, ""), Verdict::Void, says);
    assert_eq!(finding.problems[0].hint, None, "{finding:?}");
    let why = "Error: INSTALLATION FAILED: no matches for kind \"Issuer\" in version \"cert-manager.io/v1\"";
    let lacking = from_previous().ending(0, &StepOutcome::HelmFailed { why: why.to_owned() }, why);
    let finding = check(&PREVIOUS_VERSION, &lacking, Verdict::Void, "0.1.0 (previous) was not installed");
    assert_eq!(finding.problems[0].hint, None, "{finding:?}");
}
