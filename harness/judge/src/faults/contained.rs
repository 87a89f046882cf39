//! `failed-migration-contained`: a migration that fails leaves the running version alone.

use std::collections::BTreeSet;

use crate::health::{asked_whom, difference};
use crate::tally::{Tally, not_applicable};
use crate::traffic::lost_in;
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;
use chartgate_model::plan::Target;
use chartgate_model::recording::Change;

pub(crate) const FAILED_MIGRATION_CONTAINED: Check = Check {
    name: "failed-migration-contained",
    proves: "where a migration failed, no new pod of what depends on it was made, and the old version served on",
    means: "a failed migration takes the running version down, or lets the new one loose on the old schema",
    explanation: include_str!("../explanation/failed-migration-contained.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: failed_migration_contained,
};

fn failed_migration_contained(view: &View) -> Finding {
    let is_failing = |run: &&StepRun| {
        let target = run.step.fault.as_ref().map(|fault| fault.kind().target);
        target == Some(Target::Migration { fails: true })
    };
    if !view.tested().any(|run| is_failing(&run)) {
        return not_applicable(FAILED_MIGRATION_CONTAINED.name, "no migration of the plan is made to fail or to hang");
    }
    let mut tally = Tally::of_whole(FAILED_MIGRATION_CONTAINED.name, view);
    for run in view.tested().filter(is_failing) {
        judge_step(view, run, &mut tally);
    }
    tally.finish("where the migration failed, no new pod was made, and the old version served on")
}

fn judge_step(view: &View, run: &StepRun, tally: &mut Tally) {
    let label = run.label();
    let Some((entry, what)) = view.faults(run.index).next() else {
        tally.void(format!("no migration failed in {label}"));
        return;
    };
    tally.proved(Evidence { seq: Some(entry.seq), at: Some(entry.at), text: what.to_owned() });
    if let Some((seen, why)) = view.gap_in(run, &["Pod"]) {
        tally.void(format!("what became of the pods in {label} is unknown: {why}")).with([seen]);
        return;
    }
    let hooks = view.plan.hooks_in(run.index).filter(|(_, hook)| hook.migrates.is_some() && run.runs_of(hook) > 0);
    let waiting: BTreeSet<&String> = hooks.flat_map(|(_, hook)| &hook.before).collect();
    for (role, _) in view.plan.roles_in(run.index) {
        if waiting.contains(role) {
            judge_new_pods(view, run, role, tally);
        }
        judge_old_pods(view, run, role, tally);
    }
    judge_answers(view, run, tally);
}

/// No pod of a new template was created, not even after the step.
fn judge_new_pods(view: &View, run: &StepRun, role: &str, tally: &mut Tally) {
    let Some((start, _)) = run.window() else { return };
    let pods = view.pods_of_role(role);
    let old: Vec<&str> = pods.iter().filter_map(|pod| pod.at(start)).map(Object::template_of).collect();
    let during = start..view.aftermath(run);
    for pod in pods.iter().map(|pod| pod.first()).filter(|pod| during.contains(&pod.seq)) {
        if pod.change == Change::Applied && !old.contains(&pod.object.template_of()) {
            let name = pod.object.name();
            let message =
                format!("pod/{name} of role `{role}` was created in {}, although the migration failed", run.label());
            let claim = tally.fail(message).with([pod.evidence("of the new template was created")]);
            claim.hint("make the migration a hook that runs before the release's objects: `pre-upgrade`");
        }
    }
}

/// What ran before the step ran on, ready all the time.
fn judge_old_pods(view: &View, run: &StepRun, role: &str, tally: &mut Tally) {
    let Some((start, _)) = run.window() else { return };
    let label = run.label();
    let pods = view.pods_of_role(role);
    let old: Vec<_> = pods.into_iter().filter(|pod| pod.at(start).is_some_and(Object::is_ready_pod)).collect();
    let is_upgrade = view.steps.iter().take(run.index).any(StepRun::leaves_release);
    if old.is_empty() && is_upgrade {
        tally.void(format!("no pod of role `{role}` was ready before {label}"));
    }
    for pod in old {
        let later = pod.sightings.iter().filter(|seen| (start..view.aftermath(run)).contains(&seen.seq));
        let mut lost = later.filter(|seen| seen.change == Change::Deleted || !seen.object.is_ready_pod());
        match lost.next() {
            Some(seen) => {
                let message = format!(
                    "pod/{} of role `{role}` ran before {label}, and the failed migration took it down",
                    pod.name()
                );
                tally.fail(message).with([seen.evidence("was not ready any more")]);
            }
            None => tally.proved(pod.first().evidence(&format!("of role `{role}` stayed ready throughout {label}"))),
        }
    }
}

/// Users and samples, where there are any, met the old version as before.
fn judge_answers(view: &View, run: &StepRun, tally: &mut Tally) {
    let label = run.label();
    for (role, lost) in lost_in(view, run) {
        let message = format!("{} requests of role `{role}` failed in {label}, whose migration failed", lost.len());
        tally.fail(message).with(lost.into_iter().take(3));
    }
    for (entry, probe) in view.probes(run.index).filter(|(_, probe)| probe.ready_throughout) {
        let serves = view.plan.roles.get(&probe.role).and_then(|role| role.serves.as_ref());
        let promised =
            serves.and_then(|serves| serves.paths.iter().find(|path| probe.path.as_ref() == Some(&path.path)));
        let Some(what) = promised.and_then(|path| difference(path, &probe.answer)) else { continue };
        let message =
            format!("{} of role `{}` {what} after {label}, whose migration failed", asked_whom(probe), probe.role);
        tally.fail(message).with([Evidence { seq: Some(entry.seq), at: Some(entry.at), text: what }]);
    }
}

#[cfg(test)]
mod tests;
