//! The entries of the timeline.

use std::collections::{BTreeMap, BTreeSet};

use chartgate_protocol::{Answer, SessionEvent};
use serde::{Deserialize, Serialize};

use super::{
    Asked, Change, Compared, DryRun, EffectSeen, Failed, HelmCall, JobEnded, LintMessage, Node, Probe, Reach, Release,
    RepeatedKey, Served, ServicePort, StepOutcome, Variant,
};

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
    /// Objects of different kinds were written in turns, and each write had a higher version than the one before: versions of different
    /// kinds may be compared, although nobody knows how the cluster keeps them.
    OneStore,
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
    /// The templates of the chart that ask the cluster which versions of the API it serves: helm without a cluster believes in old ones,
    /// too, so what these make may be another version there.
    VersionsAsked {
        /// As helm names them: `CHART/templates/FILE`.
        templates: BTreeSet<String>,
    },
    /// Numbers in scientific notation, such as `1e+06`, that stand so in the chart's own files: no template made them.
    NumbersWritten {
        /// As they are written.
        numbers: BTreeSet<String>,
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
        /// What was not seen: a kind (`Pod`), `log POD/CONTAINER`, `ddl NAME`, [`WATCH`](super::WATCH) or
        /// [`WALL_CLOCK`](super::WALL_CLOCK).
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
    /// Whether the cluster enforces `NetworkPolicy`: what the prober met at a pod of chartgate's own where nothing listens, so that a
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
    /// What an API server said of a rendered object that it did not make.
    DryRun(DryRun),
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
    /// What became of a job that a role's users handed in.
    Job(JobEnded),
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
    /// The images of the release that can neither be loaded nor pulled: their programs, and no others, are replaced by a stub.
    Stubbed {
        /// Their references.
        images: BTreeSet<String>,
    },
    /// Taken for granted, because what would have done it is not here: a program whose image is replaced by a stub, a cloud.
    Assumed {
        /// What, in words.
        what: String,
    },
    /// What a hook makes in a server, as it was.
    Effect(EffectSeen),
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
    /// The audit of a backing database's schema is in place: from here on, silence means that nothing changed.
    #[serde(alias = "ddl-witness")]
    SchemaAudited {
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
