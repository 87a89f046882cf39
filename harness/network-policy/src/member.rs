//! A pod as the network sees it: its addresses, labels and named ports.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};

use crate::Cluster;

/// A pod that has addresses of its own.
pub struct Member<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Its addresses, of both families where it has both.
    pub addresses: BTreeSet<IpAddr>,
    namespace_labels: Option<&'a BTreeMap<String, String>>,
}

/// The pods that have addresses of their own. Pods in the node's network and pods that ended have none; an address that
/// two pods claim is the newer one's, which got it when the older one's network was gone.
pub fn members(cluster: &Cluster) -> Vec<Member<'_>> {
    let labels: BTreeMap<_, _> = cluster.namespaces.iter().map(|ns| (ns.name_any(), ns.labels())).collect();
    let mut newest_first: Vec<_> = cluster.pods.iter().filter(|pod| has_network(pod)).collect();
    newest_first.sort_by_key(|pod| (pod.metadata.deletion_timestamp.is_some(), Reverse(pod.creation_timestamp())));
    let mut taken = BTreeSet::new();
    let mut members = Vec::new();
    for pod in newest_first {
        let addresses = addresses(pod).into_iter().filter(|address| taken.insert(*address)).collect();
        let namespace_labels = pod.namespace().and_then(|ns| labels.get(&ns).copied());
        members.push(Member { pod, addresses, namespace_labels });
    }
    members.sort_by_key(|member| member.pod.uid());
    members
}

fn has_network(pod: &Pod) -> bool {
    let in_the_nodes = pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or(false);
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !in_the_nodes && !matches!(phase, Some("Succeeded" | "Failed"))
}

fn addresses(pod: &Pod) -> BTreeSet<IpAddr> {
    let addresses = pod.status.iter().flat_map(|status| status.pod_ips.iter().flatten());
    addresses.filter_map(|address| address.ip.parse().ok()).collect()
}

impl Member<'_> {
    /// Whether the pod runs on this node.
    pub fn is_on(&self, node: &str) -> bool {
        self.pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node)
    }

    /// Whether a selector of pods means this one.
    pub fn is_selected_by(&self, selector: &LabelSelector) -> bool {
        is_match(selector, self.pod.labels())
    }

    /// Whether a selector of namespaces means this one's. A namespace that is not known is in none.
    pub fn is_in_namespace_selected_by(&self, selector: &LabelSelector) -> bool {
        self.namespace_labels.is_some_and(|labels| is_match(selector, labels))
    }

    /// The number of the port that a container, or a sidecar among the init containers, names.
    pub fn port(&self, name: &str, protocol: &str) -> Option<i32> {
        let spec = self.pod.spec.as_ref()?;
        let sidecars =
            spec.init_containers.iter().flatten().filter(|it| it.restart_policy.as_deref() == Some("Always"));
        let mut ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
        let is_it = |protocol_of: Option<&str>| protocol_of.unwrap_or("TCP") == protocol;
        let port = ports.find(|port| port.name.as_deref() == Some(name) && is_it(port.protocol.as_deref()))?;
        Some(port.container_port)
    }
}

/// The API server lets no selector in that cannot be read; one that came in anyway selects nothing.
fn is_match(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    Selector::try_from(selector.clone()).is_ok_and(|selector| selector.matches(labels))
}
