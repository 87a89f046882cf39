//! The live part of `service-links`: the release also works under the chart's own name.

use chartgate_model::plan::Action;
use chartgate_model::recording::StepOutcome;

use crate::Evidence;
use crate::tally::Tally;
use crate::view::View;

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
