//! `uninstall-clean`: an uninstall leaves nothing but what is meant to stay.

use std::collections::BTreeSet;

use chartgate_model::plan::Action;
use chartgate_model::recording::Moment;

use super::tally::{Tally, not_applicable, note};
use super::view::{StepRun, Track, View};
use super::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::{PLACEHOLDER, is_named};
use chartgate_k8s::ready::goes_when_done;
use chartgate_k8s::typed::{Object, OrEmpty};

pub(super) const UNINSTALL_CLEAN: Check = Check {
    name: "uninstall-clean",
    proves: "an uninstall leaves nothing but what the chart keeps on purpose",
    means: "what is left stands in the next install's way, or keeps secrets and costs that nobody knows of",
    explanation: include_str!("explanation/uninstall-clean.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: uninstall_clean,
};

/// What a hook leaves of these holds passwords or data; a finished Job, a ConfigMap or an account holds nothing.
const STORES: [&str; 2] = ["Secret", "PersistentVolumeClaim"];

fn uninstall_clean(view: &View) -> Finding {
    let is_uninstall = |run: &&StepRun| run.step.action == Action::Uninstall && run.is_to_succeed();
    if !view.tested().any(|run| is_uninstall(&run)) {
        return not_applicable(UNINSTALL_CLEAN.name, "no step uninstalls the release");
    }
    // What came after an uninstall, and failed, changes nothing of what was left.
    let mut tally = Tally::new(UNINSTALL_CLEAN.name);
    for run in view.tested().filter(is_uninstall) {
        match run.unfinished() {
            None => judge_step(view, run, &mut tally),
            Some(why) => {
                let why = view.shortfall().unwrap_or(why);
                tally.void_since(&why, format!("not all of it could be proven: {why}"));
            }
        }
    }
    tally.finish("nothing was left but what is kept on purpose")
}

fn judge_step(view: &View, run: &StepRun, tally: &mut Tally) {
    let (Some((start, end)), label) = (run.window(), run.label()) else { return };
    let gap = view.recording.entries.iter().find_map(|entry| match &entry.moment {
        // A gap of a log says nothing of objects.
        Moment::Gap { of, why } if (start..=end).contains(&entry.seq) && !of.contains(' ') => Some((of, why)),
        _ => None,
    });
    if let Some((of, why)) = gap {
        tally.void(format!("what was left after {label} is unknown: the recording has a gap of {of}: {why}"));
        return;
    }
    let unwatched = view.recording.entries.iter().find_map(|entry| match &entry.moment {
        Moment::Remains { step, objects } if *step == run.index => Some(objects),
        _ => None,
    });
    let Some(unwatched) = unwatched else {
        tally.void(format!("what was left after {label} was not looked for"));
        return;
    };
    tally.proved(note(format!("what was left after {label} was looked for")));
    let claims = claims_of_stateful_sets(view);
    for object in left(view, end, unwatched) {
        judge_object(view, object, &claims, &label, tally);
    }
}

/// What was left: the objects that no other of them owns.
fn left<'a>(view: &View<'a>, end: u64, unwatched: &'a [String]) -> Vec<&'a Object> {
    let mut left: Vec<&Object> = came_with_release(view, end);
    left.extend(unwatched.iter().map(|hash| view.recording.object(hash)));
    let uids: BTreeSet<&str> = left.iter().map(|object| object.uid()).collect();
    left.iter().filter(|object| !uids.iter().any(|uid| object.is_owned_by(uid))).copied().collect()
}

/// What the uninstalls left besides what is kept on purpose: `KIND/NAME`, in order.
pub(super) fn leftovers(view: &View) -> Vec<String> {
    let mut all = BTreeSet::new();
    for entry in &view.recording.entries {
        let Moment::Remains { step, objects } = &entry.moment else { continue };
        let Some((_, end)) = view.steps.get(*step).and_then(StepRun::window) else { continue };
        let is_kept =
            |object: &Object| view.plan.leaves.iter().any(|leaves| is_meant(leaves, object)) || object.is_kept();
        all.extend(left(view, end, objects).into_iter().filter(|object| !is_kept(object)).map(Object::slashed));
    }
    all.into_iter().collect()
}

/// What stood in the namespace at a moment, and did not before the first step.
fn came_with_release<'a>(view: &View<'a>, end: u64) -> Vec<&'a Object> {
    let first = view.steps.iter().find_map(|run| run.started).map_or(0, |entry| entry.seq);
    let is_helms = |seq: u64| view.step_at(seq).is_some_and(|run| !matches!(run.step.action, Action::RunHook { .. }));
    let tracks = view.tracks_at(end).filter(|track| track.first().seq > first && is_helms(track.first().seq));
    let tracks = tracks.filter(|track| track.last().kind() != "Event" && !view.is_neighbours(track));
    // What the runner made in the place of a program is not the release's.
    let tracks = tracks.filter(|track| !track.last().labels().contains_key(PLACEHOLDER));
    tracks.filter_map(|track| track.at(end)).collect()
}

/// Beginnings of the names of the volume claims that a `StatefulSet` makes from its templates.
fn claims_of_stateful_sets(view: &View) -> Vec<String> {
    let sets = view.tracks("StatefulSet").map(Track::last);
    let claims = sets.flat_map(|set| {
        let names = set.claim_templates().iter().map(|claim| claim.metadata.name.or_empty());
        names.map(|name| format!("{name}-{}-", set.name()))
    });
    claims.collect()
}

fn judge_object(view: &View, object: &Object, claims: &[String], label: &str, tally: &mut Tally) {
    let shown = object.slashed();
    let kept = |why: &str| note(format!("{shown} stayed after {label}: {why}"));
    if view.plan.leaves.iter().any(|leaves| is_meant(leaves, object)) {
        tally.proved(kept("the contract says so"));
    } else if object.is_kept() {
        tally.proved(kept("its `helm.sh/resource-policy` is `keep`"));
    } else if object.is_terminating() {
        let finalizers = object.metadata().finalizers.as_deref().unwrap_or_default();
        let why = format!("it waits for its finalizers: `{}`", finalizers.join("`, `"));
        let why = if finalizers.is_empty() { "it ends too slowly".to_owned() } else { why };
        tally.fail(format!("{shown} was still being deleted after {label}: {why}"));
    } else if object.is_hook() {
        if goes_when_done(object) {
            tally.proved(kept("Kubernetes removes it some time after it ended"));
            return;
        }
        let hint = "add `hook-succeeded` to its `helm.sh/hook-delete-policy`: helm removes no hook in an uninstall";
        let message = format!("{shown}, which is a hook, is still there after {label}");
        let claim = if outlasts_its_namespace(object) || STORES.contains(&object.kind()) {
            tally.fail(message)
        } else {
            tally.advise(message)
        };
        claim.hint(hint);
    } else if object.kind() == "PersistentVolumeClaim" && claims.iter().any(|claim| object.name().starts_with(claim)) {
        let hint =
            "name it in the contract's `leaves` if users are told of it, or set `persistentVolumeClaimRetentionPolicy`";
        tally.advise(format!("{shown} stays after {label}, as Kubernetes keeps what a StatefulSet stored")).hint(hint);
    } else if view.definitions.iter().any(|it| it.is_same(object)) {
        tally.proved(kept("helm removes no definition of `crds/`"));
    } else if is_of_release(view, object) {
        let hint =
            "annotate it `helm.sh/resource-policy: keep` if it is to stay, or name it in the contract's `leaves`";
        tally.fail(format!("{shown} is still there after {label}, though the release made it")).hint(hint);
    } else {
        let hint = "let its maker own it by an object of the release, or name it in the contract's `leaves`";
        tally.advise(format!("{shown} came while the release was there and stays after {label}")).hint(hint);
    }
}

/// Of a namespace that goes, nothing stays; what has none stays for good.
fn outlasts_its_namespace(object: &Object) -> bool {
    object.namespace().is_none()
}

/// Whether an entry of the contract's `leaves` means an object.
pub(crate) fn is_meant(leaves: &str, object: &Object) -> bool {
    match leaves.split_once('/') {
        None => object.kind() == leaves,
        Some((of_kind, with_name)) => object.kind() == of_kind && is_named(object.name(), with_name),
    }
}

/// Whether the release rendered an object of this kind and name.
fn is_of_release(view: &View, object: &Object) -> bool {
    let released = view.steps.iter().filter_map(|run| run.release).flat_map(|release| view.manifest(release));
    let mut all = view
        .steps
        .iter()
        .filter_map(|run| run.rendered.as_ref())
        .flat_map(|it| it.objects.iter().copied())
        .chain(released);
    all.any(|rendered| rendered.is_same(object))
}

#[cfg(test)]
mod tests;
