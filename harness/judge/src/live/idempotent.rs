//! `idempotent-upgrade`: the same upgrade again leaves everything as it is.

use chartgate_model::plan::Action;
use chartgate_model::recording::Change;
use serde_json::Value;

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, Track, View};
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::difference::{Difference, differences};
use chartgate_k8s::typed::Object;

pub(crate) const IDEMPOTENT_UPGRADE: Check = Check {
    name: "idempotent-upgrade",
    proves: "the same upgrade again makes, changes and replaces nothing",
    means: "each run of a pipeline, and each synchronisation of a controller, restarts pods or changes passwords",
    explanation: include_str!("../explanation/idempotent-upgrade.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: idempotent_upgrade,
};

/// Workloads whose pods a changed template replaces.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];
/// What a user's settings are in.
const SETTINGS: [&str; 2] = ["ConfigMap", "Secret"];

fn idempotent_upgrade(view: &View) -> Finding {
    let is_repeated = |run: &&StepRun| run.step.action == Action::Upgrade && run.step.is_again && run.is_to_succeed();
    if !view.tested().any(|run| is_repeated(&run)) {
        return not_applicable(IDEMPOTENT_UPGRADE.name, "no step repeats an upgrade");
    }
    let mut tally = Tally::of_whole(IDEMPOTENT_UPGRADE.name, view);
    for run in view.tested().filter(is_repeated).filter(|run| run.is_succeeded()) {
        judge_step(view, run, &mut tally);
    }
    tally.finish("the same upgrade again changed nothing")
}

fn judge_step(view: &View, run: &StepRun, tally: &mut Tally) {
    let (Some((start, end)), label) = (run.window(), run.label()) else { return };
    if let Some((seen, why)) =
        view.gap_in(run, &["Pod", "Deployment", "StatefulSet", "DaemonSet", "ConfigMap", "Secret"])
    {
        tally.void(format!("whether {label} changed anything is unknown: {why}")).with([seen]);
        return;
    }
    let workloads = WORKLOADS.iter().flat_map(|of_kind| view.tracks(of_kind));
    for track in workloads {
        let (Some(before), Some(after)) = (track.at(start), track.at(end)) else { continue };
        let found = differences(raw_template(before), raw_template(after));
        if let Some(first) = found.first() {
            replaced(view, run, track, first, tally);
        }
    }
    for of_kind in SETTINGS {
        for track in view.tracks(of_kind).filter(|track| !is_of_hook(view, track.last())) {
            judge_settings(track, run, tally);
        }
    }
    judge_names(view, run, tally);
    tally.proved(note(format!("{label} left templates, settings and names as they were")));
}

/// A template that changed: its pods are replaced by others.
fn replaced(view: &View, run: &StepRun, workload: &Track, first: &Difference, tally: &mut Tally) {
    let new = view.tracks("Pod").find(|pod| {
        let is_new = run.contains(pod.first().seq) && pod.first().change == Change::Applied;
        is_new && chartgate_k8s::ready::is_pod_of(workload.last(), pod.last())
    });
    let pod = new.map_or("its pods".to_owned(), |pod| format!("pod/{}", pod.name()));
    let message = format!(
        "{}, which is the same upgrade again, replaces {pod}: `spec.template{}` of {} changes from {} to {}",
        run.label(),
        first.path,
        workload.last().slashed(),
        first.before(),
        first.after(),
    );
    let seen = new.map(|pod| pod.first().evidence("was created"));
    let hint =
        "a random value, the time or the revision is in it: keep what was made first, by `lookup` or in a Secret";
    tally.fail(message).with(seen).hint(hint);
}

fn judge_settings(track: &Track, run: &StepRun, tally: &mut Tally) {
    let Some((start, end)) = run.window() else { return };
    let (Some(before), Some(after)) = (track.at(start), track.at(end)) else { return };
    let Some(first) =
        ["data", "binaryData"].into_iter().find(|field| before.raw().get(field) != after.raw().get(field))
    else {
        return;
    };
    let of = |object: &Object| object.raw().get(first).cloned().unwrap_or_default();
    let keys = differences(&of(before), &of(after));
    let keys: Vec<&str> = keys.iter().map(|found| found.path.trim_matches(['.', '"'])).collect();
    let what =
        format!("{}, which is the same upgrade again, changes {} in {}", run.label(), keys.join(", "), after.slashed());
    // A certificate that the chart makes is another one each time, and the pods that use it live with that.
    let is_certificate =
        |key: &&str| ["crt", "key", "pem", "cert", "ca", "p12", "jks"].iter().any(|end| key.ends_with(end));
    let seen = track
        .first_where(|object| object.raw().get(first) == after.raw().get(first))
        .map(|seen| seen.evidence("changed"));
    let hint = "keep what is there: `lookup` it, and make a new one only where there is none";
    if keys.iter().all(is_certificate) {
        tally.advise(what).with(seen).hint(hint);
    } else {
        tally.fail(what).with(seen).hint(hint);
    }
}

/// Objects of the release that came or went with the repeated upgrade: a name that is another each time.
fn judge_names(view: &View, run: &StepRun, tally: &mut Tally) {
    let before = view.steps.iter().take(run.index).rev().find_map(|run| run.release);
    let (Some(before), Some(after)) = (before, run.release) else { return };
    let (before, after) = (view.manifest(before), view.manifest(after));
    let is_in = |object: &Object, all: &[&Object]| all.iter().any(|other| other.is_same(object));
    for object in after.iter().filter(|object| !is_in(object, &before)) {
        // A Job that is removed when it has ended is made anew under another name on purpose.
        let is_passing = object.kind() == "Job";
        let message = format!("{}, which is the same upgrade again, makes {}", run.label(), object.slashed());
        let hint = "take what changes (the revision, the time, a random part) out of the name";
        if is_passing {
            tally.advise(message).hint(hint)
        } else {
            tally.fail(message).hint(hint)
        };
    }
}

/// What pods are made from, as it was given: a field that the types do not know may have changed.
fn raw_template(workload: &Object) -> &Value {
    workload.raw_spec().get("template").unwrap_or(&Value::Null)
}

fn is_of_hook(view: &View, object: &Object) -> bool {
    let is_helms = object.data().type_.starts_with("helm.sh/");
    object.is_hook() || is_helms || view.hook_jobs().iter().any(|job| object.is_owned_by(job.uid()))
}

#[cfg(test)]
mod tests;
