use chartgate_model::recording::{Change, StepOutcome};
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples};

const QUOTA: &str = "Error creating: pods \"cg-app-7\" is forbidden: exceeded quota: cg, requested: limits.cpu=2";

fn event(message: &str) -> Value {
    json!({
        "kind": "Event", "metadata": {"name": "refused", "uid": "refused"}, "type": "Warning", "reason": "FailedCreate",
        "involvedObject": {"kind": "ReplicaSet", "name": "cg-app-7"}, "message": message,
    })
}

fn replica_set() -> Value {
    let owner = json!({"kind": "Deployment", "name": "cg-app", "uid": "deployment-app"});
    json!({"kind": "ReplicaSet", "metadata": {"name": "cg-app-7", "uid": "rs", "ownerReferences": [owner]}})
}

fn refused(message: &str) -> Story {
    let story = Story::good().sighting(end_of(1), Change::Applied, &replica_set());
    story.sighting(end_of(1), Change::Applied, &event(message))
}

fn failing() -> Story {
    let why = "deployment/cg-app: 0 of 1 pods are available".to_owned();
    refused(QUOTA).ending(1, &StepOutcome::HelmFailed { why }, "Error: timed out")
}

/// A failure would mean that a user reads of a missing pod, and not of the quota that refuses it.
#[test]
fn a_refused_pod_is_told_by_its_workload_with_the_servers_words() {
    let finding = check(&ADMITTED, &failing(), Verdict::Fail, "a ResourceQuota refuses a pod of deployment/cg-app");
    assert!(finding.message.contains("exceeded quota: cg, requested: limits.cpu=2"), "{}", finding.message);
}

/// A failure would mean that a chart is red because a rollout's extra pod met a quota for a moment.
#[test]
fn a_refusal_that_passes_is_advice() {
    check(&ADMITTED, &refused(QUOTA), Verdict::Advice, "a ResourceQuota refuses a pod");
}

/// A failure would mean that a chart is red because an account was made a moment after the pod.
#[test]
fn what_is_no_refusal_at_admission_says_nothing() {
    let message = "Error creating: pods \"x\" is forbidden: error looking up service account cg/web: not found";
    check(&ADMITTED, &refused(message), Verdict::Pass, "no pod was refused");
}

/// A failure would mean that a bare pod which is refused goes to `release-outcome` alone.
#[test]
fn a_pod_that_helm_itself_creates_is_told_by_the_step() {
    let why = format!("failed to create resource: {}", QUOTA.trim_start_matches("Error creating: "));
    let story = Story::good().ending(1, &StepOutcome::HelmFailed { why }, "Error");
    check(&ADMITTED, &story, Verdict::Fail, "a ResourceQuota refuses a pod of a pod of the release");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    examples(&ADMITTED, &Story::good(), &failing());
}
