//! `reinstall-works`: a release can be installed again over what an uninstall left.

use chartgate_model::plan::Action;
use chartgate_model::recording::StepOutcome;

use crate::tally::{Tally, not_applicable};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};

pub(crate) const REINSTALL_WORKS: Check = Check {
    name: "reinstall-works",
    proves: "after an uninstall the same install becomes ready over what stayed",
    means: "who uninstalls and installs again is locked out: what stayed does not fit what was made anew",
    explanation: include_str!("../explanation/reinstall-works.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge: reinstall_works,
};

fn reinstall_works(view: &View) -> Finding {
    let after = view.steps.iter().skip_while(|run| run.step.action != Action::Uninstall);
    let reinstalls: Vec<&StepRun> =
        after.filter(|run| run.step.action == Action::Install && run.is_tested() && run.is_to_succeed()).collect();
    if reinstalls.is_empty() {
        return not_applicable(REINSTALL_WORKS.name, "no step installs the release again after an uninstall");
    }
    let mut tally = Tally::new(REINSTALL_WORKS.name);
    for run in reinstalls {
        let label = run.label();
        let Some((ended, outcome)) = run.ended else {
            let why = view.shortfall().unwrap_or_default();
            tally.void_since(&why, format!("{label} never came to its end: {why}"));
            continue;
        };
        let seen = Evidence { seq: Some(ended.seq), at: Some(ended.at), text: format!("{label} ended") };
        match outcome {
            StepOutcome::Succeeded => tally.proved(seen),
            StepOutcome::HelmFailed { why } | StepOutcome::NotReady { why } => {
                let message =
                    format!("{label}, over what the uninstall left, does not become ready: {}", first_line(why));
                let hint =
                    "keep what belongs together: a volume and the Secret with its password both stay, or both go";
                tally.fail(message).with(view.troubles(run)).with([seen]).hint(hint);
            }
            StepOutcome::Interrupted | StepOutcome::NotExamined { .. } => {
                tally.void(format!("{label} did not come to its end"));
            }
        }
    }
    tally.finish("the same install became ready over what the uninstall left")
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim()
}

#[cfg(test)]
mod tests;
