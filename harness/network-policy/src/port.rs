//! The ports of a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::networking::v1::NetworkPolicyPort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::member::Member;
use crate::peer::{Peer, address_statements};
use crate::ruleset::Direction;

/// What a packet between `member` and the peer must match to reach this port. A name means the port that the pod which receives the
/// packet gives it: the isolated one in its ingress, each of the peer's pods in its egress. What no pod names is no port.
pub fn statements(
    port: &NetworkPolicyPort,
    peer: &Peer,
    direction: Direction,
    member: &Member,
    members: &[Member],
) -> Vec<String> {
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    let from_peer = |port: &str| peer.statements(direction.peer_side()).into_iter().map(|it| it + port).collect();
    match &port.port {
        None => from_peer(&format!("meta l4proto {} ", protocol.to_lowercase())),
        Some(IntOrString::Int(first)) => from_peer(&on_ports(protocol, *first, port.end_port)),
        Some(IntOrString::String(name)) => match direction {
            Direction::Ingress => {
                member.port(name, protocol).map_or(vec![], |number| from_peer(&on_ports(protocol, number, None)))
            }
            Direction::Egress => receivers(name, protocol, peer, members)
                .into_iter()
                .flat_map(|(number, addresses)| {
                    let receivers = address_statements(direction.peer_side(), &addresses);
                    receivers.into_iter().map(move |it| it + &on_ports(protocol, number, None))
                })
                .collect(),
        },
    }
}

/// The peer's addresses where pods give the port this name, by its number.
fn receivers(name: &str, protocol: &str, peer: &Peer, members: &[Member]) -> BTreeMap<i32, BTreeSet<IpAddr>> {
    let mut receivers: BTreeMap<i32, BTreeSet<IpAddr>> = BTreeMap::new();
    for member in members {
        if let Some(number) = member.port(name, protocol) {
            receivers.entry(number).or_default().extend(peer.addresses_of(member));
        }
    }
    receivers
}

fn on_ports(protocol: &str, first: i32, last: Option<i32>) -> String {
    let last = last.filter(|last| *last > first).map_or(String::new(), |last| format!("-{last}"));
    format!("{} dport {first}{last} ", protocol.to_lowercase())
}
