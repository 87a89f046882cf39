use chartgate_model::plan::Expect;
use chartgate_model::recording::Moment;
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap};

/// Every pod keeps template and image, and the schema stays.
fn unchanged() -> Story {
    let same = |pod: &mut Value| {
        pod["metadata"]["labels"]["pod-template-hash"] = json!("hash-v1");
        pod["spec"]["containers"][0]["image"] = json!("reg.example/codex-pooler:v1");
    };
    let story = Story::good().edit(|object| object["kind"] == "Pod", same);
    story.without(|moment| matches!(moment, Moment::Ddl { .. }))
}

/// A failure would mean that an upgrade from a version to itself counts as proof.
#[test]
fn an_upgrade_that_changes_nothing_is_void() {
    check(&UPGRADE_HAPPENED, &unchanged(), Verdict::Void, "step 2 (upgrade) changed nothing");
}

/// A failure would mean that a version of a chart which changes its definitions or its words alone cannot be released.
#[test]
fn an_upgrade_from_another_version_may_leave_the_pods() {
    let from = unchanged().plan(|plan| plan.steps[0].from = Some(0));
    let says = "step 2 (upgrade) brought another version of the chart, which runs the same pods";
    let finding = check(&UPGRADE_HAPPENED, &from, Verdict::Pass, "");
    assert!(finding.evidence.iter().any(|seen| seen.text == says), "{finding:?}");
}

/// A failure would mean that an upgrade of the schema alone is taken for none.
#[test]
fn a_changed_schema_is_a_change() {
    let story = Story::good().edit(
        |object| object["kind"] == "Pod",
        |pod| {
            pod["metadata"]["labels"]["pod-template-hash"] = json!("hash-v1");
            pod["spec"]["containers"][0]["image"] = json!("reg.example/codex-pooler:v1");
        },
    );
    check(&UPGRADE_HAPPENED, &story, Verdict::Pass, "");
}

/// A failure would mean that an upgrade which did not run, or was not watched, counts as done.
#[test]
fn an_upgrade_that_did_not_run_is_void() {
    check(&UPGRADE_HAPPENED, &Story::good().failing_install("it broke"), Verdict::Void, "it broke");
    check(&UPGRADE_HAPPENED, &Story::good().before(end_of(1), gap("Pod")), Verdict::Void, "gap of Pod");
}

/// A failure would mean that a scenario without an upgrade is red.
#[test]
fn without_an_upgrade_it_does_not_apply() {
    let story = Story::good().plan(|plan| plan.steps.truncate(1));
    check(&UPGRADE_HAPPENED, &story, Verdict::NotApplicable, "no upgrade");
    let failing = Story::good().plan(|plan| plan.steps[1].expect = Expect::Fails("x".to_owned()));
    check(&UPGRADE_HAPPENED, &failing, Verdict::NotApplicable, "no upgrade");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = unchanged();
    examples(&UPGRADE_HAPPENED, &Story::good(), &failing);
}
