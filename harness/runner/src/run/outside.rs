//! What a release makes outside its namespace in a user's cluster: it is gone at the end, unless it was there before.

use std::collections::BTreeSet;

use anyhow::Result;
use chartgate_cluster::{Lease, Outside, Owned};
use chartgate_k8s::object::{api_version, kind, name, namespace};
use kube::Client;
use serde_json::Value;

use super::scope;
use super::stage::Stage;

/// Registers those of these objects that the cluster does not have yet as the lease's own.
pub async fn own(objects: BTreeSet<Outside>, client: &Client, lease: &Lease) -> Result<()> {
    // All that is in a cluster of its own goes with it.
    if lease.is_own() {
        return Ok(());
    }
    for object in objects {
        if !object.is_there(client).await? {
            lease.owns(Owned::Outside(object)).await?;
        }
    }
    Ok(())
}

/// Registers these objects, which the lease has made.
pub async fn own_made(objects: BTreeSet<Outside>, lease: &Lease) -> Result<()> {
    for object in objects {
        lease.owns(Owned::Outside(object)).await?;
    }
    Ok(())
}

/// Those of the objects that the cluster lacks, each registered as the lease's own if it is outside the namespace: what is there
/// already is someone's, unless the cluster is the lease's.
pub async fn missing(objects: Vec<Value>, stage: &Stage, lease: &Lease) -> Result<Vec<Value>> {
    if lease.is_own() {
        return Ok(objects);
    }
    let mut missing = Vec::new();
    for object in objects {
        let outside = of([&object].into_iter(), &stage.ns).pop_first();
        if let Some(outside) = outside {
            if outside.is_there(&stage.client).await? {
                continue;
            }
            lease.owns(Owned::Outside(outside)).await?;
        }
        missing.push(object);
    }
    Ok(missing)
}

/// Those of these objects that are outside the namespace.
pub fn of<'a>(made: impl Iterator<Item = &'a Value>, ns: &str) -> BTreeSet<Outside> {
    let reaching = made.filter(|object| !scope::is_inside(object, ns));
    let describe = |object: &Value| Outside {
        api_version: api_version(object).to_owned(),
        kind: kind(object).to_owned(),
        namespace: namespace(object).unwrap_or(ns).to_owned(),
        name: name(object).to_owned(),
    };
    reaching.map(describe).filter(|object| !object.name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that a user's cluster keeps what a run made, or loses what it had.
    #[test]
    fn what_is_outside_the_namespace_is_known_by_kind_namespace_and_name() {
        let object = |version: &str, kind: &str, ns: Option<&str>| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": ns}});
        let made = [
            object("v1", "Service", None),
            object("v1", "Service", Some("ours")),
            object("rbac.authorization.k8s.io/v1", "ClusterRole", None),
            object("rbac.authorization.k8s.io/v1", "ClusterRole", None),
            object("rbac.authorization.k8s.io/v1", "RoleBinding", Some("kube-system")),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "x-"}}),
        ];
        let found = of(made.iter(), "ours");
        let found: Vec<_> = found.iter().map(|it| (it.kind.as_str(), it.namespace.as_str())).collect();
        assert_eq!(found, [("ClusterRole", "ours"), ("RoleBinding", "kube-system")]);
    }
}
