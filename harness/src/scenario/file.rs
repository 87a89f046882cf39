//! The scenario file, as it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

use super::contract::BackingFile;

/// What is done to the chart, and how it is to end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// What the scenario claims, as a sentence.
    pub description: String,
    /// The chart, relative to the file; by default the contract's.
    pub chart: Option<PathBuf>,
    /// The release's name; by default the chart's.
    pub release: Option<String>,
    /// Helm's `--timeout` for every step, for example `90s`; by default `5m`.
    pub timeout: Option<String>,
    /// Values of every step.
    #[serde(default = "empty")]
    pub values: Value,
    /// Image name to version for every step; by default each image's first version.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Servers besides the contract's.
    #[serde(default)]
    pub backing: BTreeMap<String, BackingFile>,
    /// Secrets besides the contract's, or in place of one; `null`: the contract's is not made.
    #[serde(default)]
    pub secrets: BTreeMap<String, Option<BTreeMap<String, String>>>,
    /// A second release of the chart in the same namespace.
    pub neighbour: Option<NeighbourFile>,
    /// Roles and hooks of the contract that the values switch off.
    #[serde(default)]
    pub without: Vec<String>,
    /// What is done, in order.
    pub steps: Vec<StepFile>,
}

/// A second release of the chart, installed before the first step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighbourFile {
    /// Its release's name.
    pub release: String,
    /// Its values, on top of the scenario's.
    #[serde(default = "empty")]
    pub values: Value,
}

/// A step: a map with exactly one verb, and how it is to end.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    /// `helm install`
    pub install: Option<Options>,
    /// `helm upgrade`
    pub upgrade: Option<Options>,
    /// `helm rollback`
    pub rollback: Option<RollbackOptions>,
    /// `helm uninstall`
    pub uninstall: Option<UninstallOptions>,
    /// A hook's Job outside helm
    #[serde(rename = "run-hook")]
    pub run_hook: Option<RunHookOptions>,
    /// How the step is to end; by default it succeeds.
    pub expect: Option<ExpectFile>,
}

/// Options of a step that renders the chart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Values of this step alone.
    #[serde(default = "empty")]
    pub values: Value,
    /// Image name to version for this step alone.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Helm's `--timeout` for this step.
    pub timeout: Option<String>,
    /// The same once more, as a controller does it every few minutes: it need not change anything.
    #[serde(default)]
    pub again: bool,
}

/// Options of a rollback.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackOptions {
    /// Revision to go back to; by default the one before the current.
    pub to: Option<u32>,
    /// Helm's `--timeout` for this step.
    pub timeout: Option<String>,
}

/// Options of a hook that is run outside helm.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunHookOptions {
    /// The contract's name of the hook.
    pub hook: String,
    /// Values with which the chart renders the hook.
    #[serde(default = "empty")]
    pub values: Value,
    /// Image name to version for this step alone.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// How long the Job may take.
    pub timeout: Option<String>,
}

/// Options of an uninstall.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UninstallOptions {
    /// Helm's `--timeout` for this step.
    pub timeout: Option<String>,
}

impl RollbackOptions {
    /// What it shares with the steps that render.
    pub fn options(&self) -> Options {
        Options { values: empty(), images: BTreeMap::new(), timeout: self.timeout.clone(), again: false }
    }
}

impl RunHookOptions {
    /// What it shares with the other steps that render.
    pub fn options(&self) -> Options {
        Options {
            values: self.values.clone(),
            images: self.images.clone(),
            timeout: self.timeout.clone(),
            again: false,
        }
    }
}

impl UninstallOptions {
    /// What it shares with the steps that render.
    pub fn options(&self) -> Options {
        Options { values: empty(), images: BTreeMap::new(), timeout: self.timeout.clone(), again: false }
    }
}

/// How a step is to end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectFile {
    /// Helm fails, and its message contains this text.
    pub fails: Option<String>,
}

fn empty() -> Value {
    json!({})
}
