//! The scenario file, as it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::backing::BackingFile;
use super::contract::RequirementFile;

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
    /// What must be in the cluster besides the contract's.
    #[serde(default)]
    pub requires: Vec<RequirementFile>,
    /// A second release of the chart in the same namespace.
    pub neighbour: Option<NeighbourFile>,
    /// Roles and hooks of the contract that the values switch off.
    #[serde(default)]
    pub without: Vec<String>,
    /// What an upgrade starts from; several are upgraded through, in this order. By default the chart itself.
    #[serde(default, deserialize_with = "one_or_several")]
    pub from: Vec<String>,
    /// Requests through the Service of a role, for example `50/s`.
    #[serde(default)]
    pub traffic: BTreeMap<String, String>,
    /// How many websocket sessions of a role are kept open.
    #[serde(default)]
    pub sessions: BTreeMap<String, u32>,
    /// An answer under traffic that takes longer is a failure; by default `5s`.
    pub slow: Option<String>,
    /// Worker nodes, on a cluster of the scenario's own.
    #[serde(default)]
    pub workers: u8,
    /// The release's namespace.
    #[serde(default)]
    pub namespace: NamespaceFile,
    /// What is done, in order.
    pub steps: Vec<StepFile>,
}

/// What an administrator set up in the release's namespace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamespaceFile {
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
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
    /// A fault that happens to a release at rest.
    pub fault: Option<Value>,
    /// Role to number of pods.
    pub scale: Option<BTreeMap<String, u32>>,
    /// `helm test`
    pub test: Option<TestOptions>,
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
    /// What goes wrong during the step.
    pub fault: Option<Value>,
    /// Helm's `--atomic`, which Helm 4 calls `--rollback-on-failure`.
    #[serde(default)]
    pub atomic: bool,
    /// Helm's `--reuse-values`: only this step's own values come on top of the release's.
    #[serde(default, rename = "reuse-values")]
    pub reuse_values: bool,
}

/// Options of a rollback.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackOptions {
    /// Revision to go back to; by default the one before the current.
    pub to: Option<u32>,
    /// Helm's `--timeout` for this step.
    pub timeout: Option<String>,
    /// What goes wrong during the step.
    pub fault: Option<Value>,
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

/// Options of `helm test`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestOptions {
    /// Helm's `--timeout` for this step.
    pub timeout: Option<String>,
}

impl Options {
    /// What a step has that renders nothing.
    pub fn only(timeout: Option<&String>, fault: Option<&Value>) -> Self {
        Self {
            values: empty(),
            images: BTreeMap::new(),
            timeout: timeout.cloned(),
            again: false,
            fault: fault.cloned(),
            atomic: false,
            reuse_values: false,
        }
    }
}

impl RunHookOptions {
    /// What it shares with the other steps that render.
    pub fn options(&self) -> Options {
        Options {
            values: self.values.clone(),
            images: self.images.clone(),
            ..Options::only(self.timeout.as_ref(), None)
        }
    }
}

/// How a step is to end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectFile {
    /// Helm fails, and its message contains this text.
    pub fails: Option<String>,
}

/// Reads a list, of which one alone may be written as such. (An untagged enum would lose the place of a mistake.)
fn one_or_several<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<String>, D::Error> {
    struct OneOrSeveral;

    impl<'de> Visitor<'de> for OneOrSeveral {
        type Value = Vec<String>;

        fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
            out.write_str("a version to upgrade from, or a list of them")
        }

        fn visit_str<E: serde::de::Error>(self, one: &str) -> Result<Self::Value, E> {
            Ok(vec![one.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut several: A) -> Result<Self::Value, A::Error> {
            std::iter::from_fn(|| several.next_element().transpose()).collect()
        }
    }

    reader.deserialize_any(OneOrSeveral)
}

fn empty() -> Value {
    json!({})
}
