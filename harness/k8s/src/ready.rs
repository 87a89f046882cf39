//! When a workload is ready, by its own rule: the runner waits by it and the check `ready` judges by it.

use serde_json::Value;

use super::object::{condition_of, is_hook, is_owned_by, kind, name, text, title};

pub use super::object::{has_condition, is_ready_pod, is_selected};
pub use super::trouble::trouble;
use super::trouble::{creation_failure, creation_message};

/// Whether an object of a manifest is something that becomes ready.
pub fn is_workload(object: &Value) -> bool {
    matches!(
        kind(object),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" | "Pod"
    )
}

/// Whether an object of a manifest lives in a namespace, where it names one.
pub fn is_in(ns: &str, object: &Value) -> bool {
    object["metadata"]["namespace"].as_str().is_none_or(|own| own.is_empty() || own == ns)
}

/// Whether an object is a Job that is removed once it has ended (`ttlSecondsAfterFinished`).
pub fn goes_when_done(object: &Value) -> bool {
    kind(object) == "Job" && object["spec"]["ttlSecondsAfterFinished"].is_u64()
}

/// What keeps a live workload from being ready, with what was seen of its pods, or why there are none; `None`: it is ready, or no
/// workload. `among` are the objects of its namespace.
pub fn not_ready(workload: &Value, among: &[&Value]) -> Option<String> {
    let why = match kind(workload) {
        "Deployment" => deployment(workload),
        "StatefulSet" => stateful_set(workload),
        "DaemonSet" => daemon_set(workload),
        "ReplicaSet" | "ReplicationController" => replica_set(workload),
        "Job" => job(workload),
        "Pod" => pod(workload),
        _ => None,
    }?;
    let mut pods = among.iter().filter(|object| kind(object) == "Pod" && is_pod_of(workload, object));
    let of_pod = pods.find_map(|pod| Some(format!("; pod `{}`: {}", name(pod), trouble(pod)?)));
    let cause = of_pod.or_else(|| {
        let refused = creation_message(creation_failure(workload, among)?);
        Some(format!("; no pod can be made: {refused}"))
    });
    Some(format!("{} {why}{}", title(workload), cause.unwrap_or_default()))
}

/// Whether a pod belongs to a workload: by the workload's selector, or by ownership.
pub fn is_pod_of(workload: &Value, pod: &Value) -> bool {
    // The pod of `helm test` often has the labels of the workload that it asks.
    if is_hook(pod) {
        return false;
    }
    match kind(workload) {
        "Pod" => false,
        "Job" => is_owned_by(pod, text(&workload["metadata"]["uid"])),
        "ReplicationController" => has_labels(pod, &workload["spec"]["selector"]),
        _ => has_labels(pod, &workload["spec"]["selector"]["matchLabels"]),
    }
}

fn has_labels(pod: &Value, wanted: &Value) -> bool {
    let labels = &pod["metadata"]["labels"];
    wanted.as_object().is_some_and(|all| !all.is_empty() && all.iter().all(|(key, value)| labels[key] == *value))
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn wanted(workload: &Value) -> u64 {
    workload["spec"]["replicas"].as_u64().unwrap_or(1)
}

/// The controller has not yet looked at the newest specification: its status speaks of an older one.
fn unobserved(workload: &Value) -> Option<String> {
    let (observed, generation) =
        (count(&workload["status"]["observedGeneration"]), count(&workload["metadata"]["generation"]));
    (observed < generation).then(|| format!("was not yet seen by its controller in generation {generation}"))
}

fn deployment(workload: &Value) -> Option<String> {
    unobserved(workload).or_else(|| {
        let (status, wanted) = (&workload["status"], wanted(workload));
        let [updated, all, available] =
            ["updatedReplicas", "replicas", "availableReplicas"].map(|field| count(&status[field]));
        if updated == wanted && all == wanted && available == wanted {
            return None;
        }
        let stuck = condition_of(workload, "Progressing").filter(|found| found["status"] == "False");
        let stuck = stuck.map_or(String::new(), |found| format!(" ({})", text(&found["reason"])));
        let old = all.saturating_sub(updated);
        let old = if old == 0 { String::new() } else { format!(", {old} with the old template") };
        Some(format!("has {available} of {wanted} pods available, {updated} with the new template{old}{stuck}"))
    })
}

fn stateful_set(workload: &Value) -> Option<String> {
    unobserved(workload).or_else(|| {
        let (status, strategy, wanted) = (&workload["status"], &workload["spec"]["updateStrategy"], wanted(workload));
        let ready = count(&status["readyReplicas"]);
        let is_settling = count(&workload["spec"]["minReadySeconds"]) > 0;
        let available = if is_settling { count(&status["availableReplicas"]) } else { ready };
        if ready != wanted || available != wanted {
            return Some(format!("has {} of {wanted} pods ready", ready.min(available)));
        }
        if strategy["type"] == "OnDelete" {
            return None;
        }
        let due = wanted.saturating_sub(count(&strategy["rollingUpdate"]["partition"]));
        let is_current = status["currentRevision"] == status["updateRevision"];
        let updated = if is_current { wanted } else { count(&status["updatedReplicas"]) };
        (updated < due).then(|| format!("has {updated} of {due} pods with the new template"))
    })
}

fn daemon_set(workload: &Value) -> Option<String> {
    unobserved(workload).or_else(|| {
        let status = &workload["status"];
        let [wanted, updated, available] =
            ["desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable"].map(|field| count(&status[field]));
        let due = if workload["spec"]["updateStrategy"]["type"] == "OnDelete" { 0 } else { wanted };
        let is_done = updated >= due && available >= wanted;
        (!is_done).then(|| format!("has {available} of {wanted} pods available, {updated} with the new template"))
    })
}

fn replica_set(workload: &Value) -> Option<String> {
    unobserved(workload).or_else(|| {
        let (available, wanted) = (count(&workload["status"]["availableReplicas"]), wanted(workload));
        (available != wanted).then(|| format!("has {available} of {wanted} pods available"))
    })
}

fn job(workload: &Value) -> Option<String> {
    if has_condition(workload, "Complete") || workload["spec"]["suspend"] == true {
        return None;
    }
    match condition_of(workload, "Failed").filter(|found| found["status"] == "True") {
        Some(failed) => Some(format!("failed: {} ({})", text(&failed["reason"]), text(&failed["message"]))),
        None => Some(format!("is not complete ({} pods active)", count(&workload["status"]["active"]))),
    }
}

fn pod(pod: &Value) -> Option<String> {
    if is_ready_pod(pod) || pod["status"]["phase"] == "Succeeded" {
        return None;
    }
    Some(trouble(pod).map_or_else(|| "is terminating".to_owned(), |trouble| trouble.to_string()))
}

#[cfg(test)]
mod tests;
