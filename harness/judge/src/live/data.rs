//! The live part of `data-kept`: what an upgrade or a rollback did to the objects that hold data.

use chartgate_model::plan::Action;
use chartgate_model::recording::Change;

use crate::tally::Tally;
use crate::uninstall;
use crate::view::{StepRun, Track, View};
use chartgate_k8s::typed::Object;

/// Judges each upgrade and rollback: no claim and no StatefulSet with claims is removed or replaced by another of its name.
pub(crate) fn judge(view: &View, tally: &mut Tally) {
    let changes = |run: &&StepRun| matches!(run.step.action, Action::Upgrade | Action::Rollback { .. });
    for run in view.tested().filter(changes).filter(|run| run.is_to_succeed()) {
        // A step with values of its own may switch something off on purpose, and so may the way back from it.
        let has_values = |run: &StepRun| run.step.values.as_object().is_some_and(|values| !values.is_empty());
        if view.steps.iter().take(run.index + 1).any(has_values) {
            continue;
        }
        for track in ["PersistentVolumeClaim", "StatefulSet"].iter().flat_map(|of_kind| view.tracks(of_kind)) {
            judge_track(view, run, track, tally);
        }
    }
}

fn judge_track(view: &View, run: &StepRun, track: &Track, tally: &mut Tally) {
    let (Some((start, _)), object) = (run.window(), track.last()) else { return };
    if track.at(start).is_none() || object.is_hook() || !holds_data(object) || view.is_neighbours(track) {
        return;
    }
    let is_kept = object.is_kept();
    if is_kept || view.plan.leaves.iter().any(|leaves| uninstall::is_meant(leaves, object)) {
        return;
    }
    let removed = track.sightings.iter().find(|seen| seen.change == Change::Deleted && run.contains(seen.seq));
    let Some(removed) = removed else {
        tally.proved(track.first().evidence(&format!("stayed in {}", run.label())));
        return;
    };
    let is_it = |other: &&Track| {
        other.name() == object.name() && other.first().seq > removed.seq && run.contains(other.first().seq)
    };
    let again = view.tracks(object.kind()).find(is_it);
    // What an upgrade no longer renders is told by the manifests.
    let is_told = again.is_none() && run.step.action == Action::Upgrade && is_rendered(view, object);
    if is_told {
        return;
    }
    let fate = if again.is_some() { "removes it and makes another one of its name" } else { "removes it" };
    let message = format!("{} holds data, and {} {fate}", object.slashed(), run.label());
    let seen = [Some(removed.evidence("was removed")), again.map(|other| other.first().evidence("was created"))];
    let hint = "let each version render it under the same name, or annotate it `helm.sh/resource-policy: keep`";
    tally.fail(message).with(seen.into_iter().flatten()).hint(hint);
}

/// Whether the release renders it, in any step.
fn is_rendered(view: &View, object: &Object) -> bool {
    view.rendered().any(|rendered| rendered.is_same(object))
}

fn holds_data(object: &Object) -> bool {
    object.kind() == "PersistentVolumeClaim" || !object.claim_templates().is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Verdict;
    use crate::check::DATA_KEPT;
    use crate::testing::{Story, check, end_of};

    fn claim(uid: &str) -> Value {
        json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data-cg-db-0", "uid": uid}})
    }

    /// A failure would mean that an upgrade which empties a volume under its old name is green.
    #[test]
    fn a_claim_that_an_upgrade_replaces_fails() {
        let story = Story::good().sighting(end_of(0), Change::Applied, &claim("a"));
        check(&DATA_KEPT, &story, Verdict::Pass, "");
        let removed = story.sighting(end_of(1), Change::Deleted, &claim("a"));
        let replaced = removed.sighting(end_of(1), Change::Applied, &claim("b"));
        let says =
            "persistentvolumeclaim/data-cg-db-0 holds data, and step 2 (upgrade) removes it and makes another one";
        check(&DATA_KEPT, &replaced, Verdict::Fail, says);
    }
}
