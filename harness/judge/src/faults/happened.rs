//! `fault-happened`: what was to go wrong did go wrong.

use chartgate_model::plan::{Fault, Image};
use chartgate_model::recording::{Entry, Moment};

use crate::tally::{Tally, not_applicable};
use crate::view::{Sighting, StepRun, Track, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::trouble::NO_IMAGE;
use chartgate_k8s::typed::Object;

pub(crate) const FAULT_HAPPENED: Check = Check {
    name: "fault-happened",
    proves: "each fault of the scenario took effect in its step",
    means: "the release bore a fault that never came: nothing is known of how it bears one",
    explanation: include_str!("../explanation/fault-happened.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: fault_happened,
};

fn fault_happened(view: &View) -> Finding {
    let faulty: Vec<(&StepRun, &Fault)> =
        view.tested().filter_map(|run| Some((run, run.step.fault.as_ref()?))).collect();
    if faulty.is_empty() {
        return not_applicable(FAULT_HAPPENED.name, "no step of the plan has a fault");
    }
    let mut tally = Tally::new(FAULT_HAPPENED.name);
    for (run, fault) in faulty {
        if let Some(seen) = effect(view, run, fault) {
            tally.proved(seen);
        } else {
            let why = if run.started.is_none() { ", which never ran" } else { "" };
            tally.void(format!("the fault `{}` did not happen in {}{why}", fault.name(), run.label()));
        }
    }
    tally.finish("each fault took effect")
}

/// The moment that shows a fault's effect.
fn effect(view: &View, run: &StepRun, fault: &Fault) -> Option<Evidence> {
    let images = &view.plan.images;
    let tags = |tag: fn(&Image) -> Option<&String>| images.values().filter_map(tag).collect::<Vec<_>>();
    match fault {
        Fault::ImageMissing => {
            seen_in(view, run, |_, pod| is_missing(pod)).map(|seen| seen.evidence("cannot get its image"))
        }
        Fault::ImageCrashes => {
            let tags = tags(|image| image.crashes.as_ref());
            let seen = seen_in(view, run, |_, pod| runs(pod, &tags) && is_crashed(pod));
            seen.map(|seen| seen.evidence("ended as soon as it was started"))
        }
        Fault::ImageNeverReady => {
            let tags = tags(|image| image.never_ready.as_ref());
            let is_ready = |pod: &Object| pod.has_condition("Ready");
            let is_it = |track: &Track, pod: &Object| {
                runs(pod, &tags) && pod.is_running() && track.first_where(is_ready).is_none()
            };
            seen_in(view, run, is_it).map(|seen| seen.evidence("ran, and never became ready"))
        }
        Fault::NodeDrained => drained(view, run),
        // Who injects these says on the timeline when they took effect.
        Fault::MigrationFails
        | Fault::MigrationSlow { .. }
        | Fault::MigrationHangs
        | Fault::MigratorKilled
        | Fault::ClientKilled
        | Fault::PodKilled { .. }
        | Fault::RoleDown { .. }
        | Fault::DatabaseRestarts => view.faults(run.index).next().map(|(entry, what)| seen(entry, what.to_owned())),
    }
}

/// The first sighting in a step of a new pod in a state.
fn seen_in<'a>(view: &View<'a>, run: &StepRun, is_it: impl Fn(&Track, &Object) -> bool) -> Option<Sighting<'a>> {
    let new = view.tracks("Pod").filter(|pod| run.contains(pod.first().seq) && !view.is_neighbours(pod));
    let mut seen = new.flat_map(|pod| pod.sightings.iter().map(move |sighting| (pod, sighting)));
    let found = seen.find(|(pod, sighting)| run.contains(sighting.seq) && is_it(pod, sighting.object));
    found.map(|(_, sighting)| *sighting)
}

/// Whether a container of a pod runs an image with one of the tags.
fn runs(pod: &Object, tags: &[&String]) -> bool {
    let has_tag = |image: &str| tags.iter().any(|tag| image.ends_with(&format!(":{tag}")));
    pod.images().into_iter().any(has_tag)
}

fn is_missing(pod: &Object) -> bool {
    let mut waiting = pod.statuses().filter_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
    waiting.any(|reason| NO_IMAGE.contains(&reason))
}

fn is_crashed(pod: &Object) -> bool {
    let mut states = pod.statuses().flat_map(|status| [&status.state, &status.last_state]).flatten();
    states.any(|state| state.terminated.is_some())
}

fn drained(view: &View, run: &StepRun) -> Option<Evidence> {
    view.recording.entries.iter().find_map(|entry| match &entry.moment {
        Moment::Drained { step, node, evicted, stayed } if *step == run.index && evicted.len() + stayed.len() > 0 => {
            let count = evicted.len() + stayed.len();
            Some(seen(entry, format!("node/{node} was drained of {count} pods")))
        }
        _ => None,
    })
}

fn seen(entry: &Entry, text: String) -> Evidence {
    Evidence { seq: Some(entry.seq), at: Some(entry.at), text }
}

#[cfg(test)]
mod tests;
