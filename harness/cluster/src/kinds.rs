//! Where a cluster keeps the objects of a kind.

use anyhow::{Context, Result};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::discovery::{self, Scope};
use kube::{Api, Client};

use crate::namespace::is_not_found;

/// Objects of a kind in a namespace, or in the cluster where the kind belongs to none.
pub fn api(client: &Client, (resource, scope): &(ApiResource, Scope), ns: &str) -> Api<DynamicObject> {
    match scope {
        Scope::Cluster => Api::all_with(client.clone(), resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), ns, resource),
    }
}

/// The same of a kind that is asked for by its name; `None`: the cluster does not know it (any more), and has none.
pub async fn api_of(client: &Client, api_version: &str, kind: &str, ns: &str) -> Result<Option<Api<DynamicObject>>> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    match discovery::pinned_kind(client, &GroupVersionKind::gvk(group, version, kind)).await {
        Ok((resource, capabilities)) => Ok(Some(api(client, &(resource, capabilities.scope), ns))),
        Err(kube::Error::Discovery(_)) => Ok(None),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("ask the cluster for the kind {kind}")),
    }
}
