//! The other end of a rule: anyone, some pods, a block of addresses.

use std::collections::BTreeSet;
use std::fmt;
use std::iter;
use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicyPeer};

use crate::member::Member;

/// Who is at the other end.
pub enum Peer<'a> {
    /// The rule names no one, so it means everyone.
    Anyone,
    /// Pods by their labels and their namespaces' labels.
    Pods(Vec<&'a Member<'a>>),
    /// Addresses, less some.
    Block(Block, Vec<Block>),
}

impl<'a> Peer<'a> {
    /// The peers of a rule in a policy of the namespace `ns`. No list and an empty one both mean everyone.
    pub fn all_of(peers: Option<&[NetworkPolicyPeer]>, ns: &str, members: &'a [Member<'a>]) -> Vec<Self> {
        match peers {
            None | Some([]) => vec![Self::Anyone],
            Some(peers) => peers.iter().filter_map(|peer| Self::new(peer, ns, members)).collect(),
        }
    }

    /// Nothing for a block that cannot be read: it must not let anyone pass.
    fn new(peer: &NetworkPolicyPeer, ns: &str, members: &'a [Member<'a>]) -> Option<Self> {
        if let Some(IPBlock { cidr, except }) = &peer.ip_block {
            let except = except.iter().flatten().map(|cidr| Block::parse(cidr)).collect::<Option<_>>()?;
            return Some(Self::Block(Block::parse(cidr)?, except));
        }
        if peer.pod_selector.is_none() && peer.namespace_selector.is_none() {
            return None;
        }
        let is_selected = |member: &&Member| {
            let is_near = match &peer.namespace_selector {
                Some(selector) => member.is_in_namespace_selected_by(selector),
                None => member.pod.metadata.namespace.as_deref() == Some(ns),
            };
            is_near && peer.pod_selector.as_ref().is_none_or(|selector| member.is_selected_by(selector))
        };
        Some(Self::Pods(members.iter().filter(is_selected).collect()))
    }

    /// What a packet must match, `side` being `saddr` or `daddr`: one statement for each way to be this peer.
    pub fn statements(&self, side: &str) -> Vec<String> {
        match self {
            Self::Anyone => vec![String::new()],
            Self::Pods(pods) => {
                address_statements(side, &pods.iter().flat_map(|pod| pod.addresses.iter().copied()).collect())
            }
            Self::Block(block, except) => {
                let match_of = |is: &str, block: &Block| format!("{} {side} {is}{block} ", family(block.address));
                let except = except.iter().map(|block| match_of("!= ", block));
                vec![iter::once(match_of("", block)).chain(except).collect()]
            }
        }
    }

    /// The addresses of this peer that are `member`'s.
    pub fn addresses_of(&self, member: &Member) -> BTreeSet<IpAddr> {
        let is_peer = |address: &IpAddr| match self {
            Self::Anyone => true,
            Self::Pods(pods) => pods.iter().any(|pod| pod.addresses.contains(address)),
            Self::Block(block, except) => block.contains(*address) && !except.iter().any(|it| it.contains(*address)),
        };
        member.addresses.iter().copied().filter(is_peer).collect()
    }
}

/// A match on a set of addresses: a statement for each family that is in it.
pub fn address_statements(side: &str, addresses: &BTreeSet<IpAddr>) -> Vec<String> {
    let mut statements = Vec::new();
    for family_name in ["ip", "ip6"] {
        let of_family = addresses.iter().filter(|address| family(**address) == family_name);
        let list = of_family.map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if !list.is_empty() {
            statements.push(format!("{family_name} {side} {{ {list} }} "));
        }
    }
    statements
}

/// An address's family in the words of nftables.
pub fn family(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ip" } else { "ip6" }
}

/// A block of addresses with the same first bits.
pub struct Block {
    address: IpAddr,
    bits: u32,
}

impl Block {
    fn parse(cidr: &str) -> Option<Self> {
        let (address, bits) = cidr.split_once('/')?;
        let block = Self { address: address.parse().ok()?, bits: bits.parse().ok()? };
        (block.bits <= block.width()).then_some(block)
    }

    fn width(&self) -> u32 {
        if self.address.is_ipv4() { 32 } else { 128 }
    }

    fn contains(&self, address: IpAddr) -> bool {
        let shift = self.width() - self.bits;
        let prefix = |address: IpAddr| match address {
            IpAddr::V4(address) => u32::from(address).checked_shr(shift).map_or(0, u128::from),
            IpAddr::V6(address) => u128::from(address).checked_shr(shift).unwrap_or(0),
        };
        address.is_ipv4() == self.address.is_ipv4() && prefix(address) == prefix(self.address)
    }
}

impl fmt::Display for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.bits)
    }
}
