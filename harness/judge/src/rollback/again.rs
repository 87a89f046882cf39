//! `upgrade-after-rollback`: a rollback is no dead end.

use chartgate_model::plan::Action;

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const UPGRADE_AFTER_ROLLBACK: Check = Check {
    name: "upgrade-after-rollback",
    proves: "after a rollback the release can be upgraded again",
    means: "users who rolled back once are stuck on the old version",
    explanation: include_str!("../explanation/upgrade-after-rollback.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::symptom(8),
    judges_refusals: false,
    judge: upgrade_after_rollback,
};

fn upgrade_after_rollback(view: &View) -> Finding {
    let is_rollback = |run: &StepRun| matches!(run.step.action, Action::Rollback { .. }) || run.is_to_roll_back();
    let first = view.steps.iter().position(is_rollback).unwrap_or(view.steps.len());
    let is_upgrade = |run: &&StepRun| run.step.action == Action::Upgrade && run.is_to_succeed();
    let upgrades: Vec<&StepRun> = view.steps.iter().skip(first).filter(is_upgrade).collect();
    if upgrades.is_empty() {
        return not_applicable(UPGRADE_AFTER_ROLLBACK.name, "the plan has no upgrade after a rollback");
    }
    let mut tally = Tally::new(UPGRADE_AFTER_ROLLBACK.name);
    for run in upgrades {
        let label = run.label();
        match (run.unfinished(), run.release) {
            (Some(why), _) if run.ended.is_some() => {
                tally.fail(format!("the upgrade after a rollback did not succeed: {why}")).with(view.troubles(run));
            }
            (Some(why), _) => {
                tally.void_since(&why, why.to_string());
            }
            (None, Some(release)) if release.status == "deployed" => {
                tally.proved(note(format!("{label} made revision {} after a rollback", release.revision)));
            }
            (None, Some(release)) => {
                let message = format!("{label} left the release `{}`, not `deployed`", release.status);
                tally.fail(message);
            }
            (None, None) => {
                tally.void(format!("the release was not recorded after {label}"));
            }
        }
    }
    tally.finish("the release was upgraded again after a rollback")
}

#[cfg(test)]
mod tests;
