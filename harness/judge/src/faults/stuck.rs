//! `release-not-stuck`: a release whose helm was killed can be brought back to life.

use chartgate_model::plan::{Action, Fault};

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};

pub(crate) const RELEASE_NOT_STUCK: Check = Check {
    name: "release-not-stuck",
    proves: "after helm was killed in the middle of a change, the release was rolled back or upgraded as the scenario says",
    means: "a lost connection of the one who upgrades leaves a release that refuses every further upgrade",
    explanation: include_str!("../explanation/release-not-stuck.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: release_not_stuck,
};

fn release_not_stuck(view: &View) -> Finding {
    let killed: Vec<&StepRun> = view.tested().filter(|run| run.step.fault == Some(Fault::ClientKilled)).collect();
    if killed.is_empty() {
        return not_applicable(RELEASE_NOT_STUCK.name, "helm is killed in no step of the plan");
    }
    let mut tally = Tally::new(RELEASE_NOT_STUCK.name);
    for run in killed {
        judge_killed(view, run, &mut tally);
    }
    tally.finish("after helm was killed, the release could be changed again")
}

fn judge_killed(view: &View, killed: &StepRun, tally: &mut Tally) {
    let label = killed.label();
    match killed.release {
        Some(release) if release.status.starts_with("pending-") => {
            let when = killed.ended.map(|(entry, _)| entry);
            let text = format!("{label} left revision {} `{}`", release.revision, release.status);
            tally.proved(Evidence { seq: when.map(|entry| entry.seq), at: when.map(|entry| entry.at), text });
        }
        Some(release) => {
            let message =
                format!("{label} left the release `{}`: helm was not killed in the middle of it", release.status);
            tally.void(message);
        }
        None => {
            tally.void(format!("the release was not recorded after {label}"));
        }
    }
    let is_change = |run: &&StepRun| {
        let changes = matches!(run.step.action, Action::Install | Action::Upgrade | Action::Rollback { .. });
        changes && run.is_tested() && run.is_to_succeed()
    };
    let later: Vec<&StepRun> = view.steps.iter().skip(killed.index + 1).filter(is_change).collect();
    if !later.iter().any(|run| run.step.action == Action::Upgrade) {
        let message = format!("the plan has no upgrade that is to succeed after {label}");
        tally.void(message).hint("add one, after a rollback: helm refuses to upgrade what is pending");
    }
    for run in later {
        judge_later(view, run, &label, tally);
    }
}

/// A step after the killed one went through.
fn judge_later(view: &View, run: &StepRun, killed: &str, tally: &mut Tally) {
    let label = run.label();
    match (run.unfinished(), run.release) {
        (Some(why), _) if run.ended.is_some() => {
            let said = run.helm.map(|(_, call)| note(format!("helm said: {}", call.stderr)));
            let claim = tally.fail(format!("after helm was killed in {killed}, the release is stuck: {why}"));
            claim.with(said).with(view.troubles(run));
            claim.hint("let hooks bear a second run, and objects be made again: see what helm met");
        }
        (Some(why), _) => {
            tally.void(why);
        }
        (None, Some(release)) if release.status == "deployed" => {
            tally.proved(note(format!("{label} made revision {} after helm was killed", release.revision)));
        }
        (None, Some(release)) => {
            tally.fail(format!("{label} left the release `{}`, not `deployed`", release.status));
        }
        (None, None) => {
            tally.void(format!("the release was not recorded after {label}"));
        }
    }
}

#[cfg(test)]
mod tests;
