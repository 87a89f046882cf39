//! `config-reaches-pods`: what changed beside the release is in the pods' environment after the next upgrade.

use std::collections::BTreeSet;

use chartgate_model::plan::{Action, Awaited, EffectOnRelease, Outcome};

use crate::tally::{Tally, not_applicable, note};
use crate::view::{Sighting, StepRun, Track, View};
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::kind;
use chartgate_k8s::typed::Object;

pub(crate) const CONFIG_REACHES_PODS: Check = Check {
    name: "config-reaches-pods",
    proves: "after a Secret or ConfigMap changed beside the release, the next upgrade leaves no pod with what it held before",
    means: "a rotated password stays unknown to the pods although the release was upgraded: they go on with one that is no longer valid",
    explanation: include_str!("../explanation/config-reaches-pods.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: config_reaches_pods,
};

/// What a container's environment comes from: it is read once, when the container is made.
const KINDS: [&str; 2] = ["Secret", "ConfigMap"];

/// A Secret or ConfigMap whose content changed outside of helm.
struct Change<'a> {
    /// As it was first seen with the new content.
    seen: Sighting<'a>,
    /// The step that brought it about.
    label: String,
}

fn config_reaches_pods(view: &View) -> Finding {
    let upgrades = upgrades(view);
    if upgrades.is_empty() {
        let why = "no step changes a Secret or ConfigMap beside the release before an upgrade that is to succeed";
        return not_applicable(CONFIG_REACHES_PODS.name, why);
    }
    let mut tally = Tally::of_whole(CONFIG_REACHES_PODS.name, view);
    for (applies, upgrade) in upgrades {
        judge_upgrade(view, &applies, upgrade, &mut tally);
    }
    tally.finish("each pod that an upgrade left was made after what its environment comes from had changed")
}

/// Whether a step is meant to change what pods take their environment from, by what it applies or awaits.
fn is_of_config(run: &StepRun) -> bool {
    let Action::Apply { objects, until } = &run.step.action else { return false };
    let changes = |awaited: &&Awaited| matches!(awaited.outcome, Outcome::Changes(_));
    let awaited = until.iter().filter(changes).map(|awaited| awaited.kind.as_str());
    objects.iter().map(kind).chain(awaited).any(|kind| KINDS.contains(&kind))
}

/// Each upgrade with the steps that changed such things since the release was last installed or upgraded.
fn upgrades<'v, 'a>(view: &'v View<'a>) -> Vec<(Vec<&'v StepRun<'a>>, &'v StepRun<'a>)> {
    let mut applies = Vec::new();
    let mut is_installed = false;
    let mut upgrades = Vec::new();
    for run in view.tested().filter(|run| run.is_to_succeed()) {
        if is_installed && is_of_config(run) {
            applies.push(run);
        }
        match run.step.action.effect() {
            EffectOnRelease::Upgraded if !run.step.is_again && !applies.is_empty() => {
                upgrades.push((std::mem::take(&mut applies), run));
            }
            EffectOnRelease::Installed => is_installed = true,
            EffectOnRelease::Removed => (is_installed, applies) = (false, Vec::new()),
            EffectOnRelease::Upgraded
            | EffectOnRelease::RolledBack { .. }
            | EffectOnRelease::Disturbed
            | EffectOnRelease::None => {}
        }
    }
    upgrades
}

fn judge_upgrade(view: &View, applies: &[&StepRun], upgrade: &StepRun, tally: &mut Tally) {
    let label = upgrade.label();
    let (Some((from, _)), Some((start, end))) = (applies[0].window(), upgrade.window()) else { return };
    if !upgrade.is_succeeded() {
        return;
    }
    if let Some((seen, why)) = view.gap(&["Pod", "Secret", "ConfigMap"], from, end) {
        tally.void(format!("which pods {label} left with what they held before is unknown: {why}")).with([seen]);
        return;
    }
    let changes: Vec<Change> = applies.iter().flat_map(|apply| changes_in(view, apply, start)).collect();
    let holders = |at: u64| view.tracks("Pod").filter(move |pod| pod.at(at).is_some_and(|pod| is_live(view, pod)));
    let is_used = holders(start).any(|pod| changes.iter().any(|change| holds(pod, change)));
    if !is_used {
        let steps: Vec<String> = applies.iter().map(|apply| apply.label()).collect();
        let message = format!("{} changed nothing that a pod takes its environment from", steps.join(", "));
        tally.void(message).hint("wait for the Secret or ConfigMap that pods use with `until: [{…, changes: …}]`");
        return;
    }
    for pod in holders(start) {
        for change in changes.iter().filter(|change| holds(pod, change)) {
            let what = change.seen.object.slashed();
            if is_after(view, pod, change) {
                tally.proved(pod.first().evidence(&format!("was created by itself after {what} had changed")));
            } else {
                tally.proved(change.seen.evidence(&format!("changed in {}", change.label)));
                tally.proved(note(format!("pod/{} held what {what} was before until {label}", pod.name())));
            }
        }
    }
    let mut is_any = false;
    for pod in holders(end) {
        for change in changes.iter().filter(|change| holds(pod, change)) {
            is_any = true;
            judge_pod(view, pod, change, upgrade, tally);
        }
    }
    if !is_any {
        tally.void(format!("no pod that uses what changed was seen after {label}"));
    }
}

fn judge_pod(view: &View, pod: &Track, change: &Change, upgrade: &StepRun, tally: &mut Tally) {
    let (what, label) = (change.seen.object.slashed(), upgrade.label());
    if is_after(view, pod, change) {
        tally
            .proved(pod.first().evidence(&format!("was created after {what} had changed, and is there after {label}")));
        return;
    }
    let end = upgrade.window().map_or(u64::MAX, |(_, end)| end);
    if restarts(pod, end) > restarts(pod, change.seen.seq) {
        let claim =
            tally.void(format!("whether pod/{} has what {what} holds is unknown: it was restarted", pod.name()));
        claim.with([change.seen.evidence("changed")]);
        return;
    }
    let message = format!(
        "{what} changed in {}, and {label} left pod/{} with the environment that it had before",
        change.label,
        pod.name()
    );
    let seen = [pod.first().evidence("was created before"), change.seen.evidence("changed")];
    let hint = "let the upgrade replace the pods, or tell users to restart them: `kubectl rollout restart`";
    tally.fail(message).with(seen).hint(hint);
}

/// What changed in a step, or after it and before an upgrade's start.
fn changes_in<'a>(view: &View<'a>, apply: &StepRun, start: u64) -> Vec<Change<'a>> {
    let Some((from, _)) = apply.window() else { return Vec::new() };
    let until = view.aftermath(apply).min(start);
    let names = KINDS.iter().flat_map(|of_kind| view.tracks(of_kind));
    let names: BTreeSet<(&str, &str)> = names.map(|track| (track.last().kind(), track.name())).collect();
    let changed = names.into_iter().filter_map(|(of_kind, with_name)| {
        let before = view.object_at(of_kind, with_name, from)?;
        let after = view.object_at(of_kind, with_name, until)?;
        if before.data().data == after.data().data {
            return None;
        }
        let tracks = view.tracks(of_kind).filter(|track| track.name() == with_name);
        let sightings = tracks.flat_map(|track| track.sightings.iter());
        let is_new =
            |seen: &&Sighting| (from..=until).contains(&seen.seq) && seen.object.data().data == after.data().data;
        let seen = sightings.filter(is_new).min_by_key(|seen| seen.seq)?;
        Some(Change { seen: *seen, label: apply.label() })
    });
    changed.collect()
}

/// Whether a pod was made after a change: by the API server's own order where there is one, else by the recorder's.
fn is_after(view: &View, pod: &Track, change: &Change) -> bool {
    match (pod.first().version(), change.seen.version()) {
        (Some(pod), Some(change)) if view.single_etcd => pod > change,
        _ => pod.first().seq > change.seen.seq,
    }
}

/// How often a pod's containers had been restarted: a new container reads its environment anew.
fn restarts(pod: &Track, at: u64) -> i32 {
    pod.at(at).into_iter().flat_map(Object::statuses).map(|status| status.restart_count).sum()
}

/// Whether a pod is on no way out, and no hook's.
fn is_live(view: &View, pod: &Object) -> bool {
    !pod.is_terminating() && !view.hook_jobs().iter().any(|job| pod.is_owned_by(job.uid()))
}

/// Whether a pod's environment, or a file that never follows, comes from what changed.
fn holds(pod: &Track, change: &Change) -> bool {
    let object = change.seen.object;
    let used = pod.last().pod().map(|pod| pod.references()).unwrap_or_default();
    used.iter().any(|it| !it.is_followed() && (it.kind, it.name) == (object.kind(), object.name()))
}

#[cfg(test)]
mod tests;
