use serde_json::{Value, json};

use super::{is_pod_of, not_ready};
use crate::typed::Object;

fn workload(kind: &str, spec: &Value, status: &Value) -> Object {
    let metadata = json!({"name": "x", "uid": "u", "generation": 2});
    let mut spec = spec.clone();
    spec["selector"] = json!({"matchLabels": {"app": "x"}});
    json!({"kind": kind, "metadata": metadata, "spec": spec, "status": status}).into()
}

#[track_caller]
fn check(kind: &str, spec: &Value, status: &Value, expected: Option<&str>) {
    let found = not_ready(&workload(kind, spec, status), &[]);
    match expected {
        None => assert_eq!(found, None),
        Some(says) => assert!(found.as_ref().is_some_and(|found| found.contains(says)), "`{says}` is not in {found:?}"),
    }
}

/// A failure would mean that the pod of `helm test` is taken for one of the application, and its image for an old one.
#[test]
fn a_hook_is_no_pod_of_a_workload() {
    let deployment = workload("Deployment", &json!({}), &Value::Null);
    let mut pod = json!({"kind": "Pod", "metadata": {"name": "x-test", "labels": {"app": "x"}}});
    assert!(is_pod_of(&deployment, &pod.clone().into()));
    pod["metadata"]["annotations"] = json!({"helm.sh/hook": "test"});
    assert!(!is_pod_of(&deployment, &pod.into()));
}

/// A failure would mean that a half-finished rollout counts as done, or that a finished one is waited for.
#[test]
fn a_deployment_is_ready_with_all_pods_new_and_available() {
    let spec = json!({"replicas": 2});
    let status = |observed: u64, updated: u64, all: u64, available: u64| json!({"observedGeneration": observed, "updatedReplicas": updated, "replicas": all, "availableReplicas": available});
    check("Deployment", &spec, &status(2, 2, 2, 2), None);
    check("Deployment", &spec, &status(1, 2, 2, 2), Some("generation 2"));
    check("Deployment", &spec, &status(2, 1, 2, 2), Some("1 with the new template"));
    check("Deployment", &spec, &status(2, 2, 3, 2), Some("1 with the old template"));
    check("Deployment", &spec, &status(2, 2, 2, 1), Some("1 of 2 pods available"));
    check("Deployment", &json!({"replicas": 0}), &json!({"observedGeneration": 2}), None);
    check("Deployment", &spec, &Value::Null, Some("not yet seen"));
}

/// A failure would mean that a StatefulSet is taken for ready while it still rolls.
#[test]
fn a_stateful_set_is_ready_with_its_partition_updated() {
    let status = |ready: u64, updated: u64, current: &str| json!({"observedGeneration": 2, "readyReplicas": ready, "updatedReplicas": updated, "currentRevision": current, "updateRevision": "new"});
    let spec = json!({"replicas": 2});
    check("StatefulSet", &spec, &status(2, 2, "new"), None);
    check("StatefulSet", &spec, &status(1, 2, "new"), Some("1 of 2 pods ready"));
    check("StatefulSet", &spec, &status(2, 1, "old"), Some("1 of 2 pods with the new template"));
    let partition = json!({"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}});
    check("StatefulSet", &partition, &status(2, 1, "old"), None);
    check("StatefulSet", &json!({"replicas": 2, "updateStrategy": {"type": "OnDelete"}}), &status(2, 0, "old"), None);
}

/// A failure would mean that DaemonSets and Jobs are not waited for: helm itself does not always.
#[test]
fn daemon_sets_and_jobs_have_rules_of_their_own() {
    let daemons = |updated: u64, available: u64| json!({"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": updated, "numberAvailable": available});
    check("DaemonSet", &json!({}), &daemons(2, 2), None);
    check("DaemonSet", &json!({}), &daemons(1, 2), Some("1 with the new template"));
    check("DaemonSet", &json!({}), &daemons(2, 1), Some("1 of 2 pods available"));
    let condition = |kind: &str| json!({"conditions": [{"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": "m"}]});
    check("Job", &json!({}), &condition("Complete"), None);
    check("Job", &json!({}), &condition("Failed"), Some("BackoffLimitExceeded"));
    check("Job", &json!({}), &json!({"active": 1}), Some("is not complete"));
    check("Job", &json!({"suspend": true}), &json!({}), None);
    check("ConfigMap", &json!({}), &Value::Null, None);
}

/// A failure would mean that nobody learns why a pod does not start.
#[test]
fn the_reason_names_the_pod_and_what_it_waits_for() {
    let deployment = workload("Deployment", &json!({"replicas": 1}), &json!({"observedGeneration": 2}));
    let pod = |status: Value| {
        Object::from(json!({"kind": "Pod", "metadata": {"name": "x-1", "labels": {"app": "x"}}, "status": status}))
    };
    let waiting = json!({"reason": "CrashLoopBackOff", "message": "back-off 10s"});
    let ended = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
    let crashing = pod(
        json!({"phase": "Running", "containerStatuses": [{"name": "c", "state": {"waiting": waiting}, "lastState": ended}]}),
    );
    let stranger = Object::from(
        json!({"kind": "Pod", "metadata": {"name": "y", "labels": {"app": "y"}}, "status": {"phase": "Pending"}}),
    );
    let found = not_ready(&deployment, &[&stranger, &crashing]).expect("it is not ready");
    assert!(
        found.contains(
            "pod/x-1: container `c` waits: CrashLoopBackOff (back-off 10s); before, it ended with exit code 3"
        ),
        "{found}"
    );
    let unready = pod(
        json!({"phase": "Running", "containerStatuses": [{"name": "c", "ready": false, "state": {"running": {}}}]}),
    );
    let found = not_ready(&deployment, &[&unready]).expect("it is not ready");
    assert!(found.contains("container `c` runs but is not ready"), "{found}");
    let conditions =
        json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]);
    let unscheduled = pod(json!({"phase": "Pending", "conditions": conditions}));
    let found = not_ready(&deployment, &[&unscheduled]).expect("it is not ready");
    assert!(found.contains("is not scheduled: Unschedulable (0/1 nodes)"), "{found}");
}
