//! The judge: each check is a pure function from a recording to a finding. It never talks to a cluster.

mod faults;
mod health;
mod hooks;
pub(crate) mod network;
pub(crate) mod object;
pub mod ready;
mod render;
mod roles;
mod rollback;
mod schema;
mod security;
mod step;
mod tally;
#[cfg(test)]
mod testing;
pub(crate) mod track;
mod traffic;
mod uninstall;
mod upgrade;
mod variant;
mod view;

pub use render::refused::is_refusal_on_purpose;
pub(crate) use render::refused::needs_values;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Expect, Plan, Waiver};
use crate::record::{Mode, Recording};

/// How a check, a scenario or a run ended, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The check's subject does not exist here; decided from the plan and the render, never from what happened.
    NotApplicable,
    /// It failed or was void, and the contract accepts that for a while.
    Waived,
    /// The promise held, and the evidence says so.
    Pass,
    /// A good habit that the chart does not promise is missing.
    Advice,
    /// The check applies, but the run could not prove it.
    Void,
    /// A promise was broken.
    Fail,
}

impl Verdict {
    /// Whether the gate does not let it pass.
    pub fn is_red(self) -> bool {
        matches!(self, Self::Void | Self::Fail)
    }
}

/// What a check found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The check's stable name.
    pub check: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, in one sentence that names objects, pods and revisions.
    pub message: String,
    /// The moments that show it.
    pub evidence: Vec<Evidence>,
    /// Each thing that was found so; the message tells the first one. Empty where the check passed or does not apply.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// What alone kept it from being proven, and what another check tells: `step 2 (upgrade) failed`; `null`: nothing did.
    pub since: Option<String>,
}

/// One thing that a check found broken, or could not prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What, in a sentence that names the object.
    pub what: String,
    /// What a person can do about it.
    pub hint: Option<String>,
}

impl Finding {
    /// A finding of several things: its message tells the first one, and how many more there are.
    pub fn of_problems(check: &str, verdict: Verdict, problems: Vec<Problem>, evidence: Vec<Evidence>) -> Self {
        let first = problems.first();
        let what = first.map_or("", |problem| problem.what.as_str());
        let more = if problems.len() > 1 { format!(" (and {} more)", problems.len() - 1) } else { String::new() };
        let hint =
            first.and_then(|problem| problem.hint.as_ref()).map_or(String::new(), |hint| format!("\nhint: {hint}"));
        let message = format!("{what}{more}{hint}");
        Self { check: check.to_owned(), verdict, message, evidence, problems, since: None }
    }
}

/// A moment of the timeline that a finding cites.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Position on the timeline, where it stands there.
    pub seq: Option<u64>,
    /// Milliseconds since the recording began.
    pub at: Option<u64>,
    /// What was seen.
    pub text: String,
}

/// A check: its stable name, what it proves, and the function that judges.
pub struct Check {
    /// Stable name, as in reports and contracts.
    pub name: &'static str,
    /// What it proves.
    pub proves: &'static str,
    /// What a failure means for a user of the chart.
    pub means: &'static str,
    /// How it is proven, its examples and what to do: the text file of its name in `explanation/`, which `explain` reads.
    pub explanation: &'static str,
    /// Judges a recording.
    pub judge: fn(&Recording) -> Finding,
}

/// The checks of one subject.
pub struct Group {
    /// The subject's name, as in the reference.
    pub name: &'static str,
    /// What the checks look at.
    pub about: &'static str,
    /// In the order of reports.
    pub checks: &'static [Check],
}

/// All checks by subject, in the order of reports.
pub const GROUPS: &[Group] = &[
    Group {
        name: "render",
        about: "What the chart makes of its values, and what helm makes of that",
        checks: &[
            render::RENDERS,
            render::SCHEMA_VALID,
            render::RELEASE_OUTCOME,
            render::SCHEMA_REJECTS,
            render::NAMES_UNIQUE,
            render::IMAGE_PINNED,
            render::HELM_LINT,
            render::VERSION_RAISED,
        ],
    },
    Group {
        name: "hooks",
        about: "Jobs that helm runs before or after a change, such as migrations",
        checks: &[hooks::HOOK_ORDER, hooks::HOOK_ONCE, hooks::HOOK_CLEANUP, hooks::HOOK_INPUTS],
    },
    Group {
        name: "roles",
        about: "What each kind of pod does, and what it leaves to the others",
        checks: &[
            roles::ROLE_ENV,
            roles::ROLE_SERVES,
            roles::SESSION_SHARED,
            roles::ROLE_SINGLETON,
            roles::ROLE_MIGRATES,
            roles::SAME_IMAGE,
        ],
    },
    Group {
        name: "network",
        about: "Who reaches the release, and by which way",
        checks: &[network::NETWORK_POLICY, network::INGRESS_LEADS],
    },
    Group {
        name: "health",
        about: "Whether what was installed runs, and says so truly",
        checks: &[health::READY, health::HEALTH_PATH, health::NO_RESTARTS, health::PROBE_INDEPENDENCE],
    },
    Group {
        name: "upgrade",
        about: "What a change of the release must bring, and what it must leave as it was",
        checks: &[
            upgrade::PREVIOUS_VERSION,
            upgrade::UPGRADE_HAPPENED,
            traffic::UPGRADE_AVAILABLE,
            traffic::SESSION_CONTINUITY,
            upgrade::CONFIG_ROLLS_PODS,
            upgrade::CONFIG_REACHES_PODS,
            upgrade::SECRETS_STABLE,
            upgrade::IMMUTABLE_FIELDS,
            upgrade::REPLICAS_KEPT,
        ],
    },
    Group {
        name: "faults",
        about: "How the release bears what goes wrong in the middle of a change",
        checks: &[faults::FAULT_HAPPENED, faults::FAILED_MIGRATION_CONTAINED, faults::RELEASE_NOT_STUCK],
    },
    Group {
        name: "rollback",
        about: "Whether the way back leads there",
        checks: &[rollback::ROLLBACK_RESTORED, rollback::ROLLBACK_SERVES, rollback::UPGRADE_AFTER_ROLLBACK],
    },
    Group { name: "uninstall", about: "What is left when the release is gone", checks: &[uninstall::UNINSTALL_CLEAN] },
    Group {
        name: "disruption",
        about: "What happens when a node is maintained",
        checks: &[faults::DRAIN_COMPLETES, traffic::DRAIN_AVAILABLE],
    },
    Group {
        name: "security",
        about: "What the pods may do, and who may read what they know",
        checks: &[security::PODS_RESTRICTED, security::SERVICE_ACCOUNT_MINIMAL, security::NO_SECRET_IN_PLAIN_SIGHT],
    },
];

/// All checks, in the order of reports.
pub fn all() -> impl Iterator<Item = &'static Check> {
    GROUPS.iter().flat_map(|group| group.checks)
}

/// Names that checks had before, and have now: contracts and waivers may use them for one more release.
const RENAMED: [(&str, &str); 1] = [("selector-stable", "immutable-fields")];

/// The name that a check has now.
pub fn present_name(name: &str) -> &str {
    RENAMED.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new)
}

/// What a recording shows, and what it cannot show.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// One finding for each check that was examined, in the order of reports.
    pub findings: Vec<Finding>,
    /// Names of the checks that need more than the recording holds.
    pub not_examined: Vec<String>,
}

/// The checks that read nothing but what helm renders.
const OF_RENDERS: [&str; 14] = [
    "renders",
    "schema-valid",
    "schema-rejects",
    "names-unique",
    "image-pinned",
    "helm-lint",
    "version-raised",
    "immutable-fields",
    "hook-cleanup",
    "hook-inputs",
    "probe-independence",
    "pods-restricted",
    "service-account-minimal",
    "no-secret-in-plain-sight",
];

/// Judges a recording by the checks that it holds enough for.
pub fn examine(recording: &Recording) -> Examined {
    let is_examined = |check: &str| recording.mode() == Mode::Run || OF_RENDERS.contains(&check);
    let (findings, beyond): (Vec<Finding>, Vec<Finding>) =
        judge(recording).into_iter().partition(|finding| is_examined(&finding.check));
    Examined { findings, not_examined: beyond.into_iter().map(|finding| finding.check).collect() }
}

/// Judges a recording: one finding for each check, the worst over all steps.
pub fn judge(recording: &Recording) -> Vec<Finding> {
    let plan = &recording.plan;
    let day = recording.day();
    let bound = |mut finding: Finding| {
        let is_binding = plan.strict || plan.binding.iter().any(|name| present_name(name) == finding.check);
        if finding.verdict == Verdict::Advice && is_binding {
            finding.verdict = Verdict::Fail;
        }
        waive(suspend(finding, plan), &plan.waivers, &day)
    };
    all().map(|check| bound((check.judge)(recording))).collect()
}

/// Checks that only see what others name the cause of, from the nearest to it to the farthest.
const SYMPTOMS: [&str; 9] = [
    "no-restarts",
    "ready",
    "health-path",
    "role-serves",
    "upgrade-available",
    "session-continuity",
    "upgrade-happened",
    "upgrade-after-rollback",
    "release-outcome",
];

/// Checks whose failure is why a step failed, and with it a workload that was waited for.
const CAUSES: [&str; 5] = ["renders", "names-unique", "hook-cleanup", "hook-inputs", "immutable-fields"];

/// How far a check is from the cause of what it sees: what explains most comes first.
pub fn distance(check: &str) -> usize {
    SYMPTOMS.iter().position(|symptom| *symptom == check).map_or(0, |position| position + 1)
}

/// Whether a failure is explained by another one, so that a reader needs no more of it than its headline.
pub fn is_explained(check: &str, by: &str) -> bool {
    match check {
        "release-outcome" => by == "ready" || CAUSES.contains(&by),
        "ready" => CAUSES.contains(&by),
        // A hook that waits for what never comes is tried until its time is over.
        "hook-once" => by == "hook-inputs",
        _ => false,
    }
}

/// The checks that apply although no step is to succeed: they judge the refusal itself.
const OF_REFUSALS: [&str; 3] = ["renders", "release-outcome", "schema-rejects"];

/// Where no step of the plan is to succeed, nothing needs to be proven of a running release; what is broken still fails.
fn suspend(finding: Finding, plan: &Plan) -> Finding {
    let is_to_run = plan.steps.iter().any(|step| step.expect == Expect::Succeeds);
    if is_to_run || finding.verdict != Verdict::Void || OF_REFUSALS.contains(&finding.check.as_str()) {
        return finding;
    }
    let message = "no step of the plan is to succeed".to_owned();
    Finding {
        verdict: Verdict::NotApplicable,
        message,
        evidence: Vec::new(),
        problems: Vec::new(),
        since: None,
        ..finding
    }
}

/// Applies a waiver to a finding; an expired one is named and changes nothing.
fn waive(finding: Finding, waivers: &[Waiver], day: &str) -> Finding {
    let waiver =
        waivers.iter().find(|waiver| present_name(&waiver.check) == finding.check && finding.verdict >= Verdict::Void);
    let Some(Waiver { reason, until, .. }) = waiver else { return finding };
    if day > until.as_str() {
        return Finding { message: format!("{}\na waiver of it ended on {until}", finding.message), ..finding };
    }
    let message = format!("waived until {until} ({reason}): {}", finding.message);
    Finding { verdict: Verdict::Waived, message, ..finding }
}

/// The verdict of a scenario: fail over void over pass; void where no check applied.
pub fn verdict_of(findings: &[Finding]) -> Verdict {
    let binding = |verdict: &Verdict| matches!(verdict, Verdict::Pass | Verdict::Void | Verdict::Fail);
    findings.iter().map(|finding| finding.verdict).filter(binding).max().unwrap_or(Verdict::Void)
}

#[cfg(test)]
mod tests;
