//! What a run will do and what the chart promises, as plain data: a scenario and its contract, merged and checked.
//!
//! Nothing has run when a [`Plan`] exists, and nothing in it needs a cluster. It is written beside the recording, so that
//! a verdict can be repeated without the files it came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chartgate_prober::{Continuity, Session};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One scenario, ready to run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// `<folder>/<file stem>` of the scenario file, for example `codex-pooler/single-replica`.
    pub name: String,
    /// What the scenario claims, in the author's words.
    pub description: String,
    /// The chart under test.
    pub chart: Chart,
    /// Versions of the chart that come before the one under test, oldest first. A step names its own by [`Step::from`].
    #[serde(default)]
    pub from: Vec<Origin>,
    /// There is no version of the chart before this one, says the contract.
    #[serde(default)]
    pub is_first_release: bool,
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
    /// What must be in the cluster before the release.
    #[serde(default)]
    pub requires: Vec<Requirement>,
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
    /// What the users of a role do from the end of the first step to the end of the last one, by role.
    #[serde(default)]
    pub traffic: BTreeMap<String, Traffic>,
    /// Worker nodes, on a cluster of the scenario's own; 0: any cluster will do.
    #[serde(default)]
    pub workers: u8,
    /// Labels of the release's namespace.
    #[serde(default)]
    pub namespace_labels: BTreeMap<String, String>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// Objects that must be in the cluster before the release: definitions, operators, what they need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// A file of manifests, or a folder of such files.
    Manifest(PathBuf),
    /// Files of a Go module, at a pinned version.
    GoModule {
        /// `PATH@VERSION`
        module: String,
        /// Files and folders in it.
        files: Vec<String>,
    },
}

/// A version of the chart that is upgraded from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Origin {
    /// As the scenario says it: a path, an archive, an `oci://` reference, `git:REF` or `previous`.
    pub asked: String,
    /// Where that is.
    #[serde(default)]
    pub place: Place,
    /// What was found there; `None`: nothing was looked for yet, or it could not be had.
    pub chart: Option<Chart>,
    /// Which state of the place that is, where the place alone does not say it, for example `git 1a2b3c4d`.
    pub found: Option<String>,
    /// Why it could not be had.
    pub missing: Option<String>,
}

/// Where a version of the chart is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The newest version in git that is lower than the chart's.
    #[default]
    Previous,
    /// The chart as it was at a commit, a branch or a tag.
    Git(String),
    /// An `oci://` reference, which may end with `:VERSION`.
    Registry(String),
    /// A chart's folder, or its archive.
    Path(PathBuf),
}

impl Origin {
    /// What reports call it, for example `0.1.0 (previous: git 1a2b3c4d)`.
    pub fn title(&self) -> String {
        let place = match &self.found {
            Some(found) => format!("{}: {found}", self.asked),
            None => self.asked.clone(),
        };
        self.chart.as_ref().map_or(place.clone(), |chart| format!("{} ({place})", chart.version))
    }
}

/// Requests and websocket sessions through a role's Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests a second, each on a connection of its own; an answer that is late does not delay the next.
    pub rate: u32,
    /// An answer that takes longer is a failure, in milliseconds.
    pub slow_ms: u64,
    /// Websocket sessions that are open all the time.
    pub sessions: u32,
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
    /// The chart under test as reports name it, and what it is upgraded from.
    pub fn subject(&self) -> String {
        let from: Vec<String> = self.from.iter().map(Origin::title).collect();
        let from = if from.is_empty() { String::new() } else { format!(", from {}", from.join(", ")) };
        format!("{} {}{from}", self.chart.name, self.chart.version)
    }

    /// The chart that a step installs or upgrades to; `None`: that version of it is not there.
    pub fn chart_of(&self, step: &Step) -> Option<&Chart> {
        step.from.map_or(Some(&self.chart), |index| self.from.get(index)?.chart.as_ref())
    }

    /// Lets the scenario's release begin with the versions that it is upgraded from: the first install is that of the first one,
    /// and an upgrade to each further one comes after it.
    #[must_use]
    pub fn through(mut self, from: Vec<Origin>) -> Self {
        self.from = from;
        let install = self.steps.iter().position(|step| step.action == Action::Install);
        let Some(at) = install.filter(|_| !self.from.is_empty()) else { return self };
        self.steps[at].from = Some(0);
        let first = Step { expect: Expect::Succeeds, fault: None, ..self.steps[at].clone() };
        let next = |index| Step { action: Action::Upgrade, from: Some(index), ..first.clone() };
        self.steps.splice(at + 1..=at, (1..self.from.len()).map(next));
        self
    }

    /// Lets the release begin with the chart under test, as if the scenario named no version before it.
    pub fn begin_with_itself(&mut self) {
        self.steps.retain(|step| step.from.is_none() || step.action == Action::Install);
        self.steps.iter_mut().for_each(|step| step.from = None);
    }

    /// Whether a release is installed and upgraded later: then it can begin with an earlier version.
    pub fn has_upgrade(&self) -> bool {
        let install = self.steps.iter().position(|step| step.action == Action::Install);
        install.is_some_and(|at| self.steps[at..].iter().any(|step| step.action == Action::Upgrade))
    }

    /// The roles that this scenario expects to run: the contract's, less those it switches off.
    pub fn present_roles(&self) -> impl Iterator<Item = (&String, &Role)> {
        self.roles.iter().filter(|(name, _)| !self.absent.contains(name))
    }

    /// Names of the databases in `backing`.
    pub fn databases(&self) -> impl Iterator<Item = &String> {
        self.backing.iter().filter(|(_, backing)| **backing == Backing::Postgres).map(|(name, _)| name)
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
    /// The chart in whose place the user put this one.
    pub replaces: Option<PathBuf>,
}

/// A real server that the chart's pods use, started outside the cluster on its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backing {
    /// A PostgreSQL database of the scenario's own; it fills `{{NAME.url}}`, `{{NAME.host}}`, `{{NAME.port}}`,
    /// `{{NAME.user}}`, `{{NAME.password}}` and `{{NAME.database}}`.
    Postgres,
    /// A Redis server of the scenario's own; it fills `{{NAME.url}}`, `{{NAME.host}}` and `{{NAME.port}}`.
    Redis,
    /// Any other server of the scenario's own; it fills `{{NAME.host}}` and `{{NAME.port}}`.
    Server(Server),
}

/// What a server's container is started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Reference of its image, with a tag or a digest.
    pub image: String,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// The port that pods reach.
    pub port: u16,
    /// What it writes to its log once it is ready.
    pub ready: String,
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
    /// What its users ask for under traffic; `None`: the readiness path.
    #[serde(default)]
    pub traffic: Option<UserRequest>,
}

/// A request of a user, and the answer that is right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRequest {
    /// Path with its query.
    pub path: String,
    /// Headers that it carries.
    pub headers: BTreeMap<String, String>,
    /// Exact status code of the answer.
    pub status: u16,
    /// Text that the answer's body contains.
    pub body: Option<String>,
    /// Header of the answer, in lower case, that holds the name of the pod which gave it.
    pub pod: Option<String>,
}

/// How a websocket session is spoken to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sessions {
    /// Path of the websocket; `{{session}}` stands for the session's name.
    pub path: String,
    /// What is said.
    pub talk: Session,
    /// How a session goes on when its pod ends; `None`: nothing is promised.
    #[serde(default)]
    pub continuity: Option<Continuity>,
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
    /// Tag of a version whose server ends at once.
    #[serde(default)]
    pub crashes: Option<String>,
    /// Tag of a version whose server never becomes ready.
    #[serde(default)]
    pub never_ready: Option<String>,
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
    /// Index in the plan's `from` of the version that the step installs or upgrades to; `None`: the chart under test.
    #[serde(default)]
    pub from: Option<usize>,
    /// What goes wrong during the step; of [`Action::Disrupt`], all that the step is.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// Helm rolls back by itself if the step fails: `--atomic`, `--rollback-on-failure` of Helm 4.
    #[serde(default)]
    pub rolls_back: bool,
    /// The upgrade takes over the release's values, and only the step's own on top: `--reuse-values`.
    #[serde(default)]
    pub reuses_values: bool,
}

/// Helm's own default in seconds.
pub const DEFAULT_TIMEOUT_SECONDS: u64 = 300;

impl Step {
    /// A step without options.
    pub fn new(action: Action) -> Self {
        Self {
            action,
            values: json!({}),
            expect: Expect::Succeeds,
            timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
            is_again: false,
            from: None,
            fault: None,
            rolls_back: false,
            reuses_values: false,
        }
    }

    /// The step's verb, as in the scenario file.
    pub fn verb(&self) -> &'static str {
        match self.action {
            Action::Install => "install",
            Action::Upgrade => "upgrade",
            Action::Rollback { .. } => "rollback",
            Action::Uninstall => "uninstall",
            Action::RunHook { .. } => "run-hook",
            Action::Disrupt => "fault",
            Action::Scale { .. } => "scale",
            Action::Test => "test",
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
    /// Only the step's fault happens, to a release that nobody changes.
    Disrupt,
    /// The workload of a role gets another size, as an autoscaler gives it one.
    Scale {
        /// Name in the plan's `roles`.
        role: String,
        /// Pods.
        replicas: u32,
    },
    /// `helm test`
    Test,
}

/// Something that goes wrong, made to happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The first change of a migrated database's schema fails, and each one after it.
    MigrationFails,
    /// The first change of a migrated database's schema takes this long.
    MigrationSlow {
        /// In seconds.
        seconds: u64,
    },
    /// The first change of a migrated database's schema never ends.
    MigrationHangs,
    /// The pod of a migrating hook is killed while it changes the schema.
    MigratorKilled,
    /// Helm is killed once the step has begun to change something.
    ClientKilled,
    /// The new image ends as soon as it is started as a server.
    ImageCrashes,
    /// The new image's server never becomes ready.
    ImageNeverReady,
    /// The new image does not exist.
    ImageMissing,
    /// One pod of a role is killed without grace.
    PodKilled {
        /// Name in the plan's `roles`.
        role: String,
    },
    /// The node with the most pods of the release is drained by evictions.
    NodeDrained,
    /// A role has no pod for a while; it is back at the step's end.
    RoleDown {
        /// Name in the plan's `roles`.
        role: String,
        /// How long, in seconds.
        seconds: u64,
    },
    /// The server of the databases restarts.
    DatabaseRestarts,
}

impl Fault {
    /// Its name in scenario files.
    pub fn name(&self) -> &'static str {
        match self {
            Self::MigrationFails => "migration-fails",
            Self::MigrationSlow { .. } => "migration-slow",
            Self::MigrationHangs => "migration-hangs",
            Self::MigratorKilled => "migrator-killed",
            Self::ClientKilled => "client-killed",
            Self::ImageCrashes => "image-crashes",
            Self::ImageNeverReady => "image-never-ready",
            Self::ImageMissing => "image-missing",
            Self::PodKilled { .. } => "pod-killed",
            Self::NodeDrained => "node-drained",
            Self::RoleDown { .. } => "role-down",
            Self::DatabaseRestarts => "database-restarts",
        }
    }

    /// Whether it strikes the migration of a database.
    pub fn is_of_migration(&self) -> bool {
        matches!(self, Self::MigrationFails | Self::MigrationSlow { .. } | Self::MigrationHangs | Self::MigratorKilled)
    }

    /// Whether it is a step of its own; else it happens to a step of helm.
    pub fn is_disruption(&self) -> bool {
        matches!(self, Self::PodKilled { .. } | Self::NodeDrained | Self::RoleDown { .. } | Self::DatabaseRestarts)
    }
}

/// How a step is to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// Helm succeeds and every workload becomes ready.
    Succeeds,
    /// Helm fails, and its message contains this text.
    Fails(String),
    /// Helm is killed.
    Interrupted,
}
