//! What a run will do and what the chart promises, as plain data: a scenario and its contract, merged and checked.
//!
//! Nothing has run when a [`Plan`] exists, and nothing in it needs a cluster. It is written beside the recording, so that
//! a verdict can be repeated without the files it came from.

mod absence;
mod awaited;
mod fault;
mod promise;
mod step;
mod versions;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::values::{self, merge};

pub use awaited::{Awaited, Outcome};
pub use fault::{Excuse, FAULTS, Fault, FaultKind, FaultyTag, Takes, Target};
pub use promise::{Effect, HealthPath, Hook, Image, Look, Network, Peers, Role, Serves, Sessions, UserRequest};
pub use step::{Action, DEFAULT_TIMEOUT_SECONDS, EffectOnRelease, Expect, ServerSide, Step, Verb};
pub use versions::Versions;

/// One scenario, ready to run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// `<folder>/<file stem>` of the scenario file, for example `codex-pooler/single-replica`.
    pub name: String,
    /// The command that runs it alone once more, without its `--set` arguments; `None`: it was not run by the command.
    #[serde(default)]
    pub repeat: Option<String>,
    /// The versions that it is run on, where the run has several; `None`: the run's only ones.
    #[serde(default)]
    pub on: Option<Versions>,
    /// The scenario file, as it was found; `None`: the plan was made from a chart that has none.
    #[serde(default)]
    pub file: Option<PathBuf>,
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
    /// The chart under test under its next version number, for the steps that ask for it.
    #[serde(default)]
    pub next: Option<Chart>,
    /// The Helm release's name.
    pub release: String,
    /// Values below each step's own: the contract's images, then the scenario's. Templates are not yet filled in.
    pub values: Value,
    /// Values files of the scenario's, handed to helm as they are, below the plan's values.
    #[serde(default)]
    pub base_files: Vec<PathBuf>,
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
    /// Checks that the scenario exists to prove: void unless each ends as a pass.
    #[serde(default)]
    pub proves: Vec<String>,
    /// Advice fails.
    pub strict: bool,
    /// Checks whose advice fails.
    pub binding: Vec<String>,
    /// Checks that may fail or be void here, and why.
    pub waivers: Vec<Waiver>,
    /// What the users of a role do from the end of the first step to the end of the last one, by role.
    #[serde(default)]
    pub traffic: BTreeMap<String, Traffic>,
    /// Jobs a second that users hand in meanwhile, by role.
    #[serde(default)]
    pub jobs: BTreeMap<String, u32>,
    /// Worker nodes, on a cluster of the scenario's own; 0: any cluster will do.
    #[serde(default)]
    pub workers: u8,
    /// Name of the release's namespace, on a cluster of the scenario's own; `None`: a new one for each run.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Labels of the release's namespace.
    #[serde(default)]
    pub namespace_labels: BTreeMap<String, String>,
    /// What an uninstall leaves, says the contract: `KIND` or `KIND/NAME`, where a name may end with `*`.
    #[serde(default)]
    pub leaves: Vec<String>,
    /// Services by which pods find each other, says the contract: names, which may end with `*`.
    #[serde(default)]
    pub discovery: Vec<String>,
    /// Where requests are to arrive, says the contract: `[HOST]/PATH` to the role.
    #[serde(default)]
    pub routes: BTreeMap<String, String>,
    /// The release has the chart's own name, as some users call it.
    #[serde(default)]
    pub is_own_name: bool,
    /// Which images are replaced by stubs.
    #[serde(default)]
    pub stub_images: StubImages,
    /// The operator that puts a harm into what the chart renders: then it is a mutant of the chart; `None`: it is the chart itself.
    #[serde(default)]
    pub mutant: Option<String>,
    /// The operators that the contract lets survive.
    #[serde(default)]
    pub survives: Vec<Survivor>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// Which container images are replaced by a stub, which plays the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StubImages {
    /// None: the application itself runs.
    #[default]
    Off,
    /// Those that can neither be pulled nor loaded.
    Missing,
    /// All.
    All,
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
    /// Values of this version alone, above those of the step that installs it; what is null there is taken away from these.
    #[serde(default)]
    pub values: Value,
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

/// A harm that no scenario needs to notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivor {
    /// The operator's name.
    pub operator: String,
    /// Why that is acceptable.
    pub reason: String,
}

impl Plan {
    /// Its name, with the versions that it is run on where the run has several.
    pub fn title(&self) -> String {
        self.on.as_ref().map_or_else(|| self.name.clone(), |on| format!("{} ({on})", self.name))
    }

    /// Where its recording is below the run's folder.
    pub fn place(&self) -> PathBuf {
        let place = PathBuf::from(&self.name);
        self.on.as_ref().map_or_else(|| place.clone(), |on| place.join(on.directory()))
    }

    /// The chart under test as reports name it, and what it is upgraded from.
    pub fn subject(&self) -> String {
        let from: Vec<String> = self.from.iter().map(Origin::title).collect();
        let from = if from.is_empty() { String::new() } else { format!(", from {}", from.join(", ")) };
        format!("{} {}{from}", self.chart.name, self.chart.version)
    }

    /// The chart that a step installs or upgrades to; `None`: that version of it is not there.
    pub fn chart_of(&self, step: &Step) -> Option<&Chart> {
        if step.is_next_version {
            return self.next.as_ref();
        }
        step.from.map_or(Some(&self.chart), |index| self.from.get(index)?.chart.as_ref())
    }

    /// The values that a step gives to helm: the plan's, the step's, and those of the version that it installs; the step's alone where
    /// the release's are taken over.
    pub fn values_of(&self, step: &Step) -> Value {
        if step.reuses_values {
            return step.values.clone();
        }
        let mut values = self.values.clone();
        merge(&mut values, step.values.clone());
        let own = step.from.and_then(|index| self.from.get(index)).map(|origin| &origin.values);
        if let Some(own) = own.filter(|own| own.is_object()) {
            values::replace(&mut values, own);
        }
        values
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
        // What repeats the install of the scenario is the upgrade now.
        if let Some(step) = self.steps[at + self.from.len()..].iter_mut().find(|step| step.action == Action::Upgrade) {
            step.is_again = false;
        }
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

    /// The roles that this scenario expects to run: the contract's, less those it switches off in each step.
    pub fn present_roles(&self) -> impl Iterator<Item = (&String, &Role)> {
        self.roles.iter().filter(|(name, _)| !self.is_always_absent(name))
    }

    /// Those who may ask a role over the network, where not anyone may.
    pub fn peers(&self) -> impl Iterator<Item = &Peers> {
        let serving = self.present_roles().filter_map(|(_, role)| role.serves.as_ref());
        serving.filter_map(|serves| serves.network.as_ref()?.from.as_ref())
    }

    /// Names of the databases in `backing`.
    pub fn databases(&self) -> impl Iterator<Item = &String> {
        self.backing.iter().filter(|(_, backing)| **backing == Backing::Postgres).map(|(name, _)| name)
    }

    /// The hooks that this scenario expects to run: the contract's, less those it switches off in each step.
    pub fn present_hooks(&self) -> impl Iterator<Item = (&String, &Hook)> {
        self.hooks.iter().filter(|(name, _)| !self.is_always_absent(name))
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

/// A real server that the chart's pods use, started beside the cluster on its network, or as a pod of it.
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

impl Backing {
    /// Those that a file may name without a description.
    pub const KNOWN: [(&'static str, Self); 2] = [("postgres", Self::Postgres), ("redis", Self::Redis)];

    /// The one that is known by this name.
    pub fn known(name: &str) -> Option<Self> {
        Self::KNOWN.into_iter().find_map(|(known, backing)| (known == name).then_some(backing))
    }

    /// What templates may use of it, as `{{NAME.FIELD}}`.
    pub fn fields(&self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["url", "host", "port", "user", "password", "database"],
            Self::Redis => &["url", "host", "port"],
            Self::Server(_) => &["host", "port"],
        }
    }
}

/// What a server's container or pod is started from.
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
