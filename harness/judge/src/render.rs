//! What the chart renders to, and whether each step ended as the scenario says.

mod cause;
mod lint;
mod names;
mod raised;
mod refusal;
pub(super) mod refused;
mod schema_valid;

pub(super) use lint::HELM_LINT;
pub(super) use names::{IMAGE_PINNED, NAMES_UNIQUE};
pub(super) use raised::VERSION_RAISED;
pub(super) use refusal::SCHEMA_REJECTS;
pub(super) use schema_valid::SCHEMA_VALID;
pub use schema_valid::schema_mistakes;

use chartgate_model::plan::{Action, Expect};
use chartgate_model::recording::{Mode, StepOutcome, Variant};

use super::tally::{Tally, not_applicable};
use super::variant::Variants;
use super::view::{StepRun, View};
use super::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;
use chartgate_model::refusal::Refusal;
use refused::{NIL_HINT, seen};

pub(super) const RENDERS: Check = Check {
    name: "renders",
    proves: "the chart renders with the values of each step",
    means: "users cannot install the chart with these values at all",
    explanation: include_str!("explanation/renders.md"),
    needs: Needs::Render,
    adds: Some(Needs::Orchestration),
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: true,
    judge: renders,
};

pub(super) const RELEASE_OUTCOME: Check = Check {
    name: "release-outcome",
    proves: "each step ended as the scenario says: helm succeeded, or failed with the stated text",
    means: "the same helm command fails (or wrongly succeeds) for users",
    explanation: include_str!("explanation/release-outcome.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::symptom(9),
    judges_refusals: true,
    judge: release_outcome,
};

fn renders(view: &View) -> Finding {
    let recording = view.recording;
    let is_rendering = |run: &&StepRun| matches!(run.step.action, Action::Install | Action::Upgrade);
    let mut tally = Tally::new(RENDERS.name);
    let variants = Variants::of(view.recording);
    if !view.tested().any(|run| is_rendering(&run)) {
        return not_applicable(RENDERS.name, "no step of the plan renders the chart");
    }
    let is_renders_only = recording.mode() == Mode::Render;
    let is_rendered = |run: &StepRun| run.rendered.as_ref().is_some_and(|rendered| rendered.error.is_none());
    if let Some(why) = view.missing_origin().filter(|_| is_renders_only) {
        tally.void(why).hint("name another version with `--from`");
    }
    let has_install = view.steps.iter().any(|run| run.step.action == Action::Install && is_rendered(run));
    let mut told = None;
    for run in view.tested().filter(is_rendering) {
        let Some(rendered) = &run.rendered else {
            // Only the cluster has the release's own values.
            if !(is_renders_only && run.step.reuses_values) {
                judge_unrendered(run, &mut tally);
            }
            continue;
        };
        // A step that only was rendered is refused for the same reason as the one before.
        if run.started.is_none() && rendered.error.is_some() && told == rendered.error {
            continue;
        }
        told = rendered.error;
        let seen = |text: String| Evidence { seq: Some(rendered.entry.seq), at: Some(rendered.entry.at), text };
        match (&run.step.expect, rendered.error) {
            (Expect::Fails(text), Some(error)) if error.contains(text) => {
                tally.proved(seen(format!("{} is refused as expected: {error}", run.label())));
            }
            // Without a cluster helm finds no release to upgrade, and `lookup` finds nothing.
            (Expect::Succeeds, Some(error)) if is_renders_only && run.step.action == Action::Upgrade && has_install => {
                tally.proved(seen(format!("{} needs a cluster: {error}", run.label())));
            }
            (_, Some(error)) => refused::judge(view, run, rendered, error, &mut tally),
            (_, None) if rendered.objects.is_empty() => {
                tally.void(format!("the chart renders no object at all for {}", run.label()));
            }
            (_, None) => {
                tally.saw("object", rendered.objects.len());
                match lost_workload(&rendered.objects, &variants) {
                    Some(workload) => {
                        let what = workload.slashed();
                        let message = format!(
                            "the chart renders nothing that runs for {}, though with its own values it renders {what}",
                            run.label()
                        );
                        tally
                            .void(message)
                            .hint("let the values of the scenario leave something on that can be judged");
                    }
                    None => tally.proved(seen(format!("{} renders {} objects", run.label(), rendered.objects.len()))),
                }
            }
        }
    }
    tally.finish("the chart renders for each step as expected")
}

/// A workload of the chart's own values, where others leave nothing that runs: then nothing would be judged.
fn lost_workload<'a>(objects: &[&Object], variants: &Variants<'a>) -> Option<&'a Object> {
    let runs =
        |object: &&Object| object.template().is_some() && !object.is_hook() && object.common().spec.replicas != Some(0);
    // An operator may run what a custom resource describes.
    if objects.iter().copied().any(|object| runs(&object) || object.is_custom()) {
        return None;
    }
    let (_, own) = variants.find(|variant| *variant == Variant::Defaults)?;
    own.iter().copied().find(|object| runs(object))
}

/// What a step with the release's own values renders, only helm knows: it says so where it cannot.
fn judge_unrendered(run: &StepRun, tally: &mut Tally) {
    let label = run.label();
    let refused = run.refusal().filter(refused::is_of_rendering);
    match refused {
        Some(refusal) if run.step.reuses_values && run.is_to_succeed() => {
            let place = refusal.place().map_or(String::new(), |place| format!(" ({place})"));
            let message = format!(
                "the chart does not render for {label}, with the release's own values: {}{place}",
                refusal.sentence
            );
            tally.fail(message).with(helm_said(run)).hint(NIL_HINT);
        }
        _ => {
            tally.void(format!("what {label} renders was not recorded"));
        }
    }
}

fn release_outcome(view: &View) -> Finding {
    let mut tally = Tally::new(RELEASE_OUTCOME.name);
    for run in &view.steps {
        let label = run.label();
        let Some((ended, outcome)) = run.ended else {
            match view.shortfall().filter(|_| run.started.is_none()) {
                // A step before it is told already.
                Some(_) if !tally.has_no_claim() => {}
                Some(why) => drop(tally.void_since(&why, why.to_string())),
                None => drop(tally.void(view.missing_origin().or(run.unfinished()).unwrap_or_default())),
            }
            continue;
        };
        if let (false, Some(why)) = (run.is_tested(), run.unfinished()) {
            tally.void(why).with(helm_said(run)).with(view.troubles(run));
            continue;
        }
        let stderr = run.helm.map_or("", |(_, call)| call.stderr.as_str());
        match (&run.step.expect, outcome) {
            (Expect::Succeeds, StepOutcome::Succeeded) => tally.proved(seen(ended, format!("{label} succeeded"))),
            (Expect::Succeeds, StepOutcome::HelmFailed { why }) if run.helm.is_none() => {
                tally.fail(format!("{label} was to succeed, but it failed: {why}")).with(view.troubles(run));
            }
            (Expect::Succeeds, StepOutcome::HelmFailed { why }) => {
                let cause = cause::of(view, run, &run.refusal().unwrap_or_else(|| Refusal::of(why)));
                let claim = tally.fail(format!("{label} was to succeed, but {}", cause.message));
                claim.with(cause.evidence).with(helm_said(run)).with(view.troubles(run)).hint(cause.hint);
            }
            (Expect::Succeeds, StepOutcome::NotReady { why }) => {
                let what = if run.helm.is_some() { ", and to helm it did" } else { "" };
                let claim = tally.fail(format!("{label} was to succeed{what}, but {why}"));
                claim.with(helm_said(run)).with(view.troubles(run));
            }
            (Expect::Fails(text), StepOutcome::HelmFailed { why }) if (why.clone() + stderr).contains(text) => {
                tally.proved(seen(ended, format!("{label} failed as expected: {why}")));
            }
            (Expect::Fails(text), StepOutcome::HelmFailed { why }) => {
                let message = format!("{label} was to fail with `{text}`, but it failed with `{why}`");
                tally.fail(message).with(helm_said(run)).with(view.troubles(run));
            }
            (Expect::Fails(text), StepOutcome::NotReady { why }) => {
                let message = format!("{label} was to fail with `{text}`, but helm succeeded, and then {why}");
                tally.fail(message).with(helm_said(run)).with(view.troubles(run));
            }
            (Expect::Fails(text), StepOutcome::Succeeded) => {
                let claim = tally.fail(format!("{label} was to fail with `{text}`, but it succeeded"));
                claim.with(helm_said(run)).hint("let the chart refuse these values, or expect the step to succeed");
            }
            (Expect::Interrupted, StepOutcome::Interrupted) => {
                tally.proved(seen(ended, format!("helm was killed in {label}, as it was to be")));
            }
            (Expect::Interrupted, _) => {
                tally.void(format!("helm was to be killed in {label}, but it had ended before")).with(helm_said(run));
            }
            (_, StepOutcome::NotExamined { why }) => {
                tally.void(format!("{label} was not examined: {why}")).with(helm_said(run));
            }
            (_, StepOutcome::Interrupted) => {
                tally.void(format!("helm was killed in {label}, so how it would have ended is unknown"));
            }
        }
    }
    if let Some(lacking) = &view.lacking {
        let hint = "let `requires` of a contract bring the definitions, or choose values that do without";
        tally.void(lacking.clone()).hint(hint);
    }
    if !view.is_whole {
        tally.void("the recording is not whole: it lacks its last entry");
    }
    tally.finish("each step ended as the scenario says")
}

/// Helm's own words about a step.
fn helm_said(run: &StepRun) -> Option<Evidence> {
    let (entry, call) = run.helm?;
    let status = call.status.map_or("no exit status".to_owned(), |status| format!("exit status {status}"));
    let text = format!("helm {} ended with {status} after {} ms: {}", run.step.verb(), call.took_ms, call.stderr);
    Some(seen(entry, text))
}

#[cfg(test)]
mod tests;
