//! `schema-rejects`: values that the chart refuses are refused before anything is applied, with the reason.

use crate::tally::{Tally, not_applicable};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_model::plan::Expect;
use chartgate_model::recording::StepOutcome;

pub(crate) const SCHEMA_REJECTS: Check = Check {
    name: "schema-rejects",
    proves: "values that the chart refuses are refused with the stated reason, before any object is applied",
    means: "a mistake in a user's values leaves half a release behind, or is told in a way that helps no one",
    explanation: include_str!("../explanation/schema-rejects.md"),
    needs: Needs::Render,
    adds: Some(Needs::Orchestration),
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: true,
    judge: schema_rejects,
};

/// What a namespace has without any release: Kubernetes makes these by itself.
const OWN: [&str; 2] = ["serviceaccount/default", "configmap/kube-root-ca.crt"];

fn schema_rejects(view: &View) -> Finding {
    let refused: Vec<(&StepRun, &str)> = view
        .steps
        .iter()
        .filter_map(|run| match &run.step.expect {
            Expect::Fails(text) if run.rendered.as_ref().is_some_and(|rendered| rendered.error.is_some()) => {
                Some((run, text.as_str()))
            }
            _ => None,
        })
        .collect();
    if refused.is_empty() {
        return not_applicable(SCHEMA_REJECTS.name, "no step is to be refused when it renders");
    }
    let mut tally = Tally::of_whole(SCHEMA_REJECTS.name, view);
    for (run, text) in refused {
        judge_step(view, run, text, &mut tally);
    }
    tally.finish("refused values were refused with the reason, and nothing was applied")
}

fn judge_step(view: &View, run: &StepRun, text: &str, tally: &mut Tally) {
    let label = run.label();
    let Some((entry, outcome)) = run.ended else {
        let why = run.unfinished().unwrap_or_default();
        tally.void_since(&why, why.to_string());
        return;
    };
    if let Some((seen, why)) = view.gap_in(run, &["Pod", "Deployment", "Service", "ConfigMap", "Secret", "Job"]) {
        tally.void(format!("what was applied in {label} may have been missed: {why}")).with([seen]);
    }
    let is_applied = |title: &String| !OWN.contains(&title.as_str()) && !title.starts_with("event/");
    let kinds =
        ["Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "Service", "ConfigMap", "Secret", "ServiceAccount"];
    let new = kinds.iter().flat_map(|kind| view.tracks(kind)).filter(|track| run.contains(track.first().seq));
    let mut applied = new.filter(|track| is_applied(&track.last().slashed()));
    if let Some(track) = applied.next() {
        let message = format!("{label} was refused, but {} had been applied by then", track.last().slashed());
        tally.fail(message).with([track.first().evidence("was created")]);
        return;
    }
    match outcome {
        StepOutcome::HelmFailed { why } if why.contains(text) => {
            let text = format!("{label} was refused, and nothing was applied: {why}");
            tally.proved(Evidence { seq: Some(entry.seq), at: Some(entry.at), text });
        }
        StepOutcome::HelmFailed { why } => {
            let message = format!("{label} was refused with `{why}`, which does not say `{text}`");
            tally.fail(message).hint("let the schema or a `fail` name the value, and say what to set");
        }
        _ => {
            tally.fail(format!("`helm template` refuses the values of {label}, but the release was accepted"));
        }
    }
}

#[cfg(test)]
mod tests;
