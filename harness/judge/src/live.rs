//! What only a cluster shows, of any chart: what the API server, the controllers and the node make of a release.

mod admitted;
pub(crate) mod data;
mod endpoints;
mod idempotent;
mod manifest;
pub(crate) mod own_name;
mod rbac;
mod reinstall;

pub(crate) use admitted::ADMITTED;
pub(crate) use endpoints::SERVICE_ENDPOINTS;
pub(crate) use idempotent::IDEMPOTENT_UPGRADE;
pub(crate) use manifest::LIVE_MATCHES_MANIFEST;
pub(crate) use rbac::RBAC_SUFFICIENT;
pub(crate) use reinstall::REINSTALL_WORKS;
