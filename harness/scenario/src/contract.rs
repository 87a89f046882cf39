//! The contract file, as it is written: what the chart promises.

mod check;
mod promise;
mod role;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chartgate_model::plan::{Requirement, Survivor};
use chartgate_yaml::{Mistake, Spot};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::json;

use super::backing::BackingFile;
use super::within;
pub use role::{PortFile, RoleFile, SchemeFile, ServesFile};

pub(super) use promise::for_release;

/// What a chart promises, whatever a scenario does to it.
///
/// It lies beside the scenarios as `contract.yaml`, or in the chart's `ci/chartgate/`. An unknown key is a mistake.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Contract")]
pub struct ContractFile {
    /// The chart's folder, relative to the file. A contract that a chart carries itself needs none.
    pub chart: Option<PathBuf>,
    /// Servers that the chart's pods need, by name.
    #[serde(default)]
    pub backing: BTreeMap<String, BackingFile>,
    /// Secrets that a user of the chart makes: name to key to value. Templates may stand in the values.
    #[serde(default)]
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// The parts of the application that have pods of their own, by name.
    #[serde(default)]
    pub roles: BTreeMap<String, RoleFile>,
    /// The chart's hooks, by name.
    #[serde(default)]
    pub hooks: BTreeMap<String, HookFile>,
    /// All advice fails.
    #[serde(default)]
    pub strict: bool,
    /// Checks whose advice fails: what the chart promises beyond what every chart must hold. `chartgate explain` lists them.
    #[serde(default)]
    #[schemars(with = "Vec<CheckName>")]
    pub checks: Vec<String>,
    /// What may stay after an uninstall, besides what is annotated `helm.sh/resource-policy: keep`: `KIND` or `KIND/NAME`, where a name
    /// may hold `{{release}}` and end with `*`.
    #[serde(default)]
    pub leaves: Vec<String>,
    /// Services by which pods find each other, and which bring them no requests: they may select pods of any role and of hooks. Names,
    /// which may hold `{{release}}` and end with `*`. A headless Service on ports that no role serves need not be named.
    #[serde(default)]
    pub discovery: Vec<String>,
    /// Where requests arrive, by an Ingress or an `HTTPRoute` of the chart: a path, or a host with a path, and the role that is to get it:
    /// `{/: web, /api: api, admin.example/: admin}`. Values that render no route promise none.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"pattern": "/"}))]
    pub routes: BTreeMap<String, String>,
    /// Checks that may fail or be void for a while. With `--no-waivers` none counts.
    #[serde(default)]
    pub waivers: Vec<WaiverFile>,
    /// Operators of `chartgate mutate` that no scenario needs to notice: at most a fifth of those that apply to the chart.
    #[serde(default)]
    pub survives: Vec<SurvivorFile>,
    /// The images that scenarios vary, by name, and the values that set them.
    #[serde(default)]
    pub images: BTreeMap<String, ImageFile>,
    /// What must be in the cluster before the release; a scenario with requirements runs on a cluster of its own.
    #[serde(default)]
    pub requires: Vec<RequirementFile>,
    /// There is no version of the chart before this one: `from: previous` is then the chart itself, until git has a tag such as
    /// `v1.0.0` or `NAME-1.0.0`.
    #[serde(default, rename = "first-release")]
    pub first_release: bool,
}

/// The name of a check.
pub(super) struct CheckName;

impl JsonSchema for CheckName {
    fn schema_name() -> Cow<'static, str> {
        "Check".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let named = chartgate_judge::all().map(|check| json!({"const": check.name, "description": check.proves}));
        json_schema!({"description": "The name of a check, and what it proves.", "oneOf": named.collect::<Vec<_>>()})
    }
}

/// Objects that must be in the cluster: a `manifest`, or `files` of a `go-module`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Requirement", transform = manifest_or_module)]
pub struct RequirementFile {
    /// A file of manifests or a folder of such files, relative to the file that says so and in its repository or chart. Templates may stand in them.
    pub manifest: Option<PathBuf>,
    /// `PATH@VERSION` of a Go module: where an operator's definitions come from.
    #[serde(rename = "go-module")]
    #[schemars(regex(pattern = "^[^@]+@[^@]+$"))]
    pub go_module: Option<String>,
    /// Files and folders in the module.
    #[serde(default)]
    pub files: Vec<String>,
}

fn manifest_or_module(schema: &mut Schema) {
    let manifest = json!({"required": ["manifest"], "properties": {"go-module": false, "files": false}});
    let module =
        json!({"required": ["go-module", "files"], "properties": {"manifest": false, "files": {"minItems": 1}}});
    schema.insert("oneOf".to_owned(), json!([manifest, module]));
}

impl RequirementFile {
    /// As the plan holds it; `None`: it is refused.
    pub fn plan(self, at: Spot) -> Option<Requirement> {
        let mistake = match (self.manifest, self.go_module) {
            (Some(path), None) if self.files.is_empty() => {
                return within::resolve(at.key("manifest"), &path, "manifest").map(Requirement::Manifest);
            }
            (None, Some(_)) if !self.files.iter().all(|file| within::is_below(Path::new(file))) => {
                Mistake::new("a file of a Go module is outside of the module")
                    .with_hint("name files by their paths in the module")
            }
            (None, Some(module)) if !self.files.is_empty() && is_pinned(&module) => {
                return Some(Requirement::GoModule { module, files: self.files });
            }
            (None, Some(module)) => Mistake::new(&format!("`{module}` needs a version, and `files` of it"))
                .with_hint("write `{go-module: PATH@VERSION, files: [FILE]}`"),
            _ => Mistake::new("a requirement is a `manifest`, or a `go-module` with its `files`"),
        };
        at.refuse(mistake);
        None
    }
}

fn is_pinned(module: &str) -> bool {
    module
        .split_once('@')
        .is_some_and(|(path, version)| !path.is_empty() && !version.is_empty() && !version.contains('@'))
}

/// A check that may fail or be void until a day.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Waiver")]
pub struct WaiverFile {
    /// The check's name.
    #[schemars(with = "CheckName")]
    pub check: String,
    /// The scenario, by its file's stem.
    pub scenario: String,
    /// Why that is acceptable for now.
    pub reason: String,
    /// The last day on which it counts, as `YYYY-MM-DD` in UTC.
    #[schemars(regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), example = &"2026-12-31")]
    pub until: String,
}

/// A harm that no scenario needs to notice.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Survivor")]
pub struct SurvivorFile {
    /// The operator's name.
    #[schemars(with = "OperatorName")]
    pub operator: String,
    /// Why that is acceptable.
    pub reason: String,
}

impl SurvivorFile {
    /// As the plan holds it.
    pub fn plan(&self) -> Survivor {
        Survivor { operator: self.operator.clone(), reason: self.reason.clone() }
    }
}

/// The name of an operator of `chartgate mutate`.
struct OperatorName;

impl JsonSchema for OperatorName {
    fn schema_name() -> Cow<'static, str> {
        "Operator".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let named = chartgate_mutate::OPERATORS.iter().map(|it| json!({"const": it.name, "description": it.harm}));
        json_schema!({"description": "The name of an operator of `chartgate mutate`, and the harm that it stands for.", "oneOf": named.collect::<Vec<_>>()})
    }
}

/// A hook's promises.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Hook")]
pub struct HookFile {
    /// Labels that its Job has and no other: `KEY=VALUE`, comma-separated. `{{release}}` stands for the release's name.
    pub select: String,
    /// Events that it runs at.
    #[schemars(schema_with = "events")]
    pub events: Vec<String>,
    /// Roles whose new pods wait for it.
    #[serde(default)]
    pub before: Vec<String>,
    /// The database whose schema it alone changes.
    pub migrates: Option<String>,
    /// What it makes in servers, by name: topics, documents, rows, keys. It must be there once the hook has run, not before it ran
    /// for the first time, and the same after it ran again.
    #[serde(default)]
    pub effects: BTreeMap<String, EffectFile>,
}

/// State in a server, as a program or a query shows it: `pods` and `command`, or `server` and `command`, or `database` and `query`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Effect")]
pub struct EffectFile {
    /// Labels of the release's pods in one of which the program runs: `KEY=VALUE`, comma-separated. `{{release}}` stands for the release's
    /// name.
    pub pods: Option<String>,
    /// The server of `backing` in whose container the program runs.
    pub server: Option<String>,
    /// The program and its arguments, which only looks: `[kafka-topics, --list, --bootstrap-server, "localhost:9092"]`.
    #[serde(default)]
    pub command: Vec<String>,
    /// The database of `backing` that the query is for.
    pub database: Option<String>,
    /// One statement of SQL, which runs in a transaction that may only read: `SELECT name FROM plans ORDER BY name`. Its rows are lines, their
    /// columns are divided by tabs. A table that does not exist yet has none.
    pub query: Option<String>,
    /// Texts that are seen once the hook has run.
    #[schemars(length(min = 1))]
    pub shows: Vec<String>,
}

/// An image and the values that set it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Image")]
pub struct ImageFile {
    /// Value path of the repository (`image.repository`), or of the whole reference where there is no `tag`.
    pub repository: String,
    /// Value path of the tag: `image.tag`.
    pub tag: Option<String>,
    /// Repository to use in place of the chart's default; needed where there is no `tag`.
    pub r#use: Option<String>,
    /// Name of each version to its tag: `{v1: "1.0", v2: "1.1"}`. A scenario starts with the first one in alphabetical order.
    #[schemars(extend("minProperties" = 1))]
    pub versions: BTreeMap<String, String>,
    /// Tag of a version that migrates well and whose server ends at once, for the fault `image-crashes`.
    pub crashes: Option<String>,
    /// Tag of a version that migrates well and whose server never becomes ready, for the fault `image-never-ready`.
    #[serde(rename = "never-ready")]
    pub never_ready: Option<String>,
    /// Roles and hooks that run it; by default all.
    #[serde(default)]
    pub roles: Vec<String>,
}

fn events(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "string", "enum": check::EVENTS}})
}
