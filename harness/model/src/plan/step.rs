//! What is done to the release, what goes wrong meanwhile, and how it is to end.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Awaited, Fault};

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

    /// What goes on in it, for people who wait.
    pub fn describe(&self) -> String {
        match &self.action {
            Action::Rollback { to: Some(revision) } => format!("helm rollback to revision {revision}"),
            Action::Install | Action::Upgrade | Action::Rollback { to: None } | Action::Uninstall | Action::Test => {
                format!("helm {}", self.title())
            }
            Action::RunHook { hook } => format!("hook `{hook}` outside helm"),
            Action::Disrupt => format!("fault {}", self.fault.as_ref().map_or("", Fault::name)),
            Action::Scale { role, replicas } => format!("scaling `{role}` to {replicas}"),
            Action::Apply { objects, .. } => {
                let titles: Vec<String> = objects.iter().map(chartgate_k8s::object::title).collect();
                format!("applying {}", titles.join(", "))
            }
        }
    }

    /// The step's verb, as in the scenario file.
    pub fn verb(&self) -> &'static str {
        self.action.verb().name
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

/// What is known of a verb.
#[derive(Debug)]
pub struct Verb {
    /// As in scenario files; of one of helm's commands, the command.
    pub name: &'static str,
    /// Whether the chart is rendered for it.
    pub renders: bool,
    /// The hook events that helm runs in it.
    pub events: &'static [&'static str],
}

/// What becomes of the release in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectOnRelease {
    /// It gets its first revision.
    Installed,
    /// It gets another revision, from a chart.
    Upgraded,
    /// It gets another revision, which is an earlier one again; `None`: the one before.
    RolledBack {
        /// Number of the earlier one.
        to: Option<u32>,
    },
    /// It is removed.
    Removed,
    /// It stays as it is, and what runs of it is disturbed, or what is beside it changes.
    Disturbed,
    /// It stays as it is.
    None,
}

const INSTALL: Verb = Verb { name: "install", renders: true, events: &["pre-install", "post-install"] };
const UPGRADE: Verb = Verb { name: "upgrade", renders: true, events: &["pre-upgrade", "post-upgrade"] };
const ROLLBACK: Verb = Verb { name: "rollback", renders: false, events: &["pre-rollback", "post-rollback"] };
const UNINSTALL: Verb = Verb { name: "uninstall", renders: false, events: &["pre-delete", "post-delete"] };
const RUN_HOOK: Verb = Verb { name: "run-hook", renders: true, events: &[] };
const FAULT: Verb = Verb { name: "fault", renders: false, events: &[] };
const SCALE: Verb = Verb { name: "scale", renders: false, events: &[] };
const TEST: Verb = Verb { name: "test", renders: false, events: &["test"] };
const APPLY: Verb = Verb { name: "apply", renders: false, events: &[] };

impl Action {
    /// The entry of its verb, and what becomes of the release.
    fn entry(&self) -> (&'static Verb, EffectOnRelease) {
        match self {
            Self::Install => (&INSTALL, EffectOnRelease::Installed),
            Self::Upgrade => (&UPGRADE, EffectOnRelease::Upgraded),
            Self::Rollback { to } => (&ROLLBACK, EffectOnRelease::RolledBack { to: *to }),
            Self::Uninstall => (&UNINSTALL, EffectOnRelease::Removed),
            Self::RunHook { .. } => (&RUN_HOOK, EffectOnRelease::None),
            Self::Disrupt => (&FAULT, EffectOnRelease::Disturbed),
            Self::Scale { .. } => (&SCALE, EffectOnRelease::Disturbed),
            Self::Test => (&TEST, EffectOnRelease::None),
            Self::Apply { .. } => (&APPLY, EffectOnRelease::Disturbed),
        }
    }

    /// What is known of its verb.
    pub fn verb(&self) -> &'static Verb {
        self.entry().0
    }

    /// What becomes of the release.
    pub fn effect(&self) -> EffectOnRelease {
        self.entry().1
    }
}

impl EffectOnRelease {
    /// Whether the release gets a revision.
    pub fn is_revision(self) -> bool {
        match self {
            Self::Installed | Self::Upgraded | Self::RolledBack { .. } => true,
            Self::Removed | Self::Disturbed | Self::None => false,
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
