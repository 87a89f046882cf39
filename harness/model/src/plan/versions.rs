//! The versions that a plan is run on, where a run has several.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A version of helm and one of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Versions {
    /// Kubernetes' minor version, or the whole one of a user's cluster.
    pub kubernetes: String,
    /// Helm's major version.
    pub helm: String,
}

impl Versions {
    /// The name of a directory for them.
    pub fn directory(&self) -> String {
        format!("helm-{}-kubernetes-{}", self.helm, self.kubernetes)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Helm {}, Kubernetes {}", self.helm, self.kubernetes)
    }
}
