//! What a cluster can do for a run, whoever made it.

use serde::{Deserialize, Serialize};

/// What a run may rely on.
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Capabilities {
    /// Images of this machine's engine can be put on its nodes.
    pub load_images: bool,
    /// One etcd serves all kinds, so resource versions of different kinds can be compared.
    pub single_etcd: bool,
    /// Its DNS is the one that kind sets up, whose readiness can be awaited.
    pub own_dns: bool,
    /// Containers of this machine can join its nodes' network, and its pods reach them.
    pub container_network: bool,
    /// Something in it gives Services of type `LoadBalancer` an address.
    pub load_balancers: bool,
}

impl Capabilities {
    /// Of a kind cluster of this machine, of whoever made it.
    pub const KIND: Self =
        Self { load_images: true, single_etcd: true, own_dns: true, container_network: true, load_balancers: false };
    /// Of a cluster of which nothing is known but how to reach it: it is left to itself.
    pub const UNKNOWN: Self =
        Self { load_images: false, single_etcd: false, own_dns: false, container_network: false, load_balancers: true };
}
