//! What the API server has, says and was asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// CPU that it has for the pods of releases, in millicores.
    pub millicores: u64,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It existed already when the watch began (or was re-listed).
    Listed,
    /// It was added or modified.
    Applied,
    /// It is gone.
    Deleted,
}

/// A request of a `ServiceAccount`, as often as it was made. Times are in milliseconds since the recording began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// Name of the account.
    pub account: String,
    /// `get`, `list`, `watch`, …
    pub verb: String,
    /// Plural with its subresource, and its group if it has one: `deployments/scale.apps`.
    pub resource: String,
    /// Namespace of what was asked for; empty: the cluster.
    pub namespace: String,
    /// Name of what was asked for; empty: all.
    pub name: String,
    /// When it was refused.
    pub refused: Vec<u64>,
    /// When it was last granted.
    pub granted: Option<u64>,
}

/// Kinds that are not compared: definitions are large, and what their controllers add is not helm's; a stub stands in a pod that is its
/// own workload.
pub const NOT_COMPARED: [&str; 3] = ["CustomResourceDefinition", "APIService", "Pod"];

/// A live object of a release, and what the API server would make of its manifest by server-side apply, which was not carried out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compared {
    /// Index in the plan's steps: after the step's rollout had settled.
    pub step: usize,
    /// Hash of the live object.
    pub live: String,
    /// Hash of what the API server makes of the manifest; `None`: it refused.
    pub applied: Option<String>,
    /// The API server's words where it refused.
    pub refusal: Option<String>,
    /// Paths of the fields that another manager than helm has set.
    pub others: Vec<String>,
}
