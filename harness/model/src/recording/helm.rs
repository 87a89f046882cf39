//! What helm did.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// Helm succeeded and every workload was ready by the harness's own rule.
    Succeeded,
    /// Helm failed.
    HelmFailed {
        /// Helm's own words.
        why: String,
    },
    /// Helm succeeded, but a workload was not ready in time.
    NotReady {
        /// What was not ready, and what was seen of it.
        why: String,
    },
    /// Helm was killed, as the step's fault asks.
    Interrupted,
    /// It failed at something that a stub image cannot do in the application's place, so nothing is known of the chart.
    NotExamined {
        /// What the stub cannot do.
        why: String,
    },
}

/// A call of helm that changed the release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HelmCall {
    /// Index in the plan's steps.
    pub step: usize,
    /// Helm's version, for example `4.3.2`.
    #[serde(default)]
    pub version: String,
    /// Arguments, without the program.
    pub args: Vec<String>,
    /// Exit status; `None`: ended by a signal or by the deadline.
    pub status: Option<i32>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// End of its standard error.
    pub stderr: String,
}

/// The release after a step: `helm status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Release {
    /// Index in the plan's steps.
    pub step: usize,
    /// Revision number, from 1.
    pub revision: u32,
    /// Helm's word: `deployed`, `failed`, `pending-upgrade`, …
    pub status: String,
    /// Hashes of the manifest's objects, hooks not included.
    pub objects: Vec<String>,
    /// The chart's hooks.
    pub hooks: Vec<HookRun>,
    /// What helm says of the revision, for example why it failed.
    #[serde(default)]
    pub description: String,
    /// The values that it was given, the chart's own not included; `None`: not recorded.
    #[serde(default)]
    pub values: Option<Value>,
}

/// A hook of the release, as helm lists it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HookRun {
    /// Hash of the hook's object.
    pub object: String,
    /// `helm.sh/hook` events.
    pub events: Vec<String>,
    /// `helm.sh/hook-weight`.
    pub weight: i64,
}
