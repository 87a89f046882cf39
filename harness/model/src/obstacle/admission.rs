//! Pods that the API server does not let a controller create.

use chartgate_k8s::object::quantity;
use chartgate_k8s::typed::{Object, Said};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::batch::v1::Job;

use super::missing::can_be_made;
use super::{Blame, Obstacle, Outlook, Scene};

/// A webhook that denies a pod again and again has not only been slow to start.
const DENIALS: u64 = 5;

/// Why a controller lacks pods: the API server refuses them.
pub(super) fn refused(controller: &Object, scene: &Scene) -> Option<Obstacle> {
    if !lacks_pods(controller, scene) {
        return None;
    }
    // Each pod has a name of its own, so each refusal may have an Event of its own.
    let refusals: Vec<Said> = scene.events(controller, "FailedCreate").collect();
    let said = refusals.last()?.message();
    let count = refusals.iter().map(|refusal| refusal.count()).sum();
    let outlook = if is_final(said, count, scene) { Outlook::Certain } else { Outlook::MayPass };
    let root = scene.root(controller);
    let whose = if root.name() == controller.name() { String::new() } else { format!(" of {}", root.slashed()) };
    let words = said.split_once("Error creating: ").map_or(said, |(_, words)| words);
    let why = format!("{}{whose} may not create its pods: {words}", controller.slashed());
    let hint = "change what the message names in the pod's template, or the namespace's policy";
    Some(Obstacle::of(controller, why, hint, outlook, Blame::Chart))
}

/// Whether a controller has fewer pods than it is to have.
fn lacks_pods(controller: &Object, scene: &Scene) -> bool {
    let of_daemons = || controller.typed::<DaemonSet>()?.status.as_ref().map(|status| status.desired_number_scheduled);
    let of_job = || controller.typed::<Job>()?.spec.as_ref()?.parallelism;
    let wanted: i64 = match controller.kind() {
        "ReplicaSet" | "StatefulSet" | "ReplicationController" => controller.common().spec.replicas.unwrap_or(1),
        "DaemonSet" => of_daemons().unwrap_or_default().into(),
        "Job" if ["Complete", "Failed"].iter().all(|end| controller.condition(end).is_none()) => {
            of_job().unwrap_or(1).into()
        }
        _ => 0,
    };
    let pods = scene.of_kind("Pod").filter(|pod| pod.is_owned_by(controller.uid()) && !pod.is_terminating());
    i64::try_from(pods.count()).unwrap_or(i64::MAX) < wanted
}

/// Whether the API server answers the same however often it is asked.
fn is_final(said: &str, count: u64, scene: &Scene) -> bool {
    let has = |words: &str| said.contains(words);
    let quoted_after = |words: &str| said.split_once(words)?.1.split('"').nth(1);
    if has("exceeded quota") {
        return never_fits(said);
    }
    if has("error looking up service account") {
        return quoted_after("serviceaccount")
            .is_some_and(|account| !can_be_made("ServiceAccount", account, None, scene));
    }
    if has("admission webhook") {
        let is_own = scene.release.iter().any(|made| made.kind().ends_with("WebhookConfiguration"));
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
