//! `replicas-kept`: an upgrade leaves the size that an autoscaler gave a workload.

use chartgate_model::plan::{Action, EffectOnRelease};
use chartgate_model::recording::Mode;

use crate::manifest::Autoscaler;
use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, Track, View};
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;

pub(crate) const REPLICAS_KEPT: Check = Check {
    name: "replicas-kept",
    proves: "an upgrade keeps the number of pods that a workload was scaled to",
    means: "each upgrade throws away what the autoscaler gave, in the middle of the load that asked for it",
    explanation: include_str!("../explanation/replicas-kept.md"),
    needs: Needs::Render,
    adds: Some(Needs::Orchestration),
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: replicas_kept,
};

const KINDS: [&str; 2] = ["Deployment", "StatefulSet"];
const HINT: &str = "leave `replicas` out of the template where an autoscaler is on";

fn replicas_kept(view: &View) -> Finding {
    // What is rendered alone was scaled by nobody.
    let upgrades = if view.recording.mode() == Mode::Run { scaled_upgrades(view) } else { Vec::new() };
    let scalers: Vec<Autoscaler> = view.rendered_once().into_iter().filter_map(Autoscaler::of).collect();
    if upgrades.is_empty() && scalers.is_empty() {
        return not_applicable(
            REPLICAS_KEPT.name,
            "nothing is scaled before an upgrade, and no autoscaler is rendered",
        );
    }
    // What is rendered needs no step.
    let is_by_render = upgrades.is_empty();
    let mut tally =
        if is_by_render { Tally::new(REPLICAS_KEPT.name) } else { Tally::of_whole(REPLICAS_KEPT.name, view) };
    for (run, role, replicas) in &upgrades {
        judge_upgrade(view, run, role, *replicas, &mut tally);
    }
    for scaler in scalers {
        judge_scaler(view, &scaler, &mut tally);
    }
    tally.finish("no upgrade changes the number of pods that a workload was scaled to")
}

/// Each upgrade or rollback with the roles that were scaled before it, and the size that they had.
fn scaled_upgrades<'v, 'a>(view: &'v View<'a>) -> Vec<(&'v StepRun<'a>, &'v str, u32)> {
    let mut sizes: Vec<(&str, u32)> = Vec::new();
    let mut upgrades = Vec::new();
    for run in view.tested() {
        if let Action::Scale { role, replicas } = &run.step.action {
            sizes.retain(|(known, _)| known != role);
            sizes.push((role, *replicas));
        }
        match run.step.action.effect() {
            EffectOnRelease::Upgraded | EffectOnRelease::RolledBack { .. } => {
                upgrades.extend(sizes.iter().map(|(role, replicas)| (run, *role, *replicas)));
            }
            EffectOnRelease::Removed => sizes.clear(),
            EffectOnRelease::Installed | EffectOnRelease::Disturbed | EffectOnRelease::None => {}
        }
    }
    upgrades
}

fn judge_upgrade(view: &View, run: &StepRun, role: &str, replicas: u32, tally: &mut Tally) {
    let label = run.label();
    let Some((start, _)) = run.window() else { return };
    if let Some((seen, why)) = view.gap_in(run, &KINDS) {
        tally.void(format!("the size of role `{role}` in {label} is unknown: {why}")).with([seen]);
        return;
    }
    let select = view.plan.roles.get(role).map_or("", |role| role.select.as_str());
    let is_of_role = |track: &&Track| {
        track.last().template().is_some_and(|pod| pod.is_selected(select)) && !view.is_neighbours(track)
    };
    let scaled = |track: &&Track| track.at(start).is_some_and(|workload| size(workload) >= i64::from(replicas));
    let workloads = KINDS.iter().flat_map(|kind| view.tracks(kind)).filter(is_of_role);
    let workloads: Vec<&Track> = workloads.filter(scaled).collect();
    if workloads.is_empty() {
        tally.void(format!("no workload of role `{role}` had {replicas} replicas before {label}"));
    }
    for workload in workloads {
        let during = workload.sightings.iter().filter(|seen| (start..view.aftermath(run)).contains(&seen.seq));
        let lowest = during.filter(|seen| size(seen.object) < i64::from(replicas)).min_by_key(|seen| size(seen.object));
        let shown = workload.last().slashed();
        match lowest {
            Some(seen) => {
                let low = size(seen.object);
                let message = format!("{label} scaled {shown} of role `{role}` down from {replicas} to {low} replicas");
                tally.fail(message).with([seen.evidence(&format!("was given {low} replicas"))]).hint(HINT);
            }
            None => tally.proved(note(format!("{shown} kept {replicas} replicas in {label}"))),
        }
    }
}

fn size(workload: &Object) -> i64 {
    workload.common().spec.replicas.unwrap_or(1)
}

/// What an autoscaler scales is rendered without a size.
fn judge_scaler(view: &View, scaler: &Autoscaler, tally: &mut Tally) {
    let is_target = |object: &&Object| (object.kind(), object.name()) == (scaler.target_kind, scaler.target_name);
    let scaler = scaler.object;
    let mut targets = view.rendered().filter(is_target);
    let Some(workload) = targets.find(|object| object.common().spec.replicas.is_some()) else {
        tally.proved(note(format!("what {} scales is rendered without `replicas`", scaler.slashed())));
        return;
    };
    let message = format!(
        "{} is rendered with `replicas`, though {} scales it: each upgrade resets its size",
        workload.slashed(),
        scaler.slashed()
    );
    tally.advise(message).hint(HINT);
}

#[cfg(test)]
mod tests;
