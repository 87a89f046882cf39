//! The judge: each check is a pure function from a recording to a finding. It never talks to a cluster.

mod cause;
mod check;
pub mod explain;
mod faults;
mod health;
mod hooks;
mod lacking;
mod live;
mod manifest;
pub(crate) mod network;
mod proves;
mod render;
mod roles;
mod rollback;
mod schema;
mod security;
mod source;
mod step;
mod tally;
#[cfg(test)]
mod testing;
pub mod track;
mod traffic;
mod uninstall;
mod upgrade;
mod variant;
mod view;

pub use render::refused::is_refusal_on_purpose;
pub use render::refused::needs_values;
pub use render::schema_mistakes;

use chartgate_model::plan::{Expect, Plan, StubImages, Waiver};
use chartgate_model::recording::{Mode, Moment, Recording, WATCH};

pub use chartgate_model::finding::{Evidence, Finding, Problem, Verdict};
use source::Sources;

pub use check::{Check, Group, Level, Needs, Rank, present_name};
pub use view::View;

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
            check::REFERENCES_RESOLVE,
            check::SELECTORS_MATCH,
            check::SELECTORS_DISJOINT,
            check::NAMES_FIT,
            check::CRDS_CURRENT,
            check::DUPLICATE_KEYS,
            check::VALUES_KEEP_THEIR_FORM,
            check::SERVICE_LINKS,
            check::RENDER_STABLE,
        ],
    },
    Group {
        name: "hooks",
        about: "Jobs that helm runs before or after a change, such as migrations",
        checks: &[hooks::HOOK_ORDER, hooks::HOOK_ONCE, hooks::HOOK_EFFECT, hooks::HOOK_CLEANUP, hooks::HOOK_INPUTS],
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
            check::PODS_ALIKE,
        ],
    },
    Group {
        name: "network",
        about: "Who reaches the release, and by which way",
        checks: &[network::NETWORK_POLICY, network::INGRESS_LEADS, check::EGRESS_ALLOWS_DNS],
    },
    Group {
        name: "health",
        about: "Whether what was installed runs, and says so truly",
        checks: &[
            health::PODS_START,
            health::READY,
            health::HEALTH_PATH,
            health::NO_RESTARTS,
            health::PROBE_INDEPENDENCE,
            check::STARTUP_ALLOWED,
        ],
    },
    Group {
        name: "live",
        about: "What the API server, the controllers and the node make of any release",
        checks: &[
            live::ADMITTED,
            live::SERVICE_ENDPOINTS,
            live::LIVE_MATCHES_MANIFEST,
            live::IDEMPOTENT_UPGRADE,
            live::REINSTALL_WORKS,
            live::RBAC_SUFFICIENT,
        ],
    },
    Group {
        name: "upgrade",
        about: "What a change of the release must bring, and what it must leave as it was",
        checks: &[
            upgrade::PREVIOUS_VERSION,
            upgrade::UPGRADE_HAPPENED,
            traffic::UPGRADE_AVAILABLE,
            traffic::SESSION_CONTINUITY,
            traffic::JOBS_DONE,
            upgrade::CONFIG_ROLLS_PODS,
            upgrade::CONFIG_REACHES_PODS,
            upgrade::SECRETS_STABLE,
            upgrade::IMMUTABLE_FIELDS,
            upgrade::REPLICAS_KEPT,
            check::DATA_KEPT,
            check::ROLLOUT_CAN_PROCEED,
            check::GRACE_COVERS_DRAIN,
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
        checks: &[faults::DRAIN_COMPLETES, traffic::DRAIN_AVAILABLE, check::REPLICAS_SPREAD],
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

/// What a recording shows, and what it cannot show.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// One finding for each check that was examined, in the order of reports.
    pub findings: Vec<Finding>,
    /// Names of the checks that need more than the recording holds.
    pub not_examined: Vec<String>,
    /// What an uninstall left besides what is kept on purpose: `KIND/NAME`.
    pub leftovers: Vec<String>,
}

/// Judges a recording by the checks that it holds enough for.
pub fn examine(recording: &Recording) -> Examined {
    let (view, most) = (View::of(recording), held(recording));
    let is_examined = |check: &str| named(check).is_none_or(|check| check.needs <= most);
    let (findings, beyond): (Vec<Finding>, Vec<Finding>) =
        judge_view(&view).into_iter().partition(|finding| is_examined(&finding.check));
    let not_examined = beyond.into_iter().map(|finding| finding.check).collect();
    Examined { findings, not_examined, leftovers: uninstall::leftovers(&view) }
}

/// The most that a check may need of a recording.
fn held(recording: &Recording) -> Needs {
    match recording.mode() {
        Mode::Render if has_dry_run(recording) => Needs::Admission,
        Mode::Render => Needs::Render,
        // A stub answers for the application, and does nothing of what that does.
        Mode::Run if recording.plan.stub_images != StubImages::Off => Needs::Orchestration,
        Mode::Run => Needs::Behaviour,
    }
}

/// Whether an API server was asked about what is rendered.
fn has_dry_run(recording: &Recording) -> bool {
    recording.entries.iter().any(|entry| matches!(entry.moment, Moment::DryRun(_)))
}

/// The check of a name; `None`: there is none.
pub fn named(name: &str) -> Option<&'static Check> {
    all().find(|check| check.name == present_name(name))
}

/// Judges a recording: one finding for each check, the worst over all steps.
pub fn judge(recording: &Recording) -> Vec<Finding> {
    judge_view(&View::of(recording))
}

fn judge_view(view: &View) -> Vec<Finding> {
    let (recording, day) = (view.recording, view.recording.day());
    let sources = Sources::of(recording, &view.all_tracks().collect::<Vec<_>>());
    let sourced = |finding: Finding| Finding { templates: sources.named_by(&finding), ..finding };
    let most = held(recording);
    let demanded = |check: &Check| proves::demand(check, found(check, view), view.plan, most);
    all().map(|check| sourced(waive(demanded(check), &view.plan.waivers, &day))).collect()
}

/// A check's finding, as binding as the plan makes it.
fn found(check: &Check, view: &View) -> Finding {
    let is_binding = view.is_binding(check.name);
    acquit(check, suspend(check, check.weigh((check.judge)(view), is_binding), view.plan), view)
}

/// Where the API server did not answer for a while, something was not seen, or seen in another step than it happened in: nobody is to
/// blame for sure.
fn acquit(check: &Check, finding: Finding, view: &View) -> Finding {
    if check.needs <= Needs::Admission || finding.verdict != Verdict::Fail {
        return finding;
    }
    let Some((seen, why)) = view.gap(&[WATCH], 0, u64::MAX) else { return finding };
    let what = format!("{why}; what was seen is not sure: {}", finding.statement());
    let hint = Some("run it again; the recording holds what was seen".to_owned());
    let evidence = [seen].into_iter().chain(finding.evidence).collect();
    Finding::of_problems(check.name, Verdict::Void, vec![Problem { what, hint }], evidence)
}

/// How far a check is from the cause of what it sees: what explains most comes first.
pub fn distance(check: &str) -> u8 {
    named(check).map_or(0, |check| check.rank.distance)
}

/// Whether a failure is explained by another one, so that a reader needs no more of it than its headline.
pub fn is_explained(check: &str, by: &str) -> bool {
    named(by).is_some_and(|by| by.rank.explains.contains(&check))
}

/// Where no step of the plan is to succeed, nothing needs to be proven of a running release; what is broken still fails.
fn suspend(check: &Check, finding: Finding, plan: &Plan) -> Finding {
    let is_to_run = plan.steps.iter().any(|step| step.expect == Expect::Succeeds);
    if is_to_run || finding.verdict != Verdict::Void || check.judges_refusals {
        return finding;
    }
    let message = "no step of the plan is to succeed".to_owned();
    let none = Finding { evidence: Vec::new(), problems: Vec::new(), since: None, ..finding };
    Finding { verdict: Verdict::NotApplicable, message, ..none }
}

/// Applies a waiver to a finding; an expired one is named and changes nothing.
fn waive(finding: Finding, waivers: &[Waiver], day: &str) -> Finding {
    let waiver =
        waivers.iter().find(|waiver| present_name(&waiver.check) == finding.check && finding.verdict >= Verdict::Void);
    let Some(Waiver { reason, until, .. }) = waiver else { return finding };
    if day > until.as_str() {
        let statement = format!("{}\na waiver of it ended on {until}", finding.statement());
        return finding.with_statement(&statement);
    }
    let statement = format!("waived until {until} ({reason}): {}", finding.statement());
    Finding { verdict: Verdict::Waived, ..finding.with_statement(&statement) }
}

/// What a version of Kubernetes serves, as helm takes it: `GROUP/VERSION` and `GROUP/VERSION/KIND`; nothing of an unknown version.
pub fn served(kubernetes: &str) -> Vec<String> {
    schema::Kubernetes::of(kubernetes).map(schema::Kubernetes::served).unwrap_or_default()
}

/// The verdict of a scenario: fail over void over pass; void where no check applied.
pub fn verdict_of(findings: &[Finding]) -> Verdict {
    let binding = |verdict: &Verdict| matches!(verdict, Verdict::Pass | Verdict::Void | Verdict::Fail);
    findings.iter().map(|finding| finding.verdict).filter(binding).max().unwrap_or(Verdict::Void)
}

#[cfg(test)]
mod tests;
