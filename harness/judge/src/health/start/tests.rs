use chartgate_k8s::object::template;
use chartgate_model::recording::{Change, StepOutcome};
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of as end_of_step, examples, hook, pod};

/// An install whose hook's pod is in this state when it is given up.
fn stuck(state: &Value) -> Story {
    let mut job = hook("v1");
    job["metadata"]["uid"] = json!("late");
    let mut pod = pod("migrations", 9, "v1");
    let owner = json!([{"kind": "Job", "name": "cg-migrations", "uid": "late", "controller": true}]);
    pod["metadata"]["ownerReferences"] = owner;
    pod["status"] =
        json!({"phase": "Pending", "containerStatuses": [{"name": "migrations", "state": {"waiting": state}}]});
    let why = "what is certain".to_owned();
    let cluster = Moment::Cluster { nodes: Vec::new(), has_other_controllers: false };
    Story::good()
        .failing_install(&why)
        .before(end_of_step(0), cluster)
        .sighting(end_of_step(0), Change::Applied, &job)
        .sighting(end_of_step(0), Change::Applied, &pod)
        .before(end_of_step(0), Moment::EndedEarly { step: 0, why })
}

fn absent() -> Value {
    let message = "failed to resolve reference \"reg.example/codex-pooler:v1\": reg.example/codex-pooler:v1: not found";
    json!({"reason": "ErrImagePull", "message": message})
}

/// A failure would mean that a user reads that a workload is not ready, and not why it never will be.
#[test]
fn an_image_that_does_not_exist_is_told_with_the_registrys_answer() {
    let says = "image `reg.example/codex-pooler:v1` does not exist, its registry answers \
                (`reg.example/codex-pooler:v1: not found`): container `migrations` of pod/cg-migrations-9 of job/cg-migrations";
    check(&PODS_START, &stuck(&absent()), Verdict::Fail, says);
}

/// A failure would mean that a machine without a network finds charts broken.
#[test]
fn what_the_machine_lacks_is_no_fault_of_the_chart() {
    let denied = json!({"reason": "ImagePullBackOff", "message": "failed to authorize: 401 Unauthorized"});
    check(&PODS_START, &stuck(&denied), Verdict::Void, "is not given to this machine");
}

/// A failure would mean that a crash which may pass is told as something that never passes.
#[test]
fn what_may_pass_is_left_to_other_checks() {
    let finding = check(&PODS_START, &stuck(&json!({"reason": "CrashLoopBackOff"})), Verdict::Void, "step 1 (install)");
    assert!(finding.since.is_some(), "it follows from the step: {finding:#?}");
}

/// A failure would mean that a good run does not prove it, or that a step that failed for another reason fails it.
#[test]
fn a_step_that_succeeds_proves_it() {
    check(&PODS_START, &Story::good(), Verdict::Pass, "started");
    let outcome = StepOutcome::HelmFailed { why: "timed out".to_owned() };
    check(&PODS_START, &Story::good().ending(1, &outcome, "timed out"), Verdict::Void, "step 2 (upgrade) failed");
    let bare = Story::good().unrendered(|object| template(object).is_some());
    check(&PODS_START, &bare, Verdict::NotApplicable, "nothing that has pods");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    examples(&PODS_START, &Story::good(), &stuck(&absent()));
}
