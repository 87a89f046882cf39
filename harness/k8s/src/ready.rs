//! When a workload is ready, by its own rule: the runner waits by it and the check `ready` judges by it.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, ReplicationController};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::selector::matches;
pub use super::trouble::trouble;
use super::trouble::{creation_failure, creation_message};
use super::typed::Object;

/// Whether an object of a manifest is something that becomes ready.
pub fn is_workload(object: &Object) -> bool {
    matches!(
        object.kind(),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" | "Pod"
    )
}

/// Whether an object of a manifest lives in a namespace, where it names one.
pub fn is_in(ns: &str, object: &Object) -> bool {
    object.namespace().is_none_or(|own| own == ns)
}

/// Whether an object is a Job that is removed once it has ended (`ttlSecondsAfterFinished`).
pub fn goes_when_done(object: &Object) -> bool {
    let spec = object.typed::<Job>().and_then(|job| job.spec.as_ref());
    spec.is_some_and(|spec| spec.ttl_seconds_after_finished.is_some())
}

/// What keeps a live workload from being ready, with what was seen of its pods, or why there are none; `None`: it is ready, or no
/// workload. `among` are the objects of its namespace.
pub fn not_ready(workload: &Object, among: &[&Object]) -> Option<String> {
    let why = match workload.kind() {
        "Deployment" => deployment(workload),
        "StatefulSet" => stateful_set(workload),
        "DaemonSet" => daemon_set(workload),
        "ReplicaSet" | "ReplicationController" => replica_set(workload),
        "Job" => job(workload),
        "Pod" => pod(workload),
        _ => None,
    }?;
    let mut pods = among.iter().filter(|object| object.is::<Pod>() && is_pod_of(workload, object));
    let of_pod = pods.find_map(|pod| Some(format!("; pod/{}: {}", pod.name(), trouble(pod)?)));
    let cause = of_pod.or_else(|| {
        let refused = creation_message(creation_failure(workload, among)?);
        Some(format!("; no pod can be made: {refused}"))
    });
    Some(format!("{} {why}{}", workload.slashed(), cause.unwrap_or_default()))
}

/// Whether a pod belongs to a workload: by the workload's selector, or by ownership.
pub fn is_pod_of(workload: &Object, pod: &Object) -> bool {
    // The pod of `helm test` often has the labels of the workload that it asks.
    if pod.is_hook() {
        return false;
    }
    match workload.kind() {
        "Pod" => false,
        "Job" => pod.is_owned_by(workload.uid()),
        _ => selector(workload).is_some_and(|selector| matches(&selector, pod.labels())),
    }
}

/// What a workload selects its pods by; `None`: it has no selector, or one that says nothing.
fn selector(workload: &Object) -> Option<LabelSelector> {
    if let Some(controller) = workload.typed::<ReplicationController>() {
        let labels = controller.spec.as_ref()?.selector.clone().filter(|labels| !labels.is_empty())?;
        return Some(LabelSelector { match_labels: Some(labels), ..LabelSelector::default() });
    }
    let selector = workload.common().spec.selector.clone()?;
    selector.match_labels.as_ref().is_some_and(|labels| !labels.is_empty()).then_some(selector)
}

fn wanted(workload: &Object) -> i64 {
    workload.common().spec.replicas.unwrap_or(1)
}

/// The controller has not yet looked at the newest specification: its status speaks of an older one.
fn unobserved(workload: &Object) -> Option<String> {
    let generation = workload.metadata().generation.unwrap_or_default();
    let is_older = workload.common().status.observed_generation.unwrap_or_default() < generation;
    is_older.then(|| format!("was not yet seen by its controller in generation {generation}"))
}

fn deployment(workload: &Object) -> Option<String> {
    unobserved(workload).or_else(|| {
        let status = workload.typed::<Deployment>().and_then(|it| it.status.clone()).unwrap_or_default();
        let wanted = wanted(workload);
        let [updated, all, available] = [status.updated_replicas, status.replicas, status.available_replicas]
            .map(|count| i64::from(count.unwrap_or_default()));
        if updated == wanted && all == wanted && available == wanted {
            return None;
        }
        let stuck = workload.condition("Progressing").filter(|found| found.is_false());
        let stuck = stuck.map_or(String::new(), |found| format!(" ({})", found.reason));
        let old = if all > updated { format!(", {} with the old template", all - updated) } else { String::new() };
        Some(format!("has {available} of {wanted} pods available, {updated} with the new template{old}{stuck}"))
    })
}

fn stateful_set(workload: &Object) -> Option<String> {
    unobserved(workload).or_else(|| {
        let set = workload.typed::<StatefulSet>()?;
        let (spec, status) = (set.spec.clone().unwrap_or_default(), set.status.clone().unwrap_or_default());
        let (strategy, wanted) = (spec.update_strategy.unwrap_or_default(), wanted(workload));
        let ready = i64::from(status.ready_replicas.unwrap_or_default());
        let is_settling = spec.min_ready_seconds.is_some_and(|seconds| seconds > 0);
        let available = if is_settling { i64::from(status.available_replicas.unwrap_or_default()) } else { ready };
        if ready != wanted || available != wanted {
            return Some(format!("has {} of {wanted} pods ready", ready.min(available)));
        }
        if strategy.type_.as_deref() == Some("OnDelete") {
            return None;
        }
        let partition = strategy.rolling_update.and_then(|rolling| rolling.partition).unwrap_or_default();
        let due = (wanted - i64::from(partition)).max(0);
        let is_current = status.current_revision == status.update_revision;
        let updated = if is_current { wanted } else { status.updated_replicas.unwrap_or_default().into() };
        (updated < due).then(|| format!("has {updated} of {due} pods with the new template"))
    })
}

fn daemon_set(workload: &Object) -> Option<String> {
    unobserved(workload).or_else(|| {
        let set = workload.typed::<DaemonSet>()?;
        let status = set.status.clone().unwrap_or_default();
        let (updated, available) = (status.updated_number_scheduled.unwrap_or_default(), status.number_available);
        let (wanted, available) = (status.desired_number_scheduled, available.unwrap_or_default());
        let strategy = set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref()?.type_.as_deref());
        let due = if strategy == Some("OnDelete") { 0 } else { wanted };
        let is_done = updated >= due && available >= wanted;
        (!is_done).then(|| format!("has {available} of {wanted} pods available, {updated} with the new template"))
    })
}

fn replica_set(workload: &Object) -> Option<String> {
    unobserved(workload).or_else(|| {
        let (available, wanted) = (workload.common().status.available_replicas, wanted(workload));
        (available != wanted).then(|| format!("has {available} of {wanted} pods available"))
    })
}

fn job(workload: &Object) -> Option<String> {
    let job = workload.typed::<Job>()?;
    if workload.has_condition("Complete") || job.spec.as_ref().is_some_and(|spec| spec.suspend == Some(true)) {
        return None;
    }
    let failed = workload.condition("Failed").filter(|found| found.is_true());
    let failed = failed.map(|failed| format!("failed: {} ({})", failed.reason, failed.message));
    failed.or_else(|| {
        let active = job.status.as_ref().and_then(|status| status.active).unwrap_or_default();
        Some(format!("is not complete ({active} pods active)"))
    })
}

fn pod(pod: &Object) -> Option<String> {
    if pod.is_ready_pod() || pod.phase() == "Succeeded" {
        return None;
    }
    Some(trouble(pod).map_or_else(|| "is terminating".to_owned(), |trouble| trouble.to_string()))
}

#[cfg(test)]
mod tests;
