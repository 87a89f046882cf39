//! Which pods a `NetworkPolicy` guards, and what it is to let pass: the runner asks by it, and the judge judges by it.

use std::collections::BTreeSet;

use chartgate_k8s::selector::matches;
use chartgate_k8s::typed::{Object, PodTemplate};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::plan::{Plan, Serves};

/// Nothing listens there, and nobody asks for it: the protocol "discard" went out of use.
pub const CLOSED_PORT: u16 = 9;

/// Whether an object is a policy that decides who may ask the pods that it selects.
pub fn is_guard(object: &Object) -> bool {
    // A policy without types is one of ingress (Kubernetes' API, `NetworkPolicySpec`).
    object.typed::<NetworkPolicy>().is_some_and(|policy| {
        let types = policy.spec.as_ref().and_then(|spec| spec.policy_types.as_ref());
        types.is_none_or(|types| types.is_empty() || types.iter().any(|it| it == "Ingress"))
    })
}

/// Whether a policy decides who may ask this pod (or the pods of this template).
pub fn guards(policy: &Object, pod: PodTemplate) -> bool {
    let spec = policy.typed::<NetworkPolicy>().and_then(|policy| policy.spec.as_ref());
    let selects = |selector: &LabelSelector| matches(selector, pod.labels());
    // A policy without a selector is for all pods.
    is_guard(policy) && spec.is_some_and(|spec| spec.pod_selector.as_ref().is_none_or(selects))
}

/// The serving roles of which some objects hold pods, and policies that decide who may ask them.
pub fn guarded_roles<'p>(plan: &'p Plan, objects: &[&Object]) -> BTreeSet<&'p str> {
    let policies: Vec<&Object> = objects.iter().copied().filter(|object| is_guard(object)).collect();
    let pods: Vec<PodTemplate> = objects.iter().filter_map(|object| object.template()).collect();
    let is_guarded = |select: &str| {
        pods.iter().any(|pod| pod.is_selected(select) && policies.iter().any(|policy| guards(policy, *pod)))
    };
    let serving = plan.present_roles().filter(|(_, role)| role.serves.is_some());
    serving.filter(|(_, role)| is_guarded(&role.select)).map(|(name, _)| name.as_str()).collect()
}

/// The ports of a pod that those who may ask reach: the serving one, and what the contract names besides.
pub fn promised_ports(serves: &Serves, pod: PodTemplate) -> BTreeSet<u16> {
    let further = serves.network.iter().flat_map(|network| &network.ports);
    std::iter::once(&serves.port).chain(further).filter_map(|port| pod.port_of(port)).collect()
}

/// Ports of a pod that nobody reaches: what else it declares, the serving port's neighbour, and one that has no use at all.
pub fn closed_ports(serves: &Serves, pod: PodTemplate) -> BTreeSet<u16> {
    let neighbour = pod.port_of(&serves.port).and_then(|port| port.checked_add(1));
    let all: BTreeSet<u16> = pod.declared_ports().chain(neighbour).chain([CLOSED_PORT]).collect();
    all.difference(&promised_ports(serves, pod)).copied().collect()
}

/// Whether not anyone may ask.
pub fn is_exclusive(serves: &Serves) -> bool {
    serves.network.as_ref().is_some_and(|network| network.from.is_some())
}
