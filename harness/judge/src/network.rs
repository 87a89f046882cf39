//! The network: who reaches the release's pods, and where its routes lead.

mod ingress;
mod policy;

pub(crate) use chartgate_model::guard::{closed_ports, guarded_roles, guards, is_exclusive, promised_ports};
pub(super) use ingress::INGRESS_LEADS;
pub(super) use policy::NETWORK_POLICY;
