//! `hook-order`: what depends on a hook starts after it completed, and hooks of one event run by weight.

mod waiting;

use std::cmp::Ordering;

use chartgate_model::plan::Hook;
use chartgate_model::recording::Change;

use crate::tally::{Tally, not_applicable, note};
use crate::view::{Sighting, StepRun, Track, View};
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;

pub(crate) const HOOK_ORDER: Check = Check {
    name: "hook-order",
    proves: "each hook completed before the first new pod of what depends on it, and hooks ran in the order of their weights",
    means: "new pods meet a system that the hook has not prepared: a new version runs on the old schema",
    explanation: include_str!("../explanation/hook-order.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: hook_order,
};

fn hook_order(view: &View) -> Finding {
    let runs = |(name, hook): (&String, &Hook)| view.tested().any(|run| run.due(view.plan, name, hook) > 0);
    let precedes = |named: &(&String, &Hook)| !named.1.before.is_empty() && runs(*named);
    let hooks: Vec<(&String, &Hook)> = view.plan.hooks.iter().filter(precedes).collect();
    let follows =
        |(name, hook): &(&String, &Hook)| view.tested().any(|run| waiting::is_after_pods(view, run, name, hook));
    let after_pods: Vec<(&String, &Hook)> = view.plan.hooks.iter().filter(follows).collect();
    if hooks.is_empty() && after_pods.is_empty() && !view.tested().any(has_weights) {
        return not_applicable(
            HOOK_ORDER.name,
            "no step runs a hook that must precede a role or follows the pods, and no event has hook Jobs of two weights",
        );
    }
    let mut tally = Tally::of_whole(HOOK_ORDER.name, view);
    for (name, hook) in hooks {
        judge_hook(view, name, hook, &mut tally);
    }
    for (name, hook) in after_pods {
        waiting::judge(view, name, hook, &mut tally);
    }
    for run in view.tested() {
        judge_weights(view, run, &mut tally);
    }
    tally.finish("each hook completed before the first new pod of the roles that depend on it")
}

fn judge_hook(view: &View, name: &str, hook: &Hook, tally: &mut Tally) {
    let jobs = view.runs_of_hook(hook);
    let roles: Vec<&String> =
        view.plan.present_roles().map(|(role, _)| role).filter(|role| hook.before.contains(role)).collect();
    for role in roles {
        let mut is_judged = false;
        for run in view.tested().filter(|run| run.started.is_some() && run.due(view.plan, name, hook) > 0) {
            if let Some((seen, why)) = view.gap_in(run, &["Job", "Pod"]) {
                let message =
                    format!("the order of hook `{name}` and role `{role}` in {} is unknown: {why}", run.label());
                tally.void(message).with([seen]);
                is_judged = true;
                continue;
            }
            let Some(pod) = first_new_pod(view, run, role) else { continue };
            let job = jobs.iter().find(|job| run.contains(job.first().seq));
            match job {
                Some(job) => judge_pair(view, run, (name, job), (role, pod), tally),
                None => judge_missing(run, (name, hook), (role, pod), tally),
            }
            is_judged = true;
        }
        if !is_judged {
            let message = format!("no step that runs hook `{name}` made a pod of role `{role}` from a new template");
            tally.void(message).hint("let an upgrade change the image, or something else in the role's pods");
        }
    }
}

/// The first pod of a role that was created in a step from a template that none of the role's pods had before.
fn first_new_pod<'a>(view: &View<'a>, run: &StepRun, role: &str) -> Option<Sighting<'a>> {
    let (start, _) = run.window()?;
    let pods = view.pods_of_role(role);
    let old: Vec<&str> = pods.iter().filter_map(|pod| pod.at(start)).map(Object::template_of).collect();
    let first = pods.iter().map(|pod| pod.first());
    first
        .filter(|pod| {
            run.contains(pod.seq) && pod.change == Change::Applied && !old.contains(&pod.object.template_of())
        })
        .min_by_key(Sighting::version)
}

const HINT: &str = "make the hook run before the release's objects: `helm.sh/hook: pre-install,pre-upgrade`";

/// A pod was created, and no Job of the hook was: the chart may render it for another event.
fn judge_missing(run: &StepRun, (of, hook): (&str, &Hook), (role, pod): (&str, Sighting), tally: &mut Tally) {
    let label = run.label();
    let message = format!(
        "hook `{of}` did not run before pod/{} of role `{role}` was created in {label}: no Job of it was seen",
        pod.object.name()
    );
    let claim = tally.fail(message).with([pod.evidence("of the new template was created")]).hint(HINT);
    let objects = run.rendered.iter().flat_map(|rendered| rendered.objects.iter());
    for job in objects.filter(|object| object.kind() == "Job" && object.is_selected(&hook.select)) {
        let events = job.hook_events().join(", ");
        let events = if events.is_empty() { "no hook".to_owned() } else { format!("a hook of {events}") };
        claim.with([note(format!("the chart renders {} as {events}", job.slashed()))]);
    }
}

fn judge_pair(
    view: &View,
    run: &StepRun,
    (hook, job): (&str, &Track),
    (role, pod): (&str, Sighting),
    tally: &mut Tally,
) {
    let label = run.label();
    let pod_name = pod.object.name();
    let created = pod.evidence("of the new template was created");
    let Some(done) = job.completed() else {
        let message =
            format!("hook `{hook}` never completed in {label}, but pod/{pod_name} of role `{role}` was created");
        let claim = tally.fail(message).hint(HINT);
        claim
            .with([job.first().evidence("was created")])
            .with(job.ended().map(|end| end.evidence("ended")))
            .with([created]);
        return;
    };
    let both = [done.evidence("was complete"), created];
    match compare(view, &done, &pod) {
        Ok(Ordering::Less) => both.into_iter().for_each(|evidence| tally.proved(evidence)),
        Ok(_) => {
            let message = format!(
                "pod/{pod_name} of role `{role}` was created in {label} before hook `{hook}` (job/{}) was complete",
                job.name()
            );
            tally.fail(message).with(both).hint(HINT);
        }
        Err(why) => {
            let message =
                format!("the order of hook `{hook}` and pod/{pod_name} of role `{role}` in {label} is unknown: {why}");
            tally.void(message).with(both);
        }
    }
}

/// Which of two changes the API server made first.
fn compare(view: &View, one: &Sighting, other: &Sighting) -> Result<Ordering, &'static str> {
    if !view.single_etcd {
        return Err("resource versions of different kinds cannot be compared on this cluster");
    }
    let (Some(one), Some(other)) = (one.version(), other.version()) else {
        return Err("an object has no resource version");
    };
    match one.cmp(&other) {
        Ordering::Equal => Err("both have the same resource version"),
        order => Ok(order),
    }
}

/// Whether a step renders hook Jobs of different weights for one of its events.
fn has_weights(run: &StepRun) -> bool {
    let objects = run.rendered.iter().flat_map(|rendered| rendered.objects.iter());
    let jobs: Vec<&Object> = objects.filter(|object| object.kind() == "Job" && object.is_hook()).copied().collect();
    run.events().iter().any(|event| {
        let mut weights = jobs.iter().filter(|job| job.hook_events().contains(event)).map(|job| job.weight());
        weights.next().is_some_and(|first| weights.any(|other| other != first))
    })
}

fn judge_weights(view: &View, run: &StepRun, tally: &mut Tally) {
    let Some(release) = run.release else { return };
    for event in run.events() {
        let hooks = release.hooks.iter().filter(|hook| hook.events.iter().any(|other| other == event));
        let ran: Vec<(i64, &Track)> = hooks
            .filter_map(|hook| {
                let job = view.recording.object(&hook.object);
                let is_it = |track: &&Track| track.name() == job.name() && run.contains(track.first().seq);
                (job.kind() == "Job")
                    .then(|| view.tracks("Job").find(is_it))
                    .flatten()
                    .map(|track| (hook.weight, track))
            })
            .collect();
        for (light, earlier) in &ran {
            for (heavy, later) in ran.iter().filter(|(heavy, _)| heavy > light) {
                judge_weight(view, run, (*light, earlier), (*heavy, later), tally);
            }
        }
    }
}

fn judge_weight(
    view: &View,
    run: &StepRun,
    (light, earlier): (i64, &Track),
    (heavy, later): (i64, &Track),
    tally: &mut Tally,
) {
    let created = later.first();
    let pair = format!(
        "hook job/{} (weight {light}) and hook job/{} (weight {heavy}) in {}",
        earlier.name(),
        later.name(),
        run.label()
    );
    if let Some((seen, why)) = view.gap_in(run, &["Job"]) {
        tally.void(format!("the order of {pair} is unknown: {why}")).with([seen]);
        return;
    }
    let Some(done) = earlier.completed() else {
        tally
            .fail(format!("{pair} ran out of order: the first never completed"))
            .with([created.evidence("was created")]);
        return;
    };
    let both = [done.evidence("was complete"), created.evidence("was created")];
    match compare(view, &done, &created) {
        Ok(Ordering::Less) => both.into_iter().for_each(|evidence| tally.proved(evidence)),
        Ok(_) => {
            tally
                .fail(format!("{pair} ran out of order: the second was created before the first was complete"))
                .with(both);
        }
        Err(why) => {
            tally.void(format!("the order of {pair} is unknown: {why}")).with(both);
        }
    }
}

#[cfg(test)]
mod tests;
