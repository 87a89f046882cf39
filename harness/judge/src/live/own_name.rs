//! `service-links`: the release also works under the chart's own name.

use crate::judge::tally::{Tally, not_applicable};
use crate::judge::view::View;
use crate::judge::{Check, Evidence, Finding, Level, Needs, Rank};
use crate::plan::Action;
use crate::record::StepOutcome;

pub(crate) const SERVICE_LINKS: Check = Check {
    name: "service-links",
    proves: "the release installs under the chart's own name and becomes ready",
    means: "who calls the release like the application gets pods that do not start: Kubernetes sets `NAME_PORT=tcp://…` for each Service, and the application takes it for its own setting",
    explanation: include_str!("../explanation/service-links.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge: service_links,
};

fn service_links(view: &View) -> Finding {
    let install = view.tested().find(|run| run.step.action == Action::Install && run.is_to_succeed());
    let Some(run) = install.filter(|_| view.plan.is_own_name) else {
        return not_applicable(SERVICE_LINKS.name, "the release has another name than the chart on purpose");
    };
    let (mut tally, label) = (Tally::new(SERVICE_LINKS.name), run.label());
    let Some((ended, outcome)) = run.ended else {
        let why = run.unfinished().unwrap_or_default();
        tally.void_since(&why, format!("not all of it could be proven: {why}"));
        return tally.finish("");
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
    tally.finish("the release became ready under the chart's own name")
}

#[cfg(test)]
mod tests;
