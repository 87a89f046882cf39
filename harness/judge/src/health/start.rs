//! Whether the pods of a release can start at all.

use chartgate_model::recording::{Moment, Node, Recording};

use super::super::tally::{Tally, at, not_applicable};
use super::super::view::{StepRun, View};
use super::super::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;
use chartgate_model::obstacle::{Blame, Obstacle, Scene, obstacles};

pub(crate) const PODS_START: Check = Check {
    name: "pods-start",
    proves: "no pod of the release was kept from starting by something that does not pass by itself",
    means: "the release never runs: an image, a Secret, a permission or a node that it needs is not there",
    explanation: include_str!("../explanation/pods-start.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge: pods_start,
};

fn pods_start(view: &View) -> Finding {
    if view.has_render() && !view.rendered().any(|object| object.template().is_some()) {
        return not_applicable(PODS_START.name, "the chart renders nothing that has pods");
    }
    let mut tally = Tally::new(PODS_START.name);
    let mut is_told = false;
    for run in view.tested().filter(|run| run.is_to_succeed()) {
        if run.is_succeeded() {
            let what = format!("every pod that {} waited for started", run.label());
            run.ended.into_iter().for_each(|(ended, _)| tally.proved(at(ended, what.as_str())));
            continue;
        }
        let Some(moment) = end_of(run) else { continue };
        for obstacle in standing(view, run, moment).into_iter().filter(Obstacle::is_certain) {
            let seen = view.tracks_at(moment).find(|track| track.uid() == obstacle.uid);
            let evidence = seen.map(|track| track.first().evidence("was created"));
            let events = seen.map(|track| view.warnings_about(track.uid(), moment)).unwrap_or_default();
            let claim = match obstacle.blame {
                Blame::Chart => tally.fail(obstacle.why),
                Blame::Machine => tally.void(obstacle.why),
            };
            claim.with(evidence).with(events).hint(obstacle.hint);
            is_told = true;
        }
    }
    if let (false, Some(why)) = (is_told, view.shortfall()) {
        tally.void_since(&why, format!("not all of it could be proven: {why}"));
    }
    tally.finish("every pod that a step waited for started")
}

/// The moment at which a step was given up, or else its end.
fn end_of(run: &StepRun) -> Option<u64> {
    let early = run.ended_early.map(|(entry, _)| entry.seq);
    early.or_else(|| run.ended.map(|(entry, _)| entry.seq))
}

/// What stood in the way of the release's pods at a moment.
fn standing(view: &View, run: &StepRun, moment: u64) -> Vec<Obstacle> {
    let objects: Vec<&Object> = view.tracks_at(moment).filter_map(|track| track.at(moment)).collect();
    let made = run.release.map(|release| {
        let hashes = release.objects.iter().chain(release.hooks.iter().map(|hook| &hook.object));
        hashes.map(|hash| view.recording.object(hash)).collect()
    });
    let rendered = || run.rendered.as_ref().map(|rendered| rendered.objects.clone());
    let release: Vec<&Object> = made.or_else(rendered).unwrap_or_default();
    let (nodes, has_other_controllers) = cluster(view.recording);
    obstacles(&Scene { objects: &objects, release: &release, nodes, has_other_controllers })
}

/// What was recorded of the cluster; an older recording says nothing of it.
fn cluster(recording: &Recording) -> (&[Node], bool) {
    let described = recording.entries.iter().find_map(|entry| match &entry.moment {
        Moment::Cluster { nodes, has_other_controllers } => Some((nodes.as_slice(), *has_other_controllers)),
        _ => None,
    });
    described.unwrap_or((&[], true))
}

#[cfg(test)]
mod tests;
