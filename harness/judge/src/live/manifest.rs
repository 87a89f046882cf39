//! `live-matches-manifest`: what is live is what the API server makes of the manifest.

use std::collections::BTreeSet;

use chartgate_model::recording::{Compared, Moment, NOT_COMPARED};

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::difference::{Difference, differences};
use chartgate_k8s::typed::Object;
use k8s_openapi::api::rbac::v1::ClusterRole;

pub(crate) const LIVE_MATCHES_MANIFEST: Check = Check {
    name: "live-matches-manifest",
    proves: "each live object is what the API server makes of the release's manifest, where nobody else has changed it",
    means: "a setting of the release is missing on the cluster, and nothing says so",
    explanation: include_str!("../explanation/live-matches-manifest.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: live_matches_manifest,
};

/// Set by the API server, or by helm beside the manifest.
const NOT_IN_MANIFESTS: [&str; 3] = [".status", ".metadata", ".stringData"];

fn live_matches_manifest(view: &View) -> Finding {
    if view.tested().all(|run| !run.leaves_release() || !run.is_to_succeed()) {
        return not_applicable(LIVE_MATCHES_MANIFEST.name, "no step is to leave a release");
    }
    if !view.compares {
        let older = "the recording is of a chartgate that did not compare yet";
        return not_applicable(LIVE_MATCHES_MANIFEST.name, older);
    }
    let mut tally = Tally::of_whole(LIVE_MATCHES_MANIFEST.name, view);
    for run in view.tested().filter(|run| run.is_succeeded() && run.leaves_release()) {
        judge_step(view, run, &mut tally);
    }
    tally.finish_or(
        "each live object is what the API server makes of its manifest",
        "the release has no object that is compared",
    )
}

fn judge_step(view: &View, run: &StepRun, tally: &mut Tally) {
    let compared = view.recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::Compared(compared) if compared.step == run.index => Some((entry, compared)),
        _ => None,
    });
    let mut is_known = false;
    for (entry, compared) in compared {
        let seen = Evidence { seq: Some(entry.seq), at: Some(entry.at), text: String::new() };
        is_known |= judge_object(view, run, compared, &seen, tally);
    }
    let objects = run.release.into_iter().flat_map(|release| &release.objects);
    let mut kinds = objects.map(|hash| view.recording.object(hash).kind());
    if !is_known && kinds.any(|kind| !NOT_COMPARED.contains(&kind)) {
        tally.void(format!("no object could be compared with its manifest after {}", run.label()));
    }
}

/// Whether the API server said what it makes of the object.
fn judge_object(view: &View, run: &StepRun, compared: &Compared, seen: &Evidence, tally: &mut Tally) -> bool {
    let live = view.recording.object(&compared.live);
    let shown = live.slashed();
    let Some(applied) = &compared.applied else {
        let why = compared.refusal.as_deref().unwrap_or("nothing was said");
        tally.proved(note(format!("what the API server makes of {shown} is not known: {why}")));
        return false;
    };
    let applied = view.recording.object(applied);
    let foreign = compared.others.iter().map(String::as_str).collect::<BTreeSet<_>>();
    let found = differences(live.raw(), applied.raw());
    let own: Vec<&Difference> = found.iter().filter(|found| is_helms(found, &foreign, live)).collect();
    match own.first() {
        None => tally.proved(Evidence { text: format!("{shown} is what its manifest says"), ..seen.clone() }),
        Some(first) => {
            let message = format!(
                "`{}` of {shown} is {} after {}, and the release's manifest makes it {}",
                first.path.trim_start_matches('.'),
                first.before(),
                run.label(),
                first.after(),
            );
            let text = own.iter().map(|it| format!("`{}`: live {}, manifest {}", it.path, it.before(), it.after()));
            let seen = Evidence { text: text.collect::<Vec<_>>().join("; "), ..seen.clone() };
            let hint = "helm merged the change away: let no list name one thing twice, and set a field in each version or in none";
            tally.fail(message).with([seen]).hint(hint);
        }
    }
    true
}

/// Whether nobody but helm has a say in a field.
fn is_helms(found: &Difference, foreign: &BTreeSet<&str>, live: &Object) -> bool {
    let path = found.path.as_str();
    let is_at = |other: &str| path.starts_with(other) || other.starts_with(path);
    let is_bundle = path.ends_with(".caBundle");
    let is_aggregated =
        live.typed::<ClusterRole>().is_some_and(|role| role.aggregation_rule.is_some()) && path.starts_with(".rules");
    let is_own_field =
        NOT_IN_MANIFESTS.iter().any(|field| path.starts_with(field)) && !path.starts_with(".metadata.labels");
    !(is_own_field || is_bundle || is_aggregated || foreign.iter().any(|other| is_at(other)))
}

#[cfg(test)]
mod tests;
