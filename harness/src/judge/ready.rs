//! When a workload is ready, by the harness's own rule: helm 3 and helm 4 wait differently.

use serde_json::Value;

/// The kinds whose readiness is waited for and judged.
pub fn is_workload(object: &Value) -> bool {
    let kinds = ["Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "ReplicaSet"];
    object["kind"].as_str().is_some_and(|kind| kinds.contains(&kind))
}

/// What keeps a workload from being ready.
pub fn not_ready(workload: &Value, _pods: &[&Value]) -> Option<String> {
    let status = &workload["status"];
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let wanted = workload["spec"]["replicas"].as_u64().unwrap_or(1);
    let name = workload["metadata"]["name"].as_str().unwrap_or_default();
    if number(&status["observedGeneration"]) < number(&workload["metadata"]["generation"]) {
        return Some(format!("{name}: not observed"));
    }
    match workload["kind"].as_str()? {
        "Deployment" => (number(&status["updatedReplicas"]) != wanted
            || number(&status["availableReplicas"]) != wanted
            || number(&status["replicas"]) != wanted)
            .then(|| format!("Deployment `{name}`: {status}")),
        _ => None,
    }
}
