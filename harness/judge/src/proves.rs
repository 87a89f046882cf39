//! What a scenario exists to prove (`proves`): a listed check that does not end as a pass is void, however quietly it ended.

use chartgate_model::finding::{Finding, Problem, Verdict};
use chartgate_model::plan::Plan;

use super::check::{Check, Needs, present_name};

/// The finding of a check as the plan's `proves` takes it; `most` is what the recording holds.
pub(super) fn demand(check: &Check, finding: Finding, plan: &Plan, most: Needs) -> Finding {
    let ended = match finding.verdict {
        Verdict::NotApplicable => "not applicable",
        Verdict::Advice => "advice",
        Verdict::Pass | Verdict::Waived | Verdict::Void | Verdict::Fail => return finding,
    };
    // Where a mode holds a part of what the check judges, its subject may be in the rest.
    let is_whole = check.adds.is_none_or(|adds| adds <= most);
    if !is_whole || !lists(plan, check.name) {
        return finding;
    }
    let what = format!("the scenario exists to prove it, and it ended as {ended}: {}", finding.statement());
    let hint = finding.hint().map_or_else(
        || "restore what it judges (a label, a selector, a step), or take the check out of `proves`".to_owned(),
        str::to_owned,
    );
    let problem = Problem { what, hint: Some(hint) };
    Finding::of_problems(check.name, Verdict::Void, vec![problem], finding.evidence)
}

/// Whether the plan's `proves` lists a check.
fn lists(plan: &Plan, check: &str) -> bool {
    plan.proves.iter().any(|listed| present_name(listed) == check)
}
