//! The live part of `service-links`: the release also works under the chart's own name.

use chartgate_k8s::object::{is_terminating, statuses};
use chartgate_model::plan::Action;
use chartgate_model::recording::StepOutcome;

use crate::Evidence;
use crate::tally::Tally;
use crate::view::{StepRun, View};

/// Judges the install under the chart's own name, where the plan is one.
pub(crate) fn judge(view: &View, tally: &mut Tally) {
    let install = view.tested().find(|run| run.step.action == Action::Install && run.is_to_succeed());
    let Some(run) = install.filter(|_| view.plan.is_own_name) else { return };
    let label = run.label();
    let Some((ended, outcome)) = run.ended else {
        let why = run.unfinished().unwrap_or_default();
        tally.void_since(&why, format!("not all of it could be proven: {why}"));
        return;
    };
    let text = format!("{label} of release `{}` ended", view.plan.release);
    let seen = Evidence { seq: Some(ended.seq), at: Some(ended.at), text };
    match outcome {
        StepOutcome::Succeeded => tally.proved(seen),
        StepOutcome::HelmFailed { .. } | StepOutcome::NotReady { .. } if !a_program_ended(view, run) => {
            let why = run.unfinished().unwrap_or_default();
            tally.void_since(&why, format!("whether the name is at fault is unknown: {why}"));
        }
        StepOutcome::HelmFailed { why } | StepOutcome::NotReady { why } => {
            let why = why.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
            let message =
                format!("a release called `{}`, as the chart is, does not become ready: {why}", view.plan.release);
            let hint = "set `enableServiceLinks: false` in the pod template, or set the variables that collide";
            tally.fail(message).with(view.troubles(run)).with([seen]).hint(hint);
        }
        StepOutcome::Interrupted | StepOutcome::NotExamined { .. } => {
            tally.void(format!("{label} did not come to its end"));
        }
    }
}

/// Whether a container ran and ended, or runs and is not ready: one that was never started has read no variable.
fn a_program_ended(view: &View, run: &StepRun) -> bool {
    let pods = view.tracks("Pod").filter_map(|pod| pod.sightings.iter().rev().find(|seen| run.contains(seen.seq)));
    pods.filter(|pod| !is_terminating(pod.object)).flat_map(|pod| statuses(pod.object)).any(|status| {
        let state = &status["state"];
        let has_failed = |ended: &serde_json::Value| ended["exitCode"].as_i64().is_some_and(|code| code != 0);
        has_failed(&state["terminated"])
            || has_failed(&status["lastState"]["terminated"])
            || (state["running"].is_object() && status["ready"] == false)
    })
}
