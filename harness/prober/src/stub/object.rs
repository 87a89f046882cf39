//! Objects that are changed on their way into the API server: the fields that the stub reads or changes have names, and all others stay as
//! they came, also those that only a newer Kubernetes knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// What is written back as it was read.
pub(super) type Rest = Map<String, Value>;

/// The two parts of an object that are changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Object<Spec> {
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub spec: Spec,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_references: Option<Vec<Owner>>,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    pub kind: String,
    #[serde(flatten)]
    rest: Rest,
}

impl<Spec: Serialize> Object<Spec> {
    /// The JSON Patch that makes an object into this one.
    pub(super) fn patch(&self) -> Value {
        json!([
            {"op": "replace", "path": "/spec", "value": self.spec},
            {"op": "replace", "path": "/metadata", "value": self.metadata},
        ])
    }
}
