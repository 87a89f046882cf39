//! Who is isolated on a node, and the chains that let traffic pass.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec};
use kube::ResourceExt;

use crate::member::{Member, members};
use crate::peer::{Peer, address_statements};
use crate::port;

/// What the ruleset follows from.
#[derive(Default)]
pub struct Cluster {
    /// All pods.
    pub pods: Vec<Arc<Pod>>,
    /// All namespaces.
    pub namespaces: Vec<Arc<Namespace>>,
    /// All policies.
    pub policies: Vec<Arc<NetworkPolicy>>,
}

/// The way of a packet, seen from the isolated pod.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The pod receives it.
    Ingress,
    /// The pod sends it.
    Egress,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    /// Which of the packet's addresses is the isolated pod's.
    fn own_side(self) -> &'static str {
        match self {
            Self::Ingress => "daddr",
            Self::Egress => "saddr",
        }
    }

    /// Which of the packet's addresses is the peer's.
    pub fn peer_side(self) -> &'static str {
        match self {
            Self::Ingress => "saddr",
            Self::Egress => "daddr",
        }
    }
}

/// What `nft -f` loads on the node in place of what it loaded last, in one transaction.
///
/// Each isolated pod has a chain for each direction in which it is isolated. The chain returns a packet that a rule lets pass, and
/// drops what is left. Only forwarded packets come here, after a Service's address was replaced: what the node itself sends
/// to its pods, a kubelet's probes above all, passes by.
pub fn ruleset(cluster: &Cluster, node: &str) -> String {
    let members = members(cluster);
    let mut chains = String::new();
    let mut forward = "\t\tct state established,related accept\n".to_owned();
    for direction in [Direction::Egress, Direction::Ingress] {
        for member in members.iter().filter(|member| member.is_on(node) && !member.addresses.is_empty()) {
            let policies: Vec<_> = cluster.policies.iter().filter(|it| isolates(it, member, direction)).collect();
            if policies.is_empty() {
                continue;
            }
            let chain = format!("{}-{}", direction.name(), member.pod.uid().unwrap_or_default());
            chains += &chain_of(&chain, member, direction, &policies, &members);
            for packet in address_statements(direction.own_side(), &member.addresses) {
                let _infallible = writeln!(forward, "\t\t{packet}jump {chain}");
            }
        }
    }
    // A table must be there to be deleted.
    format!(
        "add table inet network-policy\ndelete table inet network-policy\ntable inet network-policy {{\n{chains}\
         \tchain forward {{\n\t\ttype filter hook forward priority filter; policy accept;\n{forward}\t}}\n}}\n"
    )
}

/// Whether the policy isolates the pod in this direction. A policy that names no types is about ingress, and about egress too
/// if it has rules for it.
fn isolates(policy: &NetworkPolicy, member: &Member, direction: Direction) -> bool {
    let Some(spec) = &policy.spec else { return false };
    let is_about = match spec.policy_types.as_deref() {
        None | Some([]) => direction == Direction::Ingress || spec.egress.as_ref().is_some_and(|it| !it.is_empty()),
        Some(types) => types.iter().any(|it| it.eq_ignore_ascii_case(direction.name())),
    };
    let is_selected = spec.pod_selector.as_ref().is_none_or(|selector| member.is_selected_by(selector));
    is_about && is_selected && policy.metadata.namespace == member.pod.metadata.namespace
}

/// The pod's chain: what any rule of any policy lets pass, and the pod's own traffic to itself, which no policy can forbid.
fn chain_of(
    chain: &str,
    member: &Member,
    direction: Direction,
    policies: &[&Arc<NetworkPolicy>],
    members: &[Member],
) -> String {
    let mut passing: BTreeSet<String> =
        address_statements(direction.peer_side(), &member.addresses).into_iter().collect();
    for policy in policies {
        let ns = policy.metadata.namespace.as_deref().unwrap_or_default();
        for rule in policy.spec.iter().flat_map(|spec| rules(spec, direction)) {
            for peer in Peer::all_of(rule.peers, ns, members) {
                passing.extend(match rule.ports {
                    None | Some([]) => peer.statements(direction.peer_side()),
                    Some(ports) => {
                        ports.iter().flat_map(|it| port::statements(it, &peer, direction, member, members)).collect()
                    }
                });
            }
        }
    }
    let name = format!("{}/{}", member.pod.namespace().unwrap_or_default(), member.pod.name_any());
    // The kernel keeps 128 bytes of a comment.
    let mut text = format!("\tchain {chain} {{\n\t\tcomment \"{name:.120}\"\n");
    for packet in passing {
        let _infallible = writeln!(text, "\t\t{packet}return");
    }
    text + "\t\tdrop\n\t}\n"
}

/// A rule of either direction.
struct Rule<'a> {
    peers: Option<&'a [NetworkPolicyPeer]>,
    ports: Option<&'a [NetworkPolicyPort]>,
}

fn rules(spec: &NetworkPolicySpec, direction: Direction) -> Vec<Rule<'_>> {
    match direction {
        Direction::Ingress => {
            let rules = spec.ingress.iter().flatten();
            rules.map(|it| Rule { peers: it.from.as_deref(), ports: it.ports.as_deref() }).collect()
        }
        Direction::Egress => {
            let rules = spec.egress.iter().flatten();
            rules.map(|it| Rule { peers: it.to.as_deref(), ports: it.ports.as_deref() }).collect()
        }
    }
}
