//! `drain-completes`: a node can be emptied, and the release runs on elsewhere.

use chartgate_model::plan::Fault;
use chartgate_model::recording::Moment;

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};

pub(crate) const DRAIN_COMPLETES: Check = Check {
    name: "drain-completes",
    proves: "every pod of the release left a drained node in time, and the release was ready again on the others",
    means: "a node cannot be maintained: the drain hangs on the release, or the release does not come back",
    explanation: include_str!("../explanation/drain-completes.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: drain_completes,
};

fn drain_completes(view: &View) -> Finding {
    let drains: Vec<&StepRun> = view.tested().filter(|run| run.step.fault == Some(Fault::NodeDrained)).collect();
    if drains.is_empty() {
        return not_applicable(DRAIN_COMPLETES.name, "the plan drains no node");
    }
    let mut tally = Tally::of_whole(DRAIN_COMPLETES.name, view);
    for run in drains {
        judge_drain(view, run, &mut tally);
    }
    tally.finish("every pod left the drained node, and the release was ready again")
}

fn judge_drain(view: &View, run: &StepRun, tally: &mut Tally) {
    let label = run.label();
    let found = view.recording.entries.iter().find_map(|entry| match &entry.moment {
        Moment::Drained { step, node, evicted, stayed } if *step == run.index => Some((entry, node, evicted, stayed)),
        _ => None,
    });
    let Some((entry, node, evicted, stayed)) = found else {
        tally.void(format!("no node was drained in {label}"));
        return;
    };
    let seen = |text: String| Evidence { seq: Some(entry.seq), at: Some(entry.at), text };
    if let Some((pod, why)) = stayed.first_key_value() {
        let message = format!("pod/{pod} did not leave node/{node} in {label}: {why}");
        let claim = tally.fail(message).with(stayed.iter().map(|(pod, why)| note(format!("pod/{pod} stayed: {why}"))));
        let hint = "a PodDisruptionBudget must allow one pod to leave: more replicas, or `maxUnavailable: 1`";
        claim.with([seen(format!("node/{node} was not empty"))]).hint(hint);
        return;
    }
    if evicted.is_empty() {
        tally.void(format!("node/{node} had no pod of the release in {label}"));
        return;
    }
    if let (Some(why), true) = (run.unfinished(), run.ended.is_some()) {
        let message = format!("the release was not ready again after node/{node} was drained: {why}");
        tally.fail(message).with(view.troubles(run)).hint("see whether its pods may run on the other nodes");
        return;
    }
    tally.proved(seen(format!("{} pods left node/{node}: {}", evicted.len(), evicted.join(", "))));
}

#[cfg(test)]
mod tests;
