//! What charts render, and what is said of their files.

use serde::{Deserialize, Serialize};

/// A key that a mapping has twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatedKey {
    /// Where it is, for example `spec.template.spec.restartPolicy`.
    pub path: String,
    /// Whether both have the same value.
    pub is_same: bool,
}

/// What was changed for a render besides those of the steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Nothing: what differs is random, or depends on the time.
    Repeated,
    /// The release has another name.
    Release {
        /// That name.
        name: String,
    },
    /// It is installed in another namespace.
    Namespace {
        /// That namespace.
        name: String,
    },
    /// The chart has a higher version, and so have the charts in it.
    Version {
        /// `version` of `Chart.yaml`.
        chart: String,
        /// `appVersion` of `Chart.yaml`.
        app: Option<String>,
    },
    /// The chart's own values alone, where the scenario gives others.
    Defaults,
}

/// A line of `helm lint`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintMessage {
    /// It is an error; else it is a warning.
    pub is_error: bool,
    /// What helm says, with the file.
    pub what: String,
}
