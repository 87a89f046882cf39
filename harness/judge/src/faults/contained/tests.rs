use chartgate_model::plan::{Action, Fault};
use chartgate_model::recording::Failure;
use chartgate_model::recording::{Answer, Moment};
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap};

/// The upgrade's migration fails, and helm stops there.
fn contained() -> Story {
    let is_changed = |object: &Value| {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        let is_new = ["app-1", "worker-1", "scheduler-1"].contains(&uid);
        let is_ending = object["kind"] == "Pod" && !object["metadata"]["deletionTimestamp"].is_null();
        is_new || is_ending || uid.starts_with("app-2") || uid.starts_with("worker-2") || uid.starts_with("scheduler-2")
    };
    let moment = Moment::Fault { step: 1, what: "CREATE TABLE was made to fail".to_owned() };
    let story = Story::good().unseen(is_changed).failing(1, "hook migrations").before(end_of(1), moment);
    let story = story.without(|moment| matches!(moment, Moment::Probe(probe) if probe.step == 1));
    story.plan(|plan| plan.steps[1].fault = Some(Fault::MigrationFails))
}

/// A failure would mean that a chart whose old version serves on is refused.
#[test]
fn an_old_version_that_serves_on_passes() {
    check(&FAILED_MIGRATION_CONTAINED, &contained(), Verdict::Pass, "the old version served on");
}

/// A failure would mean that a new version may start on a schema that was not prepared for it.
#[test]
fn a_new_pod_after_a_failed_migration_fails() {
    let mut pod = crate::testing::pod("worker", 1, "v2");
    pod["metadata"]["resourceVersion"] = json!("900");
    let story = contained().sighting(end_of(1), Change::Applied, &pod);
    let says = "pod/cg-worker-1 of role `worker` was created in step 2 (upgrade), although the migration failed";
    check(&FAILED_MIGRATION_CONTAINED, &story, Verdict::Fail, says);
}

/// A failure would mean that a failed migration may take the running version down.
#[test]
fn an_old_pod_that_ends_fails() {
    let mut pod = crate::testing::pod("app", 0, "v1");
    pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let story = contained().sighting(end_of(1), Change::Applied, &pod);
    let says = "pod/cg-app-0 of role `app` ran before step 2 (upgrade), and the failed migration took it down";
    check(&FAILED_MIGRATION_CONTAINED, &story, Verdict::Fail, says);
}

/// A failure would mean that users who meet errors while a migration fails are not counted.
#[test]
fn a_lost_request_or_a_wrong_answer_fails() {
    let story = contained().under_traffic();
    let at = story.end(1) - 5;
    let lost = story.losing(at, Failure::Refused);
    check(&FAILED_MIGRATION_CONTAINED, &lost, Verdict::Fail, "1 requests of role `app` failed in step 2 (upgrade)");
    let mut probe = Story::good().0.entries.into_iter().find_map(|entry| match entry.moment {
        Moment::Probe(probe) if probe.path.is_some() => Some(probe),
        _ => None,
    });
    let probe = probe.as_mut().map(|probe| chartgate_model::recording::Probe {
        step: 1,
        answer: Answer::Refused,
        ..probe.clone()
    });
    let story = contained().before(end_of(1), Moment::Probe(probe.expect("the story has one")));
    check(&FAILED_MIGRATION_CONTAINED, &story, Verdict::Fail, "refused the connection after step 2 (upgrade)");
}

/// A failure would mean that a migration which did not fail proves how one is borne.
#[test]
fn without_the_fault_or_the_pods_it_is_void() {
    let story = contained().without(|moment| matches!(moment, Moment::Fault { .. }));
    check(&FAILED_MIGRATION_CONTAINED, &story, Verdict::Void, "no migration failed in step 2 (upgrade)");
    check(&FAILED_MIGRATION_CONTAINED, &contained().before(end_of(1), gap("Pod")), Verdict::Void, "gap of Pod");
}

/// A failure would mean that a scenario whose migrations succeed is red.
#[test]
fn without_a_failing_migration_it_does_not_apply() {
    let story = Story::good().plan(|plan| plan.steps[1].action = Action::Upgrade);
    check(&FAILED_MIGRATION_CONTAINED, &story, Verdict::NotApplicable, "no migration of the plan");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = contained().sighting(end_of(1), Change::Applied, &crate::testing::pod("worker", 1, "v2"));
    examples(&FAILED_MIGRATION_CONTAINED, &contained(), &failing);
}
