//! Pods that no node takes.

use std::collections::BTreeMap;

use chartgate_k8s::object::quantity;
use chartgate_k8s::typed::{Object, is_sidecar};
use k8s_openapi::api::core::v1::{Container, NodeSelectorRequirement, NodeSelectorTerm, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{Blame, Obstacle, Outlook, Scene, missing};
use crate::recording::Node;

/// Labels that say what a machine is, and that no user puts on a node.
const OF_MACHINES: [&str; 4] =
    ["kubernetes.io/arch", "kubernetes.io/os", "topology.kubernetes.io/", "node.kubernetes.io/"];

/// Why a pod is not scheduled; `None`: it is, or the scheduler has not looked yet.
pub(super) fn unscheduled(pod: &Object, scene: &Scene) -> Option<Obstacle> {
    let said = pod.condition("PodScheduled").filter(|found| found.is_false())?.message.as_str();
    let spec = pod.pod()?.spec;
    let who = scene.subject(pod);
    let may_grow = scene.has_other_controllers || scene.nodes.is_empty();
    let outlook = |is_certain: bool| if is_certain && !may_grow { Outlook::Certain } else { Outlook::MayPass };
    if let Some(wanted) = unmet(spec, scene.nodes) {
        let blame = if OF_MACHINES.iter().any(|label| wanted.contains(label)) { Blame::Machine } else { Blame::Chart };
        let hint = "leave out the selector in the scenario's values, or use a cluster with such a node (`--context`)";
        let why = format!("no node has what {who} asks of one ({wanted})");
        return Some(Obstacle::of(pod, why, hint, outlook(true), blame));
    }
    if let Some(claim) = missing::unmade_claim(pod, scene) {
        return Some(claim);
    }
    let requested = cpu_of(spec);
    let largest = scene.nodes.iter().map(|node| node.millicores).max().unwrap_or_default();
    if said.contains("Insufficient cpu") || said.contains("Insufficient memory") {
        let is_certain = said.contains("Insufficient cpu") && requested > largest;
        let why = format!(
            "{who} does not fit on a node, it requests {requested}m CPU and {largest}m are free on the largest: {said}"
        );
        let hint = "let the scenario request less, or use a larger machine";
        return Some(Obstacle::of(pod, why, hint, outlook(is_certain), Blame::Machine));
    }
    let hint = "see what the scheduler says";
    Some(Obstacle::of(pod, format!("{who} is not scheduled: {said}"), hint, Outlook::MayPass, Blame::Chart))
}

/// What a pod asks of a node and none has, as it stands in the pod; `None`: a node has it, or nothing is known of the nodes.
fn unmet(spec: &PodSpec, nodes: &[Node]) -> Option<String> {
    if nodes.is_empty() {
        return None;
    }
    let none = BTreeMap::new();
    let selector = spec.node_selector.as_ref().unwrap_or(&none);
    let has_labels = |node: &Node| selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
    if !nodes.iter().any(has_labels) {
        return Some(format!("`nodeSelector: {}`", written(selector)));
    }
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref()?;
    let fits = |node: &Node| has_labels(node) && required.node_selector_terms.iter().any(|term| matches(term, node));
    (!nodes.iter().any(fits)).then(|| format!("`nodeAffinity: {}`", written(required)))
}

/// As it stands in the pod.
fn written(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Whether a node fits a term of a required affinity. An operator that is not known here is taken to fit.
fn matches(term: &NodeSelectorTerm, node: &Node) -> bool {
    let mut labels = term.match_expressions.iter().flatten();
    let mut fields = term.match_fields.iter().flatten();
    labels.all(|wanted| holds(wanted, node.labels.get(&wanted.key)))
        && fields.all(|wanted| holds(wanted, Some(&node.name)))
}

fn holds(wanted: &NodeSelectorRequirement, label: Option<&String>) -> bool {
    let is_listed = label.is_some_and(|label| wanted.values.iter().flatten().any(|value| value == label));
    match wanted.operator.as_str() {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        _ => true,
    }
}

/// What the scheduler counts of a pod, in millicores: its containers and sidecars, or its largest init container.
pub fn cpu_of(spec: &PodSpec) -> u64 {
    let of_map = |resources: Option<&BTreeMap<String, Quantity>>| resources?.get("cpu").map(|cpu| cpu.0.clone());
    let of = |container: &Container| {
        let resources = container.resources.as_ref();
        let asked = resources.and_then(|it| of_map(it.requests.as_ref()).or_else(|| of_map(it.limits.as_ref())));
        asked.and_then(|cpu| quantity(&cpu)).unwrap_or_default()
    };
    let init = || spec.init_containers.iter().flatten();
    let sidecars: f64 = init().filter(|container| is_sidecar(container)).map(of).sum();
    let running: f64 = spec.containers.iter().map(of).sum();
    let largest = init().filter(|container| !is_sidecar(container)).map(of).fold(0.0, f64::max);
    let overhead = of_map(spec.overhead.as_ref()).and_then(|cpu| quantity(&cpu)).unwrap_or_default();
    let cores = (sidecars + running).max(largest) + overhead;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a request is never negative, nor anywhere near the limit"
    )]
    let millicores = (cores * 1000.0).ceil() as u64;
    millicores
}
