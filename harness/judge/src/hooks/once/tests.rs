use chartgate_model::plan::{Expect, Fault};
use chartgate_model::recording::{Change, Moment};
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, hook, named, pod, start_of};

fn another_run(step: usize) -> Story {
    let mut job = hook("v1");
    job["metadata"]["uid"] = json!("another");
    Story::good().sighting(end_of(step), Change::Applied, &job)
}

/// A failure would mean that a migration may run twice in one upgrade.
#[test]
fn a_second_job_in_one_step_fails() {
    check(&HOOK_ONCE, &another_run(1), Verdict::Fail, "hook `migrations` ran 2 times in step 2 (upgrade), not 1");
}

/// A failure would mean that a rollback which migrates the schema forward is accepted.
#[test]
fn a_run_in_a_step_of_another_event_fails() {
    check(&HOOK_ONCE, &another_run(2), Verdict::Fail, "ran in step 3 (rollback), which is none of its events");
}

/// A failure would mean that a skipped migration is accepted.
#[test]
fn a_hook_that_did_not_run_fails() {
    let story = Story::good().unseen(|object| object["metadata"]["uid"] == "migrations-1");
    check(&HOOK_ONCE, &story, Verdict::Fail, "did not run in step 2 (upgrade)");
}

/// A failure would mean that a promise about nothing is kept.
#[test]
fn a_selector_that_matches_nothing_fails() {
    let story =
        Story::good().plan(|plan| plan.hooks.get_mut("migrations").expect("it is there").select = "a=b".to_owned());
    check(&HOOK_ONCE, &story, Verdict::Fail, "matches nothing: the chart renders no Job with `a=b`");
}

/// A failure would mean that a migration which only works the second time is accepted.
#[test]
fn a_failed_attempt_fails() {
    let mut failed = pod("migrations", 0, "v1");
    failed["metadata"]["name"] = json!("cg-migrations-first");
    failed["metadata"]["uid"] = json!("first");
    failed["metadata"]["ownerReferences"] = json!([{"kind": "Job", "uid": "migrations-0"}]);
    failed["status"]["phase"] = json!("Failed");
    let story = Story::good().sighting(end_of(0), Change::Applied, &failed);
    check(&HOOK_ONCE, &story, Verdict::Fail, "needed more than one attempt in step 1 (install)");
    let expected = story.plan(|plan| plan.steps[0].expect = Expect::Fails("hook".to_owned()));
    check(&HOOK_ONCE, &expected, Verdict::Pass, "");
}

fn switched_off(story: Story) -> Story {
    story.plan(|plan| plan.absent = vec!["migrations".to_owned()])
}

/// A failure would mean that `migrations.enabled=false` is not honoured.
#[test]
fn a_hook_that_is_switched_off_must_not_appear() {
    let is_hook =
        |object: &Value| object["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("cg-migrations"));
    let gone = switched_off(Story::good().unseen(is_hook).unrendered(is_hook));
    check(&HOOK_ONCE, &gone, Verdict::Pass, "");
    check(
        &HOOK_ONCE,
        &switched_off(Story::good()),
        Verdict::Fail,
        "switched off, but the chart renders job/cg-migrations",
    );
    let seen = switched_off(Story::good().unrendered(is_hook));
    check(&HOOK_ONCE, &seen, Verdict::Fail, "switched off, but it ran");
}

/// A failure would mean that a run which was not watched counts as the only one.
#[test]
fn what_was_not_seen_is_void() {
    check(&HOOK_ONCE, &Story::good().before(start_of(1), gap("Job")), Verdict::Void, "gap of Job");
    check(
        &HOOK_ONCE,
        &Story::good().unseen(named("Pod", "cg-migrations")),
        Verdict::Void,
        "no pod of hook `migrations`",
    );
    check(&HOOK_ONCE, &Story::good().without(|moment| matches!(moment, Moment::Ended)), Verdict::Void, "not whole");
    let before = Story::good().failing_install("no such chart").unseen(named("Job", "cg-migrations"));
    check(&HOOK_ONCE, &before, Verdict::Void, "no such chart");
}

/// A failure would mean that charts without hooks are red.
#[test]
fn without_hooks_it_does_not_apply() {
    check(&HOOK_ONCE, &Story::good().plan(|plan| plan.hooks.clear()), Verdict::NotApplicable, "no hook");
}

/// A failure would mean that a migration which survives the death of its pod is called broken.
#[test]
fn a_killed_migrator_may_need_a_second_attempt() {
    let mut killed = pod("migrations", 1, "v2");
    killed["metadata"]["name"] = json!("cg-migrations-first");
    killed["metadata"]["uid"] = json!("first");
    killed["metadata"]["ownerReferences"] = json!([{"kind": "Job", "uid": "migrations-1"}]);
    killed["status"]["phase"] = json!("Failed");
    let story = Story::good().sighting(end_of(1), Change::Applied, &killed);
    check(&HOOK_ONCE, &story, Verdict::Fail, "needed more than one attempt in step 2 (upgrade)");
    let asked = story.plan(|plan| plan.steps[1].fault = Some(Fault::MigratorKilled));
    check(&HOOK_ONCE, &asked, Verdict::Pass, "");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = another_run(1);
    examples(&HOOK_ONCE, &Story::good(), &failing);
}

/// A failure would mean that a hook which is off at the install and on at the upgrade cannot be said, or is held to both.
#[test]
fn a_hook_may_be_switched_off_in_one_step() {
    let off = |step: usize| Story::good().plan(move |plan| plan.steps[step].absent = vec!["migrations".to_owned()]);
    let says = "hook `migrations` is switched off in step 1 (install), but the chart renders job/cg-migrations";
    check(&HOOK_ONCE, &off(0), Verdict::Fail, says);
    // A rollback is to none of its events, whatever its revision switched off.
    let gone = off(0)
        .unseen(|object| object["metadata"]["uid"] == "migrations-0")
        .unrendered_in(0, |object| object["metadata"]["name"] == "cg-migrations");
    check(&HOOK_ONCE, &gone, Verdict::Pass, "");
    let ran = off(0).unrendered_in(0, |object| object["metadata"]["name"] == "cg-migrations");
    check(&HOOK_ONCE, &ran, Verdict::Fail, "hook `migrations` is switched off in step 1 (install), but it ran");
}
