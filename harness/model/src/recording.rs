//! The timeline's entries, and a recording in memory.
//!
//! On disk a recording is a folder: `plan.json`, `timeline.jsonl` (one [`Entry`] a line) and `objects.jsonl` (each
//! distinct object once, by the hash of its content).

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
pub use chartgate_protocol::{Answer, Failure, SessionEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::plan::Plan;

/// Version of the recording's format; a change that old readers would misread raises it.
pub const FORMAT: u32 = 1;

/// What a [`Moment::Gap`] is of when the machine's clock was set during the run: then times of other clocks than the recorder's cannot
/// be placed on the timeline.
pub const WALL_CLOCK: &str = "wall clock";

/// One moment on the timeline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Position on the timeline; the order in which the recorder learned of things.
    pub seq: u64,
    /// Milliseconds since the recording began.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub moment: Moment,
}

/// How much of a plan a recording shows: a check that needs more is not examined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// What helm renders; there was no cluster.
    Render,
    /// All of it.
    #[default]
    Run,
}

/// What happened at a moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Moment {
    /// The first entry of a recording.
    Started {
        /// Version of the recording's format.
        format: u32,
        /// Wall-clock time of `at` = 0, in milliseconds since 1970.
        unix_ms: u64,
        /// The namespace that the release is installed in.
        namespace: String,
        /// One etcd serves all kinds, so resource versions of different kinds may be compared.
        single_etcd: bool,
        /// What is live is compared with the manifest after each step that succeeds; recordings of before that say nothing.
        #[serde(default)]
        compares: bool,
        /// Versions of what took part: `kubernetes`, `helm`, `kind`, `chartgate`, …
        versions: BTreeMap<String, String>,
        /// How much of the plan was carried out.
        #[serde(default)]
        mode: Mode,
    },
    /// The cluster that the release meets.
    Cluster {
        /// Its nodes, as far as they may be looked at.
        nodes: Vec<Node>,
        /// It has controllers besides Kubernetes' own and the release's: it is the user's, or the plan requires some.
        has_other_controllers: bool,
    },
    /// Every watch has listed what exists; what comes later is seen live.
    Watching,
    /// A step begins. What is seen between this and `StepEnded` happened during the step.
    StepStarted {
        /// Index in the plan's steps.
        step: usize,
    },
    /// `helm template` with the step's values, before the step.
    Rendered {
        /// Index in the plan's steps.
        step: usize,
        /// What helm said when it refused; `None`: it rendered.
        error: Option<String>,
        /// Hashes of the rendered objects, hooks included.
        objects: Vec<String>,
        /// The values that the refusal names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        needs: Vec<String>,
        /// The chart asks the cluster for something, so that helm may render there what `helm template` refuses.
        #[serde(default, skip_serializing_if = "is_false")]
        asks_cluster: bool,
    },
    /// What the text of a step's manifest shows beside its objects, by the hash of an object.
    Manifest {
        /// Index in the plan's steps.
        step: usize,
        /// The file of the chart that made each object, for example `app/templates/deployment.yaml`.
        sources: BTreeMap<String, String>,
        /// Keys that a mapping of an object has twice; helm keeps the last.
        repeated: BTreeMap<String, Vec<RepeatedKey>>,
    },
    /// `helm template` of the chart under test once more, with one thing changed: what then differs depends on it.
    Variant {
        /// Index of the step in the plan's whose values were used.
        step: usize,
        /// What was changed.
        variant: Variant,
        /// What helm said when it refused; `None`: it rendered.
        error: Option<String>,
        /// Hashes of the rendered objects, hooks included.
        objects: Vec<String>,
    },
    /// What `helm lint` says of the chart.
    Linted {
        /// In its order.
        messages: Vec<LintMessage>,
    },
    /// The chart's files against those of a commit.
    Changed {
        /// What they are compared with, as the user names it.
        since: String,
        /// The chart's version there; `None`: there is none.
        version: Option<String>,
        /// The files of the package that differ.
        files: Vec<String>,
    },
    /// What was in the cluster before the release, or would be: definitions, operators, what they need.
    Required {
        /// Hashes of the objects.
        objects: Vec<String>,
    },
    /// A helm call ended (or was given up on).
    Helm(HelmCall),
    /// The release as helm describes it after a step.
    Release(Release),
    /// Helm wrote a revision of a release to the cluster, changed its status, or removed it.
    Revision {
        /// The release's name.
        release: String,
        /// Revision number, from 1.
        revision: u32,
        /// Helm's word: `deployed`, `superseded`, `pending-upgrade`, …; `None`: it was removed.
        status: Option<String>,
    },
    /// The neighbour after its install, and again after the last step.
    Neighbour {
        /// Its release's name.
        release: String,
        /// Hashes of its manifest's objects.
        objects: Vec<String>,
        /// What is wrong with it.
        trouble: Option<String>,
    },
    /// An object of the release's namespace appeared, changed or went away.
    Object {
        /// Which of these it was.
        change: Change,
        /// Hash of the object's content; a `Deleted` one carries the last state.
        hash: String,
    },
    /// Something was not seen: a watch was re-listed, a log could not be read. What depends on it cannot be proven.
    Gap {
        /// What was not seen: a kind (`Pod`), `log POD/CONTAINER`, `ddl NAME`, or [`WALL_CLOCK`].
        of: String,
        /// Why.
        why: String,
    },
    /// A line of a container's log.
    Log {
        /// Name of the pod.
        pod: String,
        /// Name of the container.
        container: String,
        /// How often the container had been restarted before.
        #[serde(default, skip_serializing_if = "is_zero")]
        restart: u32,
        /// The line.
        line: String,
    },
    /// An answer to the prober.
    Probe(Probe),
    /// A websocket session was opened through one pod, and reached through another.
    Session {
        /// Index in the plan's steps: after the step's rollout had settled.
        step: usize,
        /// The role whose pods were asked.
        role: String,
        /// Name of the pod that it was opened through.
        opened_through: String,
        /// What came back there.
        opened: Answer,
        /// Name of the pod that it was reached through.
        reached_through: String,
        /// What came back there.
        reached: Answer,
    },
    /// Whether the cluster enforces `NetworkPolicy`: what the prober met at a pod of ours where nothing listens, so that a
    /// connection which arrives is refused.
    Enforcement {
        /// Without a policy.
        before: Answer,
        /// Under a policy that lets nobody ask the pod.
        denied: Answer,
        /// Once the policy is gone.
        after: Answer,
    },
    /// A connection that a `NetworkPolicy` of the release stops or lets pass.
    Reach(Reach),
    /// A port of a Service of the release, and what its endpoints answered.
    ServicePort(ServicePort),
    /// What an account of the release's namespace asked the API server for, from the API server's own record.
    Asked(Asked),
    /// A live object beside what the API server makes of the release's manifest.
    Compared(Compared),
    /// What is left after an uninstall of the objects that the release rendered and that no watch shows.
    Remains {
        /// Index in the plan's steps.
        step: usize,
        /// Hashes of the objects as they are.
        objects: Vec<String>,
    },
    /// Requests of a role's users that were answered well.
    Served(Served),
    /// A request of a role's users that was not.
    Failed(Failed),
    /// Something happened to a websocket session that is kept open.
    SessionKept {
        /// The role whose Service it goes through.
        role: String,
        /// The session's name.
        session: String,
        /// When, in milliseconds since the recording began.
        when: u64,
        /// What.
        event: SessionEvent,
    },
    /// The traffic was stopped: what was in flight then is on the timeline, or was given up.
    TrafficStopped,
    /// The fault of a step took effect.
    Fault {
        /// Index in the plan's steps.
        step: usize,
        /// To what, in words.
        what: String,
    },
    /// Taken for granted, because what would have done it is not here: a program whose image is replaced by a stub, a cloud.
    Assumed {
        /// What, in words.
        what: String,
    },
    /// A step's objects beside the release were applied.
    Applied {
        /// Index in the plan's steps.
        step: usize,
        /// Hashes of the objects, as the API server then had them.
        objects: Vec<String>,
    },
    /// Something came of the objects that a step applied.
    Came {
        /// Index in the plan's steps.
        step: usize,
        /// What, in words.
        what: String,
    },
    /// A node was drained: every pod of the release on it was asked to leave, through the eviction API.
    Drained {
        /// Index in the plan's steps.
        step: usize,
        /// Name of the node.
        node: String,
        /// Names of the pods that left.
        evicted: Vec<String>,
        /// Names of the pods that were still there at the step's time limit, with the API server's last words.
        stayed: BTreeMap<String, String>,
    },
    /// The schema of a backing database changed, as its own log says.
    Ddl {
        /// Name in the plan's `backing`.
        database: String,
        /// When, by the database's clock, in milliseconds since 1970.
        unix_ms: u64,
        /// Command tag, for example `CREATE TABLE`.
        tag: String,
        /// Identity of the object, for example `public.jobs`.
        object: String,
        /// Role that was connected.
        user: String,
    },
    /// The witness of a backing database's schema is in place: from here on, silence means that nothing changed.
    DdlWitness {
        /// Name in the plan's `backing`.
        database: String,
    },
    /// A step was ended before its time, because it could not succeed any more.
    EndedEarly {
        /// Index in the plan's steps.
        step: usize,
        /// What was certain.
        why: String,
    },
    /// A step ended, its samples included.
    StepEnded {
        /// Index in the plan's steps.
        step: usize,
        /// How.
        outcome: StepOutcome,
    },
    /// The last entry of a recording that is whole.
    Ended,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A key that a mapping has twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatedKey {
    /// Where it is, for example `spec.template.spec.restartPolicy`.
    pub path: String,
    /// Whether both have the same value.
    pub is_same: bool,
}

/// What was changed for a render besides those of the steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Nothing: what differs is random, or depends on the time.
    Repeated,
    /// The release has another name.
    Release {
        /// That name.
        name: String,
    },
    /// It is installed in another namespace.
    Namespace {
        /// That namespace.
        name: String,
    },
    /// The chart has a higher version, and so have the charts in it.
    Version {
        /// `version` of `Chart.yaml`.
        chart: String,
        /// `appVersion` of `Chart.yaml`.
        app: Option<String>,
    },
    /// The chart's own values alone, where the scenario gives others.
    Defaults,
}

/// A line of `helm lint`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintMessage {
    /// It is an error; else it is a warning.
    pub is_error: bool,
    /// What helm says, with the file.
    pub what: String,
}

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

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// CPU that it has for the pods of releases, in thousandths of a core.
    pub millicores: u64,
}

/// Requests of one slice of time that were answered well. Times are in milliseconds since the recording began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The role whose Service was asked.
    pub role: String,
    /// They were sent from here on.
    pub from: u64,
    /// End of the slice.
    pub to: u64,
    /// How many there were.
    pub count: u32,
    /// How long the slowest answer took, in milliseconds.
    pub slowest_ms: u64,
    /// How long after its time the latest request was sent, in milliseconds.
    pub late_ms: u64,
    /// How many each pod answered, where answers name it.
    pub by_pod: BTreeMap<String, u32>,
}

/// A request that was not answered well. Times are in milliseconds since the recording began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The role whose Service was asked.
    pub role: String,
    /// When it was sent.
    pub sent: u64,
    /// How long it took until the failure was known, in milliseconds.
    pub took_ms: u64,
    /// What became of it.
    pub failure: Failure,
    /// The pod that answered, where the answer names it.
    pub pod: Option<String>,
}

/// A call of helm that changed the release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HelmCall {
    /// Index in the plan's steps.
    pub step: usize,
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

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It existed already when the watch began (or was re-listed).
    Listed,
    /// It was added or modified.
    Applied,
    /// It is gone.
    Deleted,
}

/// One question of the prober to a pod or a Service, and the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Probe {
    /// Index in the plan's steps: the probe was sent after the step's rollout had settled.
    pub step: usize,
    /// The role whose pod or Service was asked.
    pub role: String,
    /// Name of the pod asked at its own address; `None`: the Service was asked.
    pub pod: Option<String>,
    /// Address and port, for example `10.244.0.7:4000`.
    pub address: String,
    /// Path, for an HTTP question; `None`: only a connection was tried.
    pub path: Option<String>,
    /// The pod was Ready before the question and after the answer, without a restart between.
    pub ready_throughout: bool,
    /// What came back.
    pub answer: Answer,
    /// What a serving role's pod answered to the same prober at the same time (positive control).
    pub control: Option<Answer>,
}

/// A port of a Service that selects pods, and what the prober met at each of its ready endpoints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServicePort {
    /// Index in the plan's steps: after the step's rollout had settled.
    pub step: usize,
    /// Name of the Service.
    pub service: String,
    /// Name of the port, or its number where it has none.
    pub port: String,
    /// Its `targetPort`, a name or a number.
    pub target: String,
    /// How many ready endpoints it has.
    pub endpoints: usize,
    /// One for each ready endpoint that no `NetworkPolicy` keeps the prober from, a few at most.
    pub attempts: Vec<Attempt>,
}

/// A request of a `ServiceAccount`, as often as it was made. Times are in milliseconds since the recording began.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// Name of the account.
    pub account: String,
    /// `get`, `list`, `watch`, …
    pub verb: String,
    /// Plural with its subresource, and its group if it has one: `deployments/scale.apps`.
    pub resource: String,
    /// Namespace of what was asked for; empty: the cluster.
    pub namespace: String,
    /// Name of what was asked for; empty: all.
    pub name: String,
    /// When it was refused.
    pub refused: Vec<u64>,
    /// When it was last granted.
    pub granted: Option<u64>,
}

/// A connection to an endpoint of a Service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Name of the pod.
    pub pod: String,
    /// Address and port.
    pub address: String,
    /// The port at the pod.
    pub port: u16,
    /// What came back.
    pub answer: Answer,
    /// The pod was Ready before and after.
    pub is_ready_throughout: bool,
}

/// A live object of a release, and what the API server would make of its manifest by server-side apply, which was not carried out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Compared {
    /// Index in the plan's steps: after the step's rollout had settled.
    pub step: usize,
    /// Hash of the live object.
    pub live: String,
    /// Hash of what the API server makes of the manifest; `None`: it refused.
    pub applied: Option<String>,
    /// The API server's words where it refused.
    pub refusal: Option<String>,
    /// Paths of the fields that another manager than helm has set.
    pub others: Vec<String>,
}

/// A connection to a pod that a `NetworkPolicy` guards, and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reach {
    /// Index in the plan's steps: after the step's rollout had settled.
    pub step: usize,
    /// The role of the pod.
    pub role: String,
    /// Name of the pod.
    pub pod: String,
    /// Port of the pod's own address.
    pub port: u16,
    /// Who asked.
    pub asker: Asker,
    /// What came back.
    pub answer: Answer,
    /// What the same asker met at the same time at a pod of ours where nothing listens (positive control).
    pub control: Answer,
    /// The pod was Ready before the question and after the answer, without a restart between.
    pub ready_throughout: bool,
}

/// A pod of ours that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asker {
    /// The prober. Its pod and its namespace have every label that the contract asks of those who may ask.
    Prober,
    /// A pod without these labels in the prober's namespace.
    Unlabelled,
    /// A pod with these labels in a namespace without them.
    Elsewhere,
}

/// A plan and what was seen while it ran.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What was to be done, and what the chart promises.
    pub plan: Plan,
    /// The timeline.
    pub entries: Vec<Entry>,
    /// Objects by the hash of their content.
    pub objects: HashMap<String, Arc<Value>>,
    /// The template that made an object, by the hash of its content: `CHART/templates/FILE`.
    pub sources: HashMap<String, String>,
}

/// The name under which an object's content is stored.
pub fn hash_of(object: &Value) -> String {
    let digest = Sha256::digest(object.to_string());
    digest.iter().take(12).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// A line of `objects.jsonl`.
#[derive(Serialize, Deserialize)]
pub struct StoredObject {
    pub hash: String,
    pub object: Arc<Value>,
    /// The template that made it, for what helm rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Recording {
    /// Reads a recording from its folder. A torn last line (the recorder was killed) is left out.
    pub fn load(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).with_context(|| format!("read `{}`", path.display()))
        };
        let plan = serde_json::from_str(&read("plan.json")?).context("parse `plan.json`")?;
        let entries: Vec<Entry> = parse_lines("timeline.jsonl", &read("timeline.jsonl")?)?;
        let stored: Vec<StoredObject> = parse_lines("objects.jsonl", &read("objects.jsonl")?)?;
        if let Some(Entry { moment: Moment::Started { format, .. }, .. }) = entries.first()
            && *format != FORMAT
        {
            bail!("`{}` has recording format {format}, and this chartgate reads format {FORMAT}", folder.display());
        }
        let sources = stored.iter().filter_map(|line| Some((line.hash.clone(), line.source.clone()?))).collect();
        let objects = stored.into_iter().map(|line| (line.hash, line.object)).collect();
        Ok(Self { plan, entries, objects, sources })
    }

    /// Removes an earlier recording from a folder: it must not be taken for the one that is about to be made.
    pub fn remove(folder: &Path) -> Result<()> {
        for name in ["plan.json", "timeline.jsonl", "objects.jsonl"] {
            let path = folder.join(name);
            if path.exists() {
                std::fs::remove_file(&path).with_context(|| format!("remove `{}`", path.display()))?;
            }
        }
        Ok(())
    }

    /// The day on which the recording began, as `YYYY-MM-DD` in UTC; a verdict that depends on the day can be repeated.
    pub fn day(&self) -> String {
        let unix_ms = match self.entries.first() {
            Some(Entry { moment: Moment::Started { unix_ms, .. }, .. }) => *unix_ms,
            _ => 0,
        };
        let began = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms);
        jiff::Timestamp::try_from(began).map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
    }

    /// How much of the plan was carried out; all of it, where the recording does not say.
    pub fn mode(&self) -> Mode {
        match self.entries.first() {
            Some(Entry { moment: Moment::Started { mode, .. }, .. }) => *mode,
            _ => Mode::default(),
        }
    }

    /// The object that was stored under a hash; JSON `null` if the recording was cut before it was written.
    pub fn object(&self, hash: &str) -> &Value {
        self.objects.get(hash).map_or(&Value::Null, AsRef::as_ref)
    }
}

fn parse_lines<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<Vec<T>> {
    let mut parsed = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        match serde_json::from_str(line) {
            Ok(value) => parsed.push(value),
            Err(_) if lines.peek().is_none() && !text.ends_with('\n') => {}
            Err(error) => return Err(error).with_context(|| format!("parse line {} of `{name}`", index + 1)),
        }
    }
    Ok(parsed)
}
