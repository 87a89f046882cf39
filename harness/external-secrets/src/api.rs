//! The operator's API: its group, and the one version that is served.

use kube::api::{ApiResource, GroupVersionKind};

/// The operator's API.
const GROUP: &str = "external-secrets.io";
/// The version that its definitions serve.
const VERSION: &str = "v1";

/// Group and version of all its kinds.
pub fn api_version() -> String {
    format!("{GROUP}/{VERSION}")
}

/// A kind of the operator's.
pub fn resource(kind: &str) -> ApiResource {
    let plural = format!("{}s", kind.to_lowercase());
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), &plural)
}
