//! Pods that no node takes.

use serde_json::Value;

use super::{Blame, Obstacle, Outlook, Scene, missing};
use crate::recording::Node;
use chartgate_k8s::object::{condition_of, items, quantity, text};

/// Labels that say what a machine is, and that no user puts on a node.
const OF_MACHINES: [&str; 4] =
    ["kubernetes.io/arch", "kubernetes.io/os", "topology.kubernetes.io/", "node.kubernetes.io/"];

/// Why a pod is not scheduled; `None`: it is, or the scheduler has not looked yet.
pub(super) fn unscheduled(pod: &Value, scene: &Scene) -> Option<Obstacle> {
    let condition = condition_of(pod, "PodScheduled").filter(|found| found["status"] == "False")?;
    let said = text(&condition["message"]);
    let who = scene.subject(pod);
    let may_grow = scene.has_other_controllers || scene.nodes.is_empty();
    let outlook = |is_certain: bool| if is_certain && !may_grow { Outlook::Certain } else { Outlook::MayPass };
    if let Some(wanted) = unmet(&pod["spec"], scene.nodes) {
        let blame = if OF_MACHINES.iter().any(|label| wanted.contains(label)) { Blame::Machine } else { Blame::Chart };
        let hint = "leave out the selector in the scenario's values, or use a cluster with such a node (`--context`)";
        let why = format!("no node has what {who} asks of one ({wanted})");
        return Some(Obstacle::of(pod, why, hint, outlook(true), blame));
    }
    if let Some(claim) = missing::unmade_claim(pod, scene) {
        return Some(claim);
    }
    let requested = cpu_of(&pod["spec"]);
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
fn unmet(spec: &Value, nodes: &[Node]) -> Option<String> {
    if nodes.is_empty() {
        return None;
    }
    let selector = &spec["nodeSelector"];
    let has_labels = |node: &Node| {
        let mut wanted = selector.as_object().into_iter().flatten();
        wanted.all(|(key, value)| node.labels.get(key).map(String::as_str) == value.as_str())
    };
    if !nodes.iter().any(has_labels) {
        return Some(format!("`nodeSelector: {selector}`"));
    }
    let required = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = required["nodeSelectorTerms"].as_array()?;
    let fits = |node: &Node| has_labels(node) && terms.iter().any(|term| matches(term, node));
    (!nodes.iter().any(fits)).then(|| format!("`nodeAffinity: {required}`"))
}

/// Whether a node fits a term of a required affinity. An operator that is not known here is taken to fit.
fn matches(term: &Value, node: &Node) -> bool {
    let of_labels = items(&term["matchExpressions"]).all(|wanted| holds(wanted, node.labels.get(text(&wanted["key"]))));
    let of_fields = items(&term["matchFields"]).all(|wanted| holds(wanted, Some(&node.name)));
    of_labels && of_fields
}

fn holds(wanted: &Value, label: Option<&String>) -> bool {
    let is_listed = label.is_some_and(|label| items(&wanted["values"]).any(|value| value == label.as_str()));
    match text(&wanted["operator"]) {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        _ => true,
    }
}

/// What the scheduler counts of a pod, in millicores: its containers and sidecars, or its largest init container.
pub fn cpu_of(spec: &Value) -> u64 {
    let of = |container: &Value| {
        let resources = &container["resources"];
        let asked = [&resources["requests"]["cpu"], &resources["limits"]["cpu"]].into_iter().find(|cpu| !cpu.is_null());
        let written = asked.map(|cpu| cpu.as_str().map_or_else(|| cpu.to_string(), str::to_owned));
        written.and_then(|cpu| quantity(&cpu)).unwrap_or_default()
    };
    let is_sidecar = |container: &&Value| container["restartPolicy"] == "Always";
    let init = || items(&spec["initContainers"]);
    let sidecars: f64 = init().filter(is_sidecar).map(of).sum();
    let running: f64 = items(&spec["containers"]).map(of).sum();
    let largest = init().filter(|container| !is_sidecar(container)).map(of).fold(0.0, f64::max);
    let overhead = quantity(text(&spec["overhead"]["cpu"])).unwrap_or_default();
    let cores = (sidecars + running).max(largest) + overhead;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a request is never negative, nor anywhere near the limit"
    )]
    let millicores = (cores * 1000.0).ceil() as u64;
    millicores
}
