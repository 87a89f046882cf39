//! The scenario file, as it is written. Its documentation is the reference's, and what editors show.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use chartgate_model::plan::Neighbour;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::apply::ApplyFile;
use super::backing::BackingFile;
use super::contract::{CheckName, RequirementFile};
use super::fault::{Disruption, FaultFile, FaultOfHelm};
use super::from::FromFile;
use super::helm::{HelmFile, ServerSideFile};
use super::scalar::{Duration, Rate};

/// Values of a chart, as in its `values.yaml`. Templates may stand in their texts.
pub type Values = Map<String, Value>;

/// What is done to a chart, and how it is to end.
///
/// It lies beside a contract, which says what the chart promises. Nothing in it is run by a shell. An unknown key is a mistake.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Scenario")]
pub struct ScenarioFile {
    /// What the scenario claims, as a sentence: `An upgrade keeps the password that it generated.`
    pub description: String,
    /// The checks that the scenario exists for: `[role-migrates, rollback-serves]`. It is void unless each of them ends as *pass*, so that a
    /// renamed label or a lost step does not leave it green and empty. Those that stub images or `check` cannot examine are left out and counted.
    #[serde(default)]
    #[schemars(with = "Vec<CheckName>")]
    pub proves: Vec<String>,
    /// The chart's folder, relative to the file; by default the contract's.
    pub chart: Option<PathBuf>,
    /// The release's name, as helm takes it; by default the chart's name.
    #[schemars(
        length(max = 53),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub release: Option<String>,
    /// Helm's `--timeout` for every step, within which the release also has to be ready; by default `5m`.
    pub timeout: Option<Duration>,
    /// Values files of every step, relative to the file and in its repository or chart: a chart's own `ci/*-values.yaml`. What `values` and the images say is above them.
    #[serde(default, rename = "values-files")]
    pub values_files: Vec<PathBuf>,
    /// Values of every step, above the chart's and the images'.
    #[serde(default)]
    pub values: Values,
    /// Version of each image for every step, by the contract's names: `{app: v1}`; by default each image's first version.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Servers besides the contract's, by name.
    #[serde(default)]
    pub backing: BTreeMap<String, BackingFile>,
    /// Secrets besides the contract's, or in place of one: name to key to value. With `NAME: null` the contract's is not made.
    #[serde(default)]
    pub secrets: BTreeMap<String, Option<BTreeMap<String, String>>>,
    /// What must be in the cluster before the release, besides what the contract requires.
    #[serde(default)]
    pub requires: Vec<RequirementFile>,
    /// A second release of the chart in the same namespace, installed before the first step: neither may disturb the other.
    pub neighbour: Option<NeighbourFile>,
    /// Roles and hooks of the contract that the values of every step switch off: they must not appear.
    #[serde(default)]
    pub without: Vec<String>,
    /// The version that the first `install` installs, so that the upgrade after it starts there: one, or a list that is upgraded
    /// through, oldest first. All of them get the values of that `install`; one that needs others is a map: `{chart: previous, values: {…}}`.
    /// By default `self`.
    #[serde(default)]
    pub from: FromFile,
    /// Requests through the Service of a role from the end of the first step to the end of the last one, by role: `{app: 50/s}`.
    /// Each has a connection of its own, and none waits for another. By default none; `50/s` for a role of `sessions`.
    #[serde(default)]
    pub traffic: BTreeMap<String, Rate>,
    /// Websocket sessions through the Service of a role that are kept open, by role: `{app: 3}`. Each sends numbered messages, and
    /// reconnects when it is closed. The role's contract says how one goes on (`serves.sessions.continuity`).
    #[serde(default)]
    pub sessions: BTreeMap<String, u32>,
    /// Jobs that are handed in through the Service of a role all the time, by role: `{api: 2/s}`. The role's contract says what one is and where its
    /// result is found (`serves.job`): each that was accepted must get it.
    #[serde(default)]
    pub jobs: BTreeMap<String, Rate>,
    /// An answer under traffic that takes longer is a failure; by default `5s`.
    pub slow: Option<Duration>,
    /// Worker nodes, on a cluster of the scenario's own whose control plane takes no pods of the release; by default any cluster will do.
    #[serde(default)]
    pub workers: u8,
    /// What an administrator set up in the release's namespace.
    #[serde(default)]
    pub namespace: NamespaceFile,
    /// What is done, in order: each step is a map with one verb.
    pub steps: Vec<StepFile>,
}

/// What an administrator set up in the release's namespace.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Namespace")]
pub struct NamespaceFile {
    /// Its name, where the chart or its users count on one: `istio-system`. The scenario then runs on a cluster of its own.
    #[schemars(length(max = 55), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: Option<String>,
    /// Its labels, for example of the Pod Security Standard that it enforces: `{pod-security.kubernetes.io/enforce: restricted}`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// A second release of the chart in the same namespace.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Neighbour")]
pub struct NeighbourFile {
    /// Its release's name.
    #[schemars(
        length(max = 53),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub release: String,
    /// Its values, on top of the scenario's.
    #[serde(default)]
    pub values: Values,
}

/// A step: a map with exactly one verb, and beside it how the step is to end.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Step", transform = exactly_one_verb)]
pub struct StepFile {
    /// `helm install`
    #[schemars(with = "Option<Install>")]
    pub install: Option<Options>,
    /// `helm upgrade`
    pub upgrade: Option<Options>,
    /// `helm rollback`
    pub rollback: Option<RollbackOptions>,
    /// `helm uninstall`
    pub uninstall: Option<UninstallOptions>,
    /// The chart's Job for a hook, rendered and run outside helm: how a platform migrates where the chart's hook is switched off.
    #[serde(rename = "run-hook")]
    pub run_hook: Option<RunHookOptions>,
    /// A disturbance of a release that nobody changes: `fault: {pod-killed: app}`. Afterwards the release has the scenario's
    /// `timeout` to be ready again.
    #[schemars(with = "Option<Disruption>")]
    pub fault: Option<FaultFile>,
    /// A role and its number of pods, as an autoscaler sets it: `scale: {app: 3}`. Afterwards the release has the scenario's
    /// `timeout` to be ready again.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub scale: Option<BTreeMap<String, u32>>,
    /// `helm test`
    pub test: Option<TestOptions>,
    /// Objects that are created or changed beside the release, and what is to come of them.
    pub apply: Option<ApplyFile>,
    /// How the step is to end; by default it succeeds, and every workload becomes ready.
    pub expect: Option<ExpectFile>,
}

/// The keys beside a step's verb.
const BESIDE_VERBS: [&str; 1] = ["expect"];

/// What serde cannot say of a step: that it has one verb, and that a verb has options, though perhaps none of them (`{}`).
fn exactly_one_verb(schema: &mut Schema) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let verbs: Vec<String> = properties.keys().filter(|key| !BESIDE_VERBS.contains(&key.as_str())).cloned().collect();
    for verb in &verbs {
        let Some(options) = properties.get_mut(verb) else { continue };
        if let Some(kinds) = options.get_mut("anyOf").and_then(Value::as_array_mut) {
            kinds.retain(|kind| kind["type"] != "null");
            let only = kinds.first().cloned();
            if let (1, Some(Value::Object(only)), Some(options)) = (kinds.len(), only, options.as_object_mut()) {
                options.remove("anyOf");
                options.extend(only);
            }
        }
        if options["type"].is_array() {
            options["type"] = json!("object");
        }
    }
    let one: Vec<Value> = verbs.iter().map(|verb| json!({"required": [verb]})).collect();
    schema.insert("oneOf".to_owned(), json!(one));
}

/// An upgrade's options, less the one that needs a release.
struct Install;

impl JsonSchema for Install {
    fn schema_name() -> Cow<'static, str> {
        "Install".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Options::json_schema(generator);
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove(REUSE_VALUES);
        }
        schema
    }
}

/// What only an upgrade can do.
pub const REUSE_VALUES: &str = "reuse-values";

/// Options of a step that renders the chart.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Upgrade")]
pub struct Options {
    /// Values of this step alone, above the scenario's.
    #[serde(default)]
    pub values: Values,
    /// Version of images for this step alone, by the contract's names: `{app: v2}`.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// Roles and hooks of the contract that the values of this step switch off, besides the scenario's `without`. A rollback goes back to
    /// those of its revision.
    #[serde(default)]
    pub without: Vec<String>,
    /// Helm's `--timeout` for this step; by default the scenario's.
    pub timeout: Option<Duration>,
    /// The same once more, as a controller does it every few minutes, with the values and images that the release has: it need not change anything.
    #[serde(default)]
    pub again: bool,
    /// What goes wrong during the step.
    #[schemars(with = "Option<FaultOfHelm>")]
    pub fault: Option<FaultFile>,
    /// Helm rolls back by itself if the step fails: `--atomic`, which Helm 4 calls `--rollback-on-failure`.
    #[serde(default)]
    pub atomic: bool,
    /// Only of an `upgrade`: helm's `--reuse-values`. The release's values take the place of all that stand before the step's own, also of the chart's,
    /// so a value that is new in this version is not there. The step's `images` count as its values.
    #[serde(default, rename = "reuse-values")]
    pub reuse_values: bool,
    /// Helm's major version for this step, in place of the run's: a release of Helm 3 is upgraded by `{helm: 4}`.
    pub helm: Option<HelmFile>,
    /// Helm 4's `--server-side`, in a step with `helm: 4`: whether the API server works the changes out (`true`), helm does (`false`),
    /// or it stays as it was (`auto`).
    #[serde(rename = "server-side")]
    pub server_side: Option<ServerSideFile>,
}

/// Options of `rollback`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rollback")]
pub struct RollbackOptions {
    /// Revision to go back to; by default the one before the current.
    pub to: Option<u32>,
    /// Helm's major version for this step, in place of the run's.
    pub helm: Option<HelmFile>,
    /// Helm 4's `--server-side`, in a step with `helm: 4`.
    #[serde(rename = "server-side")]
    pub server_side: Option<ServerSideFile>,
    /// Helm's `--timeout` for this step; by default the scenario's.
    pub timeout: Option<Duration>,
    /// What goes wrong during the step.
    #[schemars(with = "Option<FaultOfHelm>")]
    pub fault: Option<FaultFile>,
}

/// Options of `run-hook`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RunHook")]
pub struct RunHookOptions {
    /// The contract's name of the hook.
    pub hook: String,
    /// Values with which the chart renders the hook, above the scenario's.
    #[serde(default)]
    pub values: Values,
    /// Version of images for this step alone, by the contract's names: `{app: v2}`.
    #[serde(default)]
    pub images: BTreeMap<String, String>,
    /// How long the Job may take; by default the scenario's `timeout`.
    pub timeout: Option<Duration>,
}

/// Options of `uninstall`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Uninstall")]
pub struct UninstallOptions {
    /// Helm's `--timeout` for this step; by default the scenario's.
    pub timeout: Option<Duration>,
    /// Helm's major version for this step, in place of the run's.
    pub helm: Option<HelmFile>,
}

/// Options of `test`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Test")]
pub struct TestOptions {
    /// Helm's `--timeout` for this step; by default the scenario's.
    pub timeout: Option<Duration>,
    /// Helm's major version for this step, in place of the run's.
    pub helm: Option<HelmFile>,
}

/// How a step is to end.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Expect")]
pub struct ExpectFile {
    /// The step fails, and this text is in what helm or the pods say then: `hook migrations`.
    pub fails: Option<String>,
}

impl Options {
    /// What a step has that renders nothing.
    pub fn only(timeout: Option<Duration>, fault: Option<&FaultFile>) -> Self {
        Self { timeout, fault: fault.cloned(), ..Self::default() }
    }
}

impl NeighbourFile {
    /// As the plan holds it.
    pub fn plan(self) -> Neighbour {
        Neighbour { release: self.release, values: Value::Object(self.values) }
    }
}

impl RunHookOptions {
    /// What it shares with the other steps that render.
    pub fn options(&self) -> Options {
        let (values, images) = (self.values.clone(), self.images.clone());
        Options { values, images, ..Options::only(self.timeout, None) }
    }
}
