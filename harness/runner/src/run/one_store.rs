//! Whether the resource versions of different kinds count the same writes, on a cluster that chartgate did not make.
//!
//! It is tried out: objects of the kinds whose order is proven are written in turns. In one store each write has a higher version than the one
//! before it; the versions of two stores are far from each other, and would have to meet by chance in every turn.

use anyhow::{Context, Result};
use kube::Client;
use serde_json::{Value, json};

use super::apply;

/// How often each object is written.
const TURNS: usize = 3;

/// Writes objects in a namespace of chartgate's own, which nothing runs of.
///
/// # Errors
/// If they cannot be written: then nothing is known.
pub async fn is_so(client: &Client, ns: &str, image: &str) -> Result<bool> {
    let mut versions: Vec<u64> = Vec::new();
    for turn in 0..TURNS {
        for written in apply::all(client, &objects(turn, image), ns).await? {
            let version = written.metadata.resource_version.and_then(|version| version.parse().ok());
            versions.push(version.context("an object's version is no number")?);
        }
    }
    Ok(versions.is_sorted_by(|before, after| before < after))
}

/// One of each kind: a Job that does not start, and a pod that no node gets.
fn objects(turn: usize, image: &str) -> [Value; 4] {
    let metadata = || json!({"name": "chartgate-versions", "annotations": {"chartgate.dev/turn": turn.to_string()}});
    let containers = json!([{
        "name": "never",
        "image": image,
        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1m", "memory": "1Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false, "runAsNonRoot": true, "runAsUser": 65532,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
        },
    }]);
    let template = json!({"spec": {"restartPolicy": "Never", "containers": &containers}});
    let gates = json!([{"name": "chartgate.dev/never"}]);
    let spec = json!({"restartPolicy": "Never", "containers": containers, "schedulingGates": gates});
    let job = json!({"suspend": true, "template": template});
    [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata()}),
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata(), "spec": job}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(), "spec": spec}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata()}),
    ]
}
