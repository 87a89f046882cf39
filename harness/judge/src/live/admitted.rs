//! `admitted`: the API server admits each pod of the release.

mod dry_run;
mod rule;

use std::collections::BTreeSet;

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, Track, View, warning};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_model::recording::{Mode, StepOutcome};
use rule::{QUOTA, rule};

pub(crate) const ADMITTED: Check = Check {
    name: "admitted",
    proves: "no pod of the release is refused by a quota, a LimitRange, Pod Security or an admission policy; an API server that is asked beforehand refuses no object",
    means: "a workload has fewer pods than it asks for, and its own status does not say why, or helm fails",
    explanation: include_str!("../explanation/admitted.md"),
    needs: Needs::Admission,
    adds: Some(Needs::Orchestration),
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge: admitted,
};

fn admitted(view: &View) -> Finding {
    if view.recording.mode() == Mode::Render {
        return dry_run::judge(ADMITTED.name, view);
    }
    if view.has_render() && !view.rendered().any(|object| object.template().is_some()) {
        return not_applicable(ADMITTED.name, "the chart renders nothing that has pods");
    }
    let mut tally = Tally::of_whole(ADMITTED.name, view);
    for run in view.tested().filter(|run| run.is_to_succeed() && run.started.is_some()) {
        judge_step(view, run, &mut tally);
    }
    tally.finish("no pod was refused")
}

fn judge_step(view: &View, run: &StepRun, tally: &mut Tally) {
    let label = run.label();
    if let Some((seen, why)) = view.gap_in(run, &["Event"]) {
        tally.void(format!("whether a pod was refused in {label} is unknown: {why}")).with([seen]);
        return;
    }
    if run.ended.is_none() {
        tally.void(format!("the recording ends in {label}"));
        return;
    }
    let events = view.tracks("Event").map(Track::first).filter(|event| run.contains(event.seq));
    let mut told = BTreeSet::new();
    for event in events {
        let Some(said) = event.object.said().filter(|said| said.reason() == "FailedCreate") else { continue };
        let message = said.message();
        let Some(rule) = rule(message) else { continue };
        let owner = owner(view, said.about_kind(), said.about_name());
        if told.insert((owner.clone(), rule)) {
            refused(run, &owner, rule, message, warning(&event), tally);
        }
    }
    if told.is_empty()
        && let Some((ended, StepOutcome::HelmFailed { why })) = run.ended
        && let Some(line) = why.lines().find(|line| line.contains("pods ") && rule(line).is_some())
    {
        let seen = Evidence { seq: Some(ended.seq), at: Some(ended.at), text: line.trim().to_owned() };
        refused(run, "a pod of the release", rule(line).unwrap_or_default(), line, seen, tally);
    }
    tally.proved(note(format!("no pod was refused in {label}")));
}

/// A refusal that did not keep the step from succeeding, as a quota that a rollout's extra pod meets, is worth knowing and no more.
fn refused(run: &StepRun, owner: &str, rule: &str, message: &str, seen: Evidence, tally: &mut Tally) {
    let said = format!("{rule} refuses a pod of {owner} in {}: {}", run.label(), message.trim());
    let claim = if run.is_succeeded() { tally.advise(said) } else { tally.fail(said) };
    let hint = if rule == QUOTA {
        "name requests and limits in every container, init containers and hooks too, or tell users how much an exceeded quota must allow"
    } else {
        "let the pod template meet the rule, or tell users what their namespace must allow"
    };
    claim.with([seen]).hint(hint);
}

/// The workload that a user knows: a ReplicaSet's pods are its Deployment's.
fn owner(view: &View, of_kind: &str, with_name: &str) -> String {
    let owned = view.tracks(of_kind).find(|track| track.name() == with_name).map(Track::last);
    let above = owned.and_then(|object| object.owners().next());
    match (above, owned) {
        (Some(above), _) => format!("{}/{}", above.kind.to_lowercase(), above.name),
        (None, Some(object)) => object.slashed(),
        (None, None) => format!("{}/{with_name}", of_kind.to_lowercase()),
    }
}

#[cfg(test)]
mod tests;
