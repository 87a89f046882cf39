//! The live part of `service-links`: the release also works under the chart's own name.

use chartgate_k8s::typed::is_running;
use chartgate_model::plan::Action;
use chartgate_model::recording::StepOutcome;
use k8s_openapi::api::core::v1::ContainerState;

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
        StepOutcome::HelmFailed { .. } | StepOutcome::NotReady { .. } if !a_program_ran_in_vain(view, run) => {
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
fn a_program_ran_in_vain(view: &View, run: &StepRun) -> bool {
    let pods = view.tracks("Pod").filter_map(|pod| run.last_of(pod));
    pods.filter(|pod| !pod.object.is_terminating()).flat_map(|pod| pod.object.statuses()).any(|status| {
        let has_failed = |state: &ContainerState| state.terminated.as_ref().is_some_and(|ended| ended.exit_code != 0);
        [&status.state, &status.last_state].into_iter().flatten().any(has_failed)
            || (is_running(status) && !status.ready)
    })
}
