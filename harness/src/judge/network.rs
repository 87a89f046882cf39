//! The network: who reaches the release's pods, and where its routes lead.

mod guard;
mod ingress;
mod policy;

pub(crate) use guard::{CLOSED_PORT, closed_ports, guarded_roles, guards, is_exclusive, promised_ports};
pub(super) use ingress::INGRESS_LEADS;
pub(super) use policy::NETWORK_POLICY;
