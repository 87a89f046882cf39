//! What is done to the release, what goes wrong meanwhile, and how it is to end.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Awaited;

/// One thing done to the release.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of helm's or of the scenario's, and any of them may go with any other"
)]
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
    /// The step takes the chart under test under its next version number, with nothing else changed.
    #[serde(default)]
    pub is_next_version: bool,
    /// What goes wrong during the step; of [`Action::Disrupt`], all that the step is.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// Helm rolls back by itself if the step fails: `--atomic`, `--rollback-on-failure` of Helm 4.
    #[serde(default)]
    pub rolls_back: bool,
    /// The upgrade takes over the release's values, and only the step's own on top: `--reuse-values`.
    #[serde(default)]
    pub reuses_values: bool,
    /// Names of roles and hooks that the step's values switch off, besides the plan's.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Helm's major version for this step, `3` or `4`; `None`: the run's.
    #[serde(default)]
    pub helm: Option<String>,
    /// Helm 4's `--server-side` for this step; `None`: helm's own default.
    #[serde(default)]
    pub server_side: Option<ServerSide>,
}

/// Where the changes of a release are worked out: by the API server, or by helm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerSide {
    /// By the API server.
    True,
    /// By helm, as Helm 3 does it.
    False,
    /// As it was for the revision before.
    Auto,
}

impl ServerSide {
    /// As helm's flag takes it.
    pub fn flag(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Auto => "auto",
        }
    }
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
            is_next_version: false,
            fault: None,
            rolls_back: false,
            reuses_values: false,
            absent: Vec::new(),
            helm: None,
            server_side: None,
        }
    }

    /// What it does, as messages show it: its verb, and the helm that does it where that is not the run's.
    pub fn title(&self) -> String {
        self.helm.as_ref().map_or(self.verb().to_owned(), |helm| format!("{} by Helm {helm}", self.verb()))
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
            Action::Apply { .. } => "apply",
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
    /// Objects beside the release are created or changed.
    Apply {
        /// The objects; templates are not yet filled in.
        objects: Vec<Value>,
        /// What is waited for afterwards.
        until: Vec<Awaited>,
    },
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

    /// Names of those that are steps of their own.
    pub const DISRUPTIONS: [&str; 4] = ["pod-killed", "node-drained", "role-down", "database-restarts"];

    /// Whether it is a step of its own; else it happens to a step of helm.
    pub fn is_disruption(&self) -> bool {
        Self::DISRUPTIONS.contains(&self.name())
    }

    /// The role that it strikes, if it strikes one.
    pub fn role(&self) -> Option<&String> {
        match self {
            Self::PodKilled { role } | Self::RoleDown { role, .. } => Some(role),
            _ => None,
        }
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
