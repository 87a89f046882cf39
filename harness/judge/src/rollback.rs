//! Rollbacks: back to what was, and it works.

mod again;
mod serves;

pub(super) use again::UPGRADE_AFTER_ROLLBACK;
pub(super) use serves::ROLLBACK_SERVES;

use chartgate_model::plan::Action;
use chartgate_model::recording::{Release, StepOutcome};

use super::tally::{Tally, not_applicable};
use super::view::{StepRun, Track, View};
use super::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::ready::{is_pod_of, not_ready};
use chartgate_k8s::typed::Object;

pub(super) const ROLLBACK_RESTORED: Check = Check {
    name: "rollback-restored",
    proves: "after a rollback the manifest, the pods' images and the hooks are those of the revision gone back to",
    means: "a rollback leaves a mixture of two versions behind",
    explanation: include_str!("explanation/rollback-restored.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: rollback_restored,
};

/// A rollback, and the release it goes back to where that was recorded.
struct Rollback<'v, 'a> {
    run: &'v StepRun<'a>,
    to: u32,
    /// The step that made the revision, and the revision.
    target: Option<(&'v StepRun<'a>, &'a Release)>,
    /// Helm went back by itself, since the upgrade failed.
    is_automatic: bool,
}

impl Rollback<'_, '_> {
    /// Whether it came to its end, so that it can be said what it brought back.
    fn is_done(&self) -> bool {
        let is_failed = || matches!(self.run.ended, Some((_, StepOutcome::HelmFailed { .. })));
        if self.is_automatic { is_failed() } else { self.run.is_succeeded() }
    }

    /// When it is looked at what runs. Nobody waits for the pods of an upgrade that failed: they may end a little later.
    fn end(&self, view: &View) -> u64 {
        let ended = self.run.ended.map_or(u64::MAX, |(entry, _)| entry.seq);
        if self.is_automatic { view.aftermath(self.run) } else { ended }
    }
}

fn rollbacks<'v, 'a>(view: &'v View<'a>) -> Vec<Rollback<'v, 'a>> {
    let of_run = |run: &'v StepRun<'a>| {
        let earlier = view.steps.iter().take(run.index).filter(|step| step.leaves_release());
        let is_known = earlier.clone().next_back().is_some_and(|step| step.release.is_some());
        let mut before = earlier.filter_map(|step| Some((step, step.release?)));
        let last = before.clone().map(|(_, release)| release.revision).max().unwrap_or_default();
        let good = before.clone().rfind(|(_, release)| release.status == "deployed");
        let to = match run.step.action {
            // Without a number, helm takes the revision before the last one, whatever became of it.
            Action::Rollback { to } => to.unwrap_or(last.saturating_sub(1)),
            Action::Upgrade if run.is_to_roll_back() => good.map_or(0, |(_, release)| release.revision),
            Action::Install
            | Action::Upgrade
            | Action::Uninstall
            | Action::RunHook { .. }
            | Action::Disrupt
            | Action::Scale { .. }
            | Action::Test
            | Action::Apply { .. } => return None,
        };
        let target = before.rfind(|(_, release)| release.revision == to).filter(|_| is_known);
        Some(Rollback { run, to, target, is_automatic: run.is_to_roll_back() })
    };
    view.tested().filter_map(of_run).collect()
}

fn rollback_restored(view: &View) -> Finding {
    let rollbacks = rollbacks(view);
    if rollbacks.is_empty() {
        return not_applicable(ROLLBACK_RESTORED.name, "the plan has no rollback");
    }
    let mut tally = Tally::of_whole(ROLLBACK_RESTORED.name, view);
    for rollback in rollbacks.iter().filter(|rollback| rollback.is_done()) {
        let (label, to) = (rollback.run.label(), rollback.to);
        let (Some((_, target)), Some(now)) = (rollback.target, rollback.run.release) else {
            tally.void(format!("revision {to}, or the release after {label}, was not recorded"));
            continue;
        };
        if let Some((seen, why)) = view.gap_in(rollback.run, &["Pod", "Job", "Deployment", "StatefulSet", "DaemonSet"])
        {
            tally.void(format!("what {label} restored is unknown: {why}")).with([seen]);
            continue;
        }
        if now.status != "deployed" {
            tally.fail(format!("the release is `{}` after {label}, not `deployed`", now.status));
        }
        judge_manifest(view, rollback, target, now, &mut tally);
        judge_images(view, rollback, target, &mut tally);
        judge_hooks(view, rollback, target, &mut tally);
    }
    tally.finish("each rollback restored the manifest, the images and the hooks of its revision")
}

fn judge_manifest(view: &View, rollback: &Rollback, target: &Release, now: &Release, tally: &mut Tally) {
    let (label, to) = (rollback.run.label(), rollback.to);
    let objects = |release: &Release| -> Vec<&Object> {
        release.objects.iter().map(|hash| view.recording.object(hash)).collect()
    };
    let (wanted, actual) = (objects(target), objects(now));
    let mut differences = Vec::new();
    for object in &wanted {
        match actual.iter().find(|other| object.is_same(other)) {
            None => differences.push(format!("{} is missing", object.slashed())),
            Some(other) if other != object => differences.push(format!("{} differs", object.slashed())),
            Some(_) => {}
        }
    }
    let added = actual.iter().filter(|object| !wanted.iter().any(|other| object.is_same(other)));
    differences.extend(added.map(|object| format!("{} is new", object.slashed())));
    if let Some(first) = differences.first() {
        let message = format!("the manifest after {label} is not that of revision {to}: {first}");
        tally.fail(message).with(differences.iter().map(|text| super::tally::note(text.clone())));
    } else if wanted.is_empty() {
        tally.void(format!("revision {to} has no object, so {label} restored nothing"));
    } else {
        tally.proved(super::tally::note(format!(
            "the {} objects after {label} are those of revision {to}",
            wanted.len()
        )));
    }
}

fn judge_images(view: &View, rollback: &Rollback, target: &Release, tally: &mut Tally) {
    let (label, to) = (rollback.run.label(), rollback.to);
    let end = rollback.end(view);
    let workloads = target.objects.iter().map(|hash| view.recording.object(hash));
    for workload in workloads.filter(|object| ["Deployment", "StatefulSet", "DaemonSet"].contains(&object.kind())) {
        let wanted = workload.images();
        let Some(live) = view.object_at(workload.kind(), workload.name(), end) else {
            tally.fail(format!("{} of revision {to} does not exist after {label}", workload.slashed()));
            continue;
        };
        let actual = live.images();
        if actual != wanted {
            let message = format!(
                "{} has {} after {label}, and {} in revision {to}",
                workload.slashed(),
                actual.join(", "),
                wanted.join(", ")
            );
            tally.fail(message);
        }
        let pods = view
            .tracks("Pod")
            .filter(|pod| pod.at(end).is_some_and(|pod| is_pod_of(live, pod) && !pod.is_terminating()));
        let mut is_any_ready = false;
        for pod in pods {
            let running = pod.last().images();
            let is_wrong = !wanted.iter().all(|image| running.contains(image));
            if let (true, true, Some(why)) = (is_wrong, rollback.is_automatic, not_ready(live, &[])) {
                // Helm 3 counts ready pods, not available ones: it may have left before the old pods did.
                tally.void(format!("{label} was still going back when it was last seen: {why}"));
            } else if is_wrong {
                let message = format!(
                    "pod/{} runs {} after {label}, and revision {to} has {}",
                    pod.name(),
                    running.join(", "),
                    wanted.join(", ")
                );
                tally.fail(message).with([pod.first().evidence("was created")]);
            } else if pod.at(end).is_some_and(Object::is_ready_pod) {
                is_any_ready = true;
                tally.proved(
                    pod.first().evidence(&format!("runs {} of revision {to} after {label}", running.join(", "))),
                );
            }
        }
        if !is_any_ready && live.common().spec.replicas != Some(0) && live.kind() != "DaemonSet" {
            tally.void(format!("no ready pod of {} was seen after {label}", workload.slashed()));
        }
    }
}

fn judge_hooks(view: &View, rollback: &Rollback, target: &Release, tally: &mut Tally) {
    let (label, to) = (rollback.run.label(), rollback.to);
    let events = ["pre-rollback", "post-rollback"];
    let is_due =
        |hook: &&chartgate_model::recording::HookRun| hook.events.iter().any(|event| events.contains(&event.as_str()));
    let due: Vec<&Object> =
        target.hooks.iter().filter(is_due).map(|hook| view.recording.object(&hook.object)).collect();
    let ran = |job: &&Track| rollback.run.contains(job.first().seq) && job.last().is_hook();
    let ran: Vec<&Track> = view.tracks("Job").filter(ran).collect();
    let has_its_images = |hook: &Object, job: &Track| hook.images() == job.last().images();
    for job in &ran {
        let seen = job.first().evidence("was created");
        let own = due.iter().find(|hook| hook.kind() == "Job" && hook.name() == job.name());
        if own.is_some_and(|hook| has_its_images(hook, job)) {
            tally.proved(seen);
        } else if rollback.is_automatic {
            // It is the upgrade's own, which ran before it failed.
        } else if !job.last().hook_events().iter().any(|event| events.contains(event)) {
            tally.fail(format!("hook job/{} ran in {label}, which is none of its events", job.name())).with([seen]);
        } else {
            tally.fail(format!("hook job/{} ran in {label}, but it is not revision {to}'s", job.name())).with([seen]);
        }
    }
    for hook in due.iter().filter(|hook| hook.kind() == "Job") {
        if !ran.iter().any(|job| job.name() == hook.name() && (has_its_images(hook, job) || !rollback.is_automatic)) {
            tally.fail(format!("hook job/{} of revision {to} did not run in {label}", hook.name()));
        }
    }
}

#[cfg(test)]
mod tests;
