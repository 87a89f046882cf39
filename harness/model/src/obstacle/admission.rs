//! Pods that the API server does not let a controller create.

use serde_json::Value;

use super::missing::can_be_made;
use super::{Blame, Obstacle, Outlook, Scene};
use chartgate_k8s::object::{condition_of, is_owned_by, is_terminating, kind, name, quantity, slashed, text};

/// A webhook that denies a pod again and again has not only been slow to start.
const DENIALS: u64 = 5;

/// Why a controller lacks pods: the API server refuses them.
pub(super) fn refused(controller: &Value, scene: &Scene) -> Option<Obstacle> {
    if !lacks_pods(controller, scene) {
        return None;
    }
    // Each pod has a name of its own, so each refusal may have an Event of its own.
    let refusals: Vec<&Value> = scene.events(controller, "FailedCreate").collect();
    let said = text(&refusals.last()?["message"]);
    let count = refusals.iter().map(|refusal| refusal["count"].as_u64().unwrap_or(1)).sum();
    let outlook = if is_final(said, count, scene) { Outlook::Certain } else { Outlook::MayPass };
    let root = scene.root(controller);
    let whose = if name(root) == name(controller) { String::new() } else { format!(" of {}", slashed(root)) };
    let words = said.split_once("Error creating: ").map_or(said, |(_, words)| words);
    let why = format!("{}{whose} may not create its pods: {words}", slashed(controller));
    let hint = "change what the message names in the pod's template, or the namespace's policy";
    Some(Obstacle::of(controller, why, hint, outlook, Blame::Chart))
}

/// Whether a controller has fewer pods than it is to have.
fn lacks_pods(controller: &Value, scene: &Scene) -> bool {
    let (spec, status) = (&controller["spec"], &controller["status"]);
    let wanted = match kind(controller) {
        "ReplicaSet" | "StatefulSet" | "ReplicationController" => spec["replicas"].as_u64().unwrap_or(1),
        "DaemonSet" => status["desiredNumberScheduled"].as_u64().unwrap_or_default(),
        "Job" if ["Complete", "Failed"].iter().all(|end| condition_of(controller, end).is_none()) => {
            spec["parallelism"].as_u64().unwrap_or(1)
        }
        _ => 0,
    };
    let uid = text(&controller["metadata"]["uid"]);
    let pods = scene.of_kind("Pod").filter(|pod| is_owned_by(pod, uid) && !is_terminating(pod));
    u64::try_from(pods.count()).unwrap_or(u64::MAX) < wanted
}

/// Whether the API server answers the same however often it is asked.
fn is_final(said: &str, count: u64, scene: &Scene) -> bool {
    let has = |words: &str| said.contains(words);
    let quoted_after = |words: &str| said.split_once(words)?.1.split('"').nth(1);
    if has("exceeded quota") {
        return never_fits(said);
    }
    if has("error looking up service account") {
        return quoted_after("serviceaccount").is_some_and(|account| !can_be_made("ServiceAccount", account, scene));
    }
    if has("admission webhook") {
        let is_own = scene.release.iter().any(|made| kind(made).ends_with("WebhookConfiguration"));
        return has("denied the request") && count >= DENIALS && !is_own;
    }
    let is_limited = (has("maximum ") || has("minimum ")) && has(" usage per ");
    has("violates PodSecurity") || has("must specify ") || is_limited || has(" is invalid: ")
}

/// Whether a pod alone asks for more than a quota ever allows: `…, requested: cpu=2, used: cpu=0, limited: cpu=1`.
fn never_fits(said: &str) -> bool {
    let part = |label: &str| said.split_once(label).map(|(_, rest)| rest).unwrap_or_default();
    let amounts = |text: &str| -> Vec<(String, f64)> {
        let until = text.split(", used:").next().unwrap_or_default().split(", limited:").next().unwrap_or_default();
        let pairs = until.split(',').filter_map(|pair| pair.trim().split_once('='));
        pairs.filter_map(|(resource, amount)| Some((resource.to_owned(), quantity(amount)?))).collect()
    };
    let limits = amounts(part("limited: "));
    amounts(part("requested: "))
        .iter()
        .any(|(resource, asked)| limits.iter().any(|(limited, limit)| limited == resource && asked > limit))
}
