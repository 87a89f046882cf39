//! The judge: each check is a pure function from a recording to a finding. It never talks to a cluster.

mod faults;
mod health;
mod hooks;
pub(crate) mod object;
pub mod ready;
mod render;
mod roles;
mod rollback;
mod security;
mod step;
mod tally;
#[cfg(test)]
mod testing;
pub(crate) mod track;
mod traffic;
mod upgrade;
mod view;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Expect, Plan, Waiver};
use crate::record::Recording;

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
    /// Judges a recording.
    pub judge: fn(&Recording) -> Finding,
}

/// All checks, in the order of reports.
pub fn all() -> &'static [Check] {
    const ALL: &[Check] = &[
        render::RENDERS,
        render::RELEASE_OUTCOME,
        render::SCHEMA_REJECTS,
        render::NAMES_UNIQUE,
        render::IMAGE_PINNED,
        hooks::HOOK_ORDER,
        hooks::HOOK_ONCE,
        hooks::HOOK_CLEANUP,
        hooks::HOOK_INPUTS,
        roles::ROLE_ENV,
        roles::ROLE_SERVES,
        roles::SESSION_SHARED,
        roles::ROLE_SINGLETON,
        roles::ROLE_MIGRATES,
        roles::SAME_IMAGE,
        health::READY,
        health::HEALTH_PATH,
        health::NO_RESTARTS,
        health::PROBE_INDEPENDENCE,
        upgrade::PREVIOUS_VERSION,
        upgrade::UPGRADE_HAPPENED,
        traffic::UPGRADE_AVAILABLE,
        traffic::SESSION_CONTINUITY,
        upgrade::CONFIG_ROLLS_PODS,
        upgrade::SECRETS_STABLE,
        upgrade::SELECTOR_STABLE,
        upgrade::REPLICAS_KEPT,
        faults::FAULT_HAPPENED,
        faults::FAILED_MIGRATION_CONTAINED,
        faults::RELEASE_NOT_STUCK,
        rollback::ROLLBACK_RESTORED,
        rollback::ROLLBACK_SERVES,
        rollback::UPGRADE_AFTER_ROLLBACK,
        faults::DRAIN_COMPLETES,
        traffic::DRAIN_AVAILABLE,
        security::PODS_RESTRICTED,
        security::SERVICE_ACCOUNT_MINIMAL,
        security::NO_SECRET_IN_PLAIN_SIGHT,
    ];
    ALL
}

/// Judges a recording: one finding for each check, the worst over all steps.
pub fn judge(recording: &Recording) -> Vec<Finding> {
    let plan = &recording.plan;
    let day = recording.day();
    let bound = |mut finding: Finding| {
        let is_binding = plan.strict || plan.binding.contains(&finding.check);
        if finding.verdict == Verdict::Advice && is_binding {
            finding.verdict = Verdict::Fail;
        }
        waive(suspend(finding, plan), &plan.waivers, &day)
    };
    all().iter().map(|check| bound((check.judge)(recording))).collect()
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
    Finding { verdict: Verdict::NotApplicable, message, evidence: Vec::new(), ..finding }
}

/// Applies a waiver to a finding; an expired one is named and changes nothing.
fn waive(finding: Finding, waivers: &[Waiver], day: &str) -> Finding {
    let waiver = waivers.iter().find(|waiver| waiver.check == finding.check && finding.verdict >= Verdict::Void);
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
