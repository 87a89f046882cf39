//! `hook-once`: a hook runs once for each of its events, and at no other time.

use chartgate_model::plan::{Excuse, Hook};

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, Track, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;
use k8s_openapi::api::batch::v1::Job;

pub(crate) const HOOK_ONCE: Check = Check {
    name: "hook-once",
    proves: "each hook ran exactly once for each of its events, at its first attempt, and never where it is switched off",
    means: "a migration runs twice, is skipped, or runs although the user disabled it",
    explanation: include_str!("../explanation/hook-once.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: hook_once,
};

fn hook_once(view: &View) -> Finding {
    if view.plan.hooks.is_empty() {
        return not_applicable(HOOK_ONCE.name, "the contract names no hook");
    }
    let mut tally = Tally::of_whole(HOOK_ONCE.name, view);
    if let Some((seen, why)) = view.gap(&["Job", "Pod"], 0, u64::MAX) {
        tally.void(format!("a run of a hook may have been missed: {why}")).with([seen]);
    }
    for (name, hook) in &view.plan.hooks {
        if view.plan.is_always_absent(name) {
            judge_absent(view, name, hook, &mut tally);
        } else {
            judge_present(view, name, hook, &mut tally);
        }
    }
    tally.finish("each hook ran once for each of its events, and at no other time")
}

const HONOUR: &str = "honour the switch: render the hook's Job only where it is enabled";

fn judge_absent(view: &View, name: &str, hook: &Hook, tally: &mut Tally) {
    if let Some(job) = view.rendered().find(|object| is_job_of(hook, object)) {
        tally.fail(format!("hook `{name}` is switched off, but the chart renders {}", job.slashed())).hint(HONOUR);
    }
    let seen = view
        .runs_of_hook(hook)
        .into_iter()
        .chain(view.tracks("Pod").filter(|pod| pod.last().is_selected(&hook.select)));
    let is_by_hand =
        |track: &&Track| view.step_at(track.first().seq).is_some_and(|run| run.is_run_of(name) || !run.is_tested());
    let seen = seen.filter(|track| !is_by_hand(track));
    let seen: Vec<Evidence> = seen.map(|track| track.first().evidence("was created")).collect();
    if let Some(first) = seen.first() {
        let message = format!("hook `{name}` is switched off, but it ran: {}", first.text);
        tally.fail(message).with(seen).hint(HONOUR);
    } else if view.has_render() {
        tally.proved(note(format!("hook `{name}` is switched off, and neither rendered nor seen")));
    }
}

fn is_job_of(hook: &Hook, object: &Object) -> bool {
    object.kind() == "Job" && object.is_selected(&hook.select)
}

fn judge_present(view: &View, name: &str, hook: &Hook, tally: &mut Tally) {
    let jobs = view.runs_of_hook(hook);
    if jobs.is_empty() && view.has_render() && !view.rendered().any(|object| is_job_of(hook, object)) {
        let message = format!("hook `{name}` matches nothing: the chart renders no Job with `{}`", hook.select);
        tally.fail(message).hint("correct `select` in the contract, or the labels of the hook's Job");
        return;
    }
    if !view.tested().any(|run| run.runs_of(hook) > 0) {
        tally.proved(note(format!("no step of the plan runs hook `{name}`")));
    }
    for run in view.tested().filter(|run| run.started.is_some()) {
        let due = run.due(view.plan, name, hook);
        let is_off = view.plan.is_absent_in(run.index, name);
        if is_off && let Some(job) = run.rendered_objects().find(|object| is_job_of(hook, object)) {
            let message =
                format!("hook `{name}` is switched off in {}, but the chart renders {}", run.label(), job.slashed());
            tally.fail(message).hint(HONOUR);
            continue;
        }
        let is_here = |job: &&&Track| view.step_at(job.first().seq).is_some_and(|step| step.index == run.index);
        let here: Vec<&Track> = jobs.iter().filter(is_here).copied().collect();
        let seen = || here.iter().map(|job| job.first().evidence("was created")).collect::<Vec<_>>();
        if here.len() > due && is_off {
            let message = format!("hook `{name}` is switched off in {}, but it ran", run.label());
            tally.fail(message).with(seen()).hint(HONOUR);
        } else if here.len() > due && due == 0 {
            let message = format!(
                "hook `{name}` ran in {}, which is none of its events ({})",
                run.label(),
                hook.events.join(", ")
            );
            tally.fail(message).with(seen()).hint("take the event out of the Job's `helm.sh/hook` annotation");
        } else if here.len() > due {
            let message = format!("hook `{name}` ran {} times in {}, not {due}", here.len(), run.label());
            tally.fail(message).with(seen());
        } else if here.len() < due && run.is_succeeded() {
            let message =
                format!("hook `{name}` did not run in {}: {} of {due} Jobs were seen", run.label(), here.len());
            tally
                .fail(message)
                .with(seen())
                .hint(format!("its Job is to have `helm.sh/hook: {}`", hook.events.join(",")));
        } else if here.len() < due && run.is_to_succeed() {
            let message = format!("hook `{name}` was not seen in {}, which did not succeed", run.label());
            tally.void_since(&run.unfinished().unwrap_or_default(), message);
        } else if is_off && run.is_succeeded() {
            tally.proved(note(format!("hook `{name}` is switched off in {}, and was not seen", run.label())));
        } else {
            for job in here {
                judge_attempts(view, run, name, job, tally);
            }
        }
    }
}

/// One pod of a hook's Job did the work, at the first attempt.
fn judge_attempts(view: &View, run: &StepRun, name: &str, job: &Track, tally: &mut Tally) {
    let pods = view.pods_of_job(job);
    let ended_as = |phase: &str| {
        let ended = pods.iter().filter_map(|pod| pod.first_where(|pod| pod.phase() == phase));
        ended.collect::<Vec<_>>()
    };
    let (succeeded, failed) = (ended_as("Succeeded"), ended_as("Failed"));
    let due = job.last().typed::<Job>().and_then(|job| job.spec.as_ref()?.completions).map_or(1, i64::from);
    let label = run.label();
    let hook = format!("hook `{name}` (job/{})", job.name());
    if !run.is_to_succeed() {
        tally.proved(job.first().evidence(&format!("was the only one of hook `{name}` in {label}, which was to fail")));
    } else if !failed.is_empty() && !run.excuses(Excuse::FailedHookPod) {
        let message = format!("{hook} needed more than one attempt in {label}: {} of its pods failed", failed.len());
        let claim = tally.fail(message).with(failed.iter().map(|pod| pod.evidence("failed")));
        claim.with(pods.iter().filter_map(|pod| view.log_tail(pod.name(), None, u64::MAX)));
    } else if pods.is_empty() {
        tally.void(format!("no pod of {hook} was seen in {label}"));
    } else if i64::try_from(succeeded.len()) != Ok(due) && run.is_succeeded() {
        let message = format!("{} pods of {hook} succeeded in {label}, not {due}", succeeded.len());
        tally.fail(message).with(pods.iter().map(|pod| pod.first().evidence("was created")));
    } else if i64::try_from(succeeded.len()) != Ok(due) {
        let why = run.unfinished().unwrap_or_default();
        tally.void_since(&why, format!("{hook} did not succeed in {label}, which failed"));
    } else {
        tally.proved(
            job.first().evidence(&format!("was the only one of hook `{name}` in {label}, and one pod of it succeeded")),
        );
    }
}

#[cfg(test)]
mod tests;
