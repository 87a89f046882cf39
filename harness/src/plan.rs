//! What a run will do and what the chart promises, as plain data: a scenario and its contract, merged and checked.
//!
//! Nothing has run when a [`Plan`] exists, and nothing in it needs a cluster. It is written beside the recording, so that
//! a verdict can be repeated without the files it came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chartgate_prober::Session;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One scenario, ready to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// `<folder>/<file stem>` of the scenario file, for example `codex-pooler/single-replica`.
    pub name: String,
    /// What the scenario claims, in the author's words.
    pub description: String,
    /// The chart under test.
    pub chart: Chart,
    /// The Helm release's name.
    pub release: String,
    /// Values below each step's own: the contract's images, then the scenario's. Templates are not yet filled in.
    pub values: Value,
    /// Values files of the user, handed to helm as they are, above all of the plan's values.
    pub values_files: Vec<PathBuf>,
    /// `--set` arguments of the user, above everything.
    pub set: Vec<String>,
    /// Servers that must be up before the first step, by name.
    pub backing: BTreeMap<String, Backing>,
    /// A second release of the chart in the same namespace, installed before the first step.
    pub neighbour: Option<Neighbour>,
    /// Secrets made in the namespace before the first step: name to key to template.
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// The chart's roles, by name.
    pub roles: BTreeMap<String, Role>,
    /// The chart's hooks, by name.
    pub hooks: BTreeMap<String, Hook>,
    /// The images that the scenario varies, by name.
    pub images: BTreeMap<String, Image>,
    /// Names of roles and hooks of the contract that this scenario switches off: they must not appear.
    pub absent: Vec<String>,
    /// Advice fails.
    pub strict: bool,
    /// Checks whose advice fails.
    pub binding: Vec<String>,
    /// Checks that may fail or be void here, and why.
    pub waivers: Vec<Waiver>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// A check that may fail or be void until a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The check's name.
    pub check: String,
    /// Why that is acceptable for now.
    pub reason: String,
    /// The last day on which it counts, as `YYYY-MM-DD` in UTC.
    pub until: String,
}

impl Plan {
    /// The roles that this scenario expects to run: the contract's, less those it switches off.
    pub fn present_roles(&self) -> impl Iterator<Item = (&String, &Role)> {
        self.roles.iter().filter(|(name, _)| !self.absent.contains(name))
    }

    /// The hooks that this scenario expects to run: the contract's, less those it switches off.
    pub fn present_hooks(&self) -> impl Iterator<Item = (&String, &Hook)> {
        self.hooks.iter().filter(|(name, _)| !self.absent.contains(name))
    }
}

/// Another release of the same chart, which must neither disturb the one under test nor be disturbed by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its release's name.
    pub release: String,
    /// Its values, on top of the plan's.
    pub values: Value,
}

/// The chart under test, as its `Chart.yaml` describes it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Chart {
    /// Folder or archive that helm is given.
    pub path: PathBuf,
    /// `name` of `Chart.yaml`.
    pub name: String,
    /// `version` of `Chart.yaml`.
    pub version: String,
    /// `appVersion` of `Chart.yaml`.
    pub app_version: Option<String>,
    /// It names other charts that must be there before it renders.
    pub has_dependencies: bool,
}

/// A real server that the chart's pods use, started outside the cluster on its network.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backing {
    /// A PostgreSQL database of the scenario's own; it fills `{{NAME.url}}`, `{{NAME.host}}`, `{{NAME.port}}`,
    /// `{{NAME.user}}`, `{{NAME.password}}` and `{{NAME.database}}`.
    Postgres,
}

/// A part of the application with pods of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Role {
    /// Label selector of the role's pods (`key=value`, comma-separated).
    pub select: String,
    /// Environment variables that each container set up for the role has; `None`: must not be set at all.
    pub env: BTreeMap<String, Option<String>>,
    /// What it serves; `None`: it accepts no connection.
    pub serves: Option<Serves>,
    /// At most one pod of it may run at any time.
    pub singleton: bool,
}

/// How a serving role answers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Serves {
    /// Container port, by name or number.
    pub port: String,
    /// Paths and what they answer when the pod is ready. The first is the readiness path.
    pub paths: Vec<HealthPath>,
    /// Websocket sessions that live in one pod and can be reached through each.
    pub sessions: Option<Sessions>,
}

/// How a websocket session is spoken to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sessions {
    /// Path of the websocket; `{{session}}` stands for the session's name.
    pub path: String,
    /// What is said.
    pub talk: Session,
}

/// A promised answer over HTTP.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HealthPath {
    /// Path with its query, beginning with `/`.
    pub path: String,
    /// Exact status code.
    pub status: u16,
    /// Text that the body must contain.
    pub body: Option<String>,
    /// Headers that the answer must have, lower-case name to exact value.
    pub headers: BTreeMap<String, String>,
}

/// A Helm hook that the contract names.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Hook {
    /// Label selector of the hook's Job (`key=value`, comma-separated).
    pub select: String,
    /// The `helm.sh/hook` events it runs at, for example `pre-upgrade`.
    pub events: Vec<String>,
    /// Roles whose new pods may only be created after the hook completed.
    pub before: Vec<String>,
    /// Name of the database in `backing` whose schema only this hook may change.
    pub migrates: Option<String>,
}

/// An image that the scenario varies, and the values that set it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Image {
    /// Dotted value path of the repository, or of the whole reference where `tag_path` is `None`.
    pub repository_path: String,
    /// Dotted value path of the tag.
    pub tag_path: Option<String>,
    /// The repository to use; `None`: the chart's default.
    pub repository: Option<String>,
    /// Version name (`v1`) to tag.
    pub versions: BTreeMap<String, String>,
    /// Roles and hooks that run this image; empty: all of them.
    pub used_by: Vec<String>,
}

/// One thing done to the release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Values on top of the plan's, for this step alone.
    pub values: Value,
    /// How it is to end.
    pub expect: Expect,
    /// Helm's `--timeout` in seconds.
    pub timeout_seconds: u64,
    /// An upgrade to what is there already, as a controller does it every few minutes: it need not change anything.
    pub is_again: bool,
}

impl Step {
    /// The step's verb, as in the scenario file.
    pub fn verb(&self) -> &'static str {
        match self.action {
            Action::Install => "install",
            Action::Upgrade => "upgrade",
            Action::Rollback { .. } => "rollback",
            Action::Uninstall => "uninstall",
            Action::RunHook { .. } => "run-hook",
        }
    }
}

/// The verb of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// `helm install`
    Install,
    /// `helm upgrade`
    Upgrade,
    /// `helm rollback`; `None`: to the revision before the current one.
    Rollback {
        /// Revision to go back to.
        to: Option<u32>,
    },
    /// `helm uninstall`
    Uninstall,
    /// The hook's Job, rendered and run outside helm: how a platform migrates where the chart's hook is switched off.
    RunHook {
        /// Name in the plan's `hooks`.
        hook: String,
    },
}

/// How a step is to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// Helm succeeds and every workload becomes ready.
    Succeeds,
    /// Helm fails, and its message contains this text.
    Fails(String),
}
