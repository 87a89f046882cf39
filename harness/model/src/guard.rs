//! Which pods a `NetworkPolicy` guards, and what it is to let pass: the runner asks by it, and the judge judges by it.

use std::collections::{BTreeMap, BTreeSet};

use chartgate_k8s::selector::matches;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;

use crate::plan::{Plan, Serves};
use chartgate_k8s::object::{declared_ports, is_selected, kind, port_of, template};

/// Nothing listens there, and nobody asks for it: the protocol "discard" went out of use.
pub const CLOSED_PORT: u16 = 9;

/// Whether an object is a policy that decides who may ask the pods that it selects.
pub fn is_guard(object: &Value) -> bool {
    // A policy without types is one of ingress (Kubernetes' API, `NetworkPolicySpec`).
    let types = object["spec"]["policyTypes"].as_array();
    kind(object) == "NetworkPolicy"
        && types.is_none_or(|types| types.is_empty() || types.iter().any(|it| it == "Ingress"))
}

/// Whether a policy decides who may ask this pod (or the pods of this template).
pub fn guards(policy: &Value, pod: &Value) -> bool {
    let labels: BTreeMap<String, String> =
        serde_json::from_value(pod["metadata"]["labels"].clone()).unwrap_or_default();
    let selector = serde_json::from_value::<LabelSelector>(policy["spec"]["podSelector"].clone());
    // The API server lets no selector in that cannot be read.
    is_guard(policy) && selector.is_ok_and(|selector| matches(&selector, &labels))
}

/// The serving roles of which some objects hold pods, and policies that decide who may ask them.
pub fn guarded_roles<'p>(plan: &'p Plan, objects: &[&Value]) -> BTreeSet<&'p str> {
    let policies: Vec<&Value> = objects.iter().copied().filter(|object| is_guard(object)).collect();
    let pods: Vec<&Value> = objects.iter().filter_map(|object| template(object)).collect();
    let is_guarded = |select: &str| {
        pods.iter().any(|pod| is_selected(select, pod) && policies.iter().any(|policy| guards(policy, pod)))
    };
    let serving = plan.present_roles().filter(|(_, role)| role.serves.is_some());
    serving.filter(|(_, role)| is_guarded(&role.select)).map(|(name, _)| name.as_str()).collect()
}

/// The ports of a pod that those who may ask reach: the serving one, and what the contract names besides.
pub fn promised_ports(serves: &Serves, pod: &Value) -> BTreeSet<u16> {
    let further = serves.network.iter().flat_map(|network| &network.ports);
    std::iter::once(&serves.port).chain(further).filter_map(|port| port_of(pod, port)).collect()
}

/// Ports of a pod that nobody reaches: what else it declares, the serving port's neighbour, and one that has no use at all.
pub fn closed_ports(serves: &Serves, pod: &Value) -> BTreeSet<u16> {
    let neighbour = port_of(pod, &serves.port).and_then(|port| port.checked_add(1));
    let all: BTreeSet<u16> = declared_ports(pod).chain(neighbour).chain([CLOSED_PORT]).collect();
    all.difference(&promised_ports(serves, pod)).copied().collect()
}

/// Whether not anyone may ask.
pub fn is_exclusive(serves: &Serves) -> bool {
    serves.network.as_ref().is_some_and(|network| network.from.is_some())
}
