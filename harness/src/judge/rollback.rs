//! Rollbacks: back to what was, and it works.

mod again;

pub(super) use again::UPGRADE_AFTER_ROLLBACK;

use serde_json::Value;

use super::health::{asked_whom, difference};
use super::object::{
    containers, hook_events, is_hook, is_ready_pod, is_terminating, kind, name, template, text, title,
};
use super::ready::is_pod_of;
use super::roles::changes_of;
use super::tally::{Tally, not_applicable};
use super::view::{StepRun, Track, View};
use super::{Check, Evidence, Finding};
use crate::plan::Action;
use crate::record::{Recording, Release};

pub(super) const ROLLBACK_RESTORED: Check = Check {
    name: "rollback-restored",
    proves: "after a rollback the manifest, the pods' images and the hooks are those of the revision gone back to",
    means: "a rollback leaves a mixture of two versions behind",
    judge: rollback_restored,
};

pub(super) const ROLLBACK_SERVES: Check = Check {
    name: "rollback-serves",
    proves: "the older version serves on the schema that the newer one left",
    means: "a rollback after a migration is no way out: the old version does not run on the new schema",
    judge: rollback_serves,
};

/// A rollback, and the release it goes back to where that was recorded.
struct Rollback<'v, 'a> {
    run: &'v StepRun<'a>,
    to: u32,
    /// The step that made the revision, and the revision.
    target: Option<(&'v StepRun<'a>, &'a Release)>,
}

fn rollbacks<'v, 'a>(view: &'v View<'a>) -> Vec<Rollback<'v, 'a>> {
    let of_run = |run: &'v StepRun<'a>| {
        let Action::Rollback { to } = run.step.action else { return None };
        let mut before = view.steps.iter().take(run.index).filter_map(|step| Some((step, step.release?)));
        let last = before.clone().map(|(_, release)| release.revision).max().unwrap_or_default();
        // Without a number, helm takes the revision before the last one, whatever became of it.
        let to = to.unwrap_or(last.saturating_sub(1));
        let target = before.rfind(|(_, release)| release.revision == to);
        Some(Rollback { run, to, target })
    };
    view.steps.iter().filter_map(of_run).collect()
}

fn rollback_restored(recording: &Recording) -> Finding {
    let view = View::of(recording);
    let rollbacks = rollbacks(&view);
    if rollbacks.is_empty() {
        return not_applicable(ROLLBACK_RESTORED.name, "the plan has no rollback");
    }
    let mut tally = Tally::of_whole(ROLLBACK_RESTORED.name, &view);
    for rollback in rollbacks.iter().filter(|rollback| rollback.run.is_succeeded()) {
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
        judge_manifest(&view, rollback, target, now, &mut tally);
        judge_images(&view, rollback, target, &mut tally);
        judge_hooks(&view, rollback, target, &mut tally);
    }
    tally.finish("each rollback restored the manifest, the images and the hooks of its revision")
}

fn judge_manifest(view: &View, rollback: &Rollback, target: &Release, now: &Release, tally: &mut Tally) {
    let (label, to) = (rollback.run.label(), rollback.to);
    let objects = |release: &Release| -> Vec<Value> {
        release.objects.iter().map(|hash| view.recording.object(hash).clone()).collect()
    };
    let (wanted, actual) = (objects(target), objects(now));
    let same = |one: &Value, other: &Value| kind(one) == kind(other) && name(one) == name(other);
    let mut differences = Vec::new();
    for object in &wanted {
        match actual.iter().find(|other| same(object, other)) {
            None => differences.push(format!("{} is missing", title(object))),
            Some(other) if other != object => differences.push(format!("{} differs", title(object))),
            Some(_) => {}
        }
    }
    let added = actual.iter().filter(|object| !wanted.iter().any(|other| same(object, other)));
    differences.extend(added.map(|object| format!("{} is new", title(object))));
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

fn images(pod: &Value) -> Vec<&str> {
    containers(pod).map(|container| text(&container["image"])).collect()
}

fn judge_images(view: &View, rollback: &Rollback, target: &Release, tally: &mut Tally) {
    let (label, to) = (rollback.run.label(), rollback.to);
    let Some((_, end)) = rollback.run.window() else { return };
    let workloads = target.objects.iter().map(|hash| view.recording.object(hash));
    for workload in workloads.filter(|object| ["Deployment", "StatefulSet", "DaemonSet"].contains(&kind(object))) {
        let wanted = template(workload).map(images).unwrap_or_default();
        let Some(live) = view.object_at(kind(workload), name(workload), end) else {
            tally.fail(format!("{} of revision {to} does not exist after {label}", title(workload)));
            continue;
        };
        let actual = template(live).map(images).unwrap_or_default();
        if actual != wanted {
            let message = format!(
                "{} has {} after {label}, and {} in revision {to}",
                title(workload),
                actual.join(", "),
                wanted.join(", ")
            );
            tally.fail(message);
        }
        let pods = view
            .tracks("Pod")
            .filter(|pod| pod.at(end).is_some_and(|pod| is_pod_of(live, pod) && !is_terminating(pod)));
        let mut is_any_ready = false;
        for pod in pods {
            let running = images(pod.last());
            if !wanted.iter().all(|image| running.contains(image)) {
                let message = format!(
                    "pod `{}` runs {} after {label}, and revision {to} has {}",
                    pod.name(),
                    running.join(", "),
                    wanted.join(", ")
                );
                tally.fail(message).with([pod.first().evidence("was created")]);
            } else if pod.at(end).is_some_and(is_ready_pod) {
                is_any_ready = true;
                tally.proved(
                    pod.first().evidence(&format!("runs {} of revision {to} after {label}", running.join(", "))),
                );
            }
        }
        if !is_any_ready && live["spec"]["replicas"] != 0 && kind(live) != "DaemonSet" {
            tally.void(format!("no ready pod of {} was seen after {label}", title(workload)));
        }
    }
}

fn judge_hooks(view: &View, rollback: &Rollback, target: &Release, tally: &mut Tally) {
    let (label, to) = (rollback.run.label(), rollback.to);
    let events = rollback.run.events();
    let is_due = |hook: &&crate::record::HookRun| hook.events.iter().any(|event| events.contains(&event.as_str()));
    let due: Vec<&Value> = target.hooks.iter().filter(is_due).map(|hook| view.recording.object(&hook.object)).collect();
    let ran = |job: &&Track| rollback.run.contains(job.first().seq) && is_hook(job.last());
    let ran: Vec<&Track> = view.tracks("Job").filter(ran).collect();
    for job in &ran {
        let seen = job.first().evidence("was created");
        let own = due.iter().find(|hook| kind(hook) == "Job" && name(hook) == job.name());
        if !hook_events(job.last()).iter().any(|event| events.contains(event)) {
            tally.fail(format!("hook Job `{}` ran in {label}, which is none of its events", job.name())).with([seen]);
        } else if own.is_none_or(|hook| template(hook).map(images) != template(job.last()).map(images)) {
            tally.fail(format!("hook Job `{}` ran in {label}, but it is not revision {to}'s", job.name())).with([seen]);
        } else {
            tally.proved(seen);
        }
    }
    for hook in due.iter().filter(|hook| kind(hook) == "Job") {
        if !ran.iter().any(|job| job.name() == name(hook)) {
            tally.fail(format!("hook Job `{}` of revision {to} did not run in {label}", name(hook)));
        }
    }
}

fn rollback_serves(recording: &Recording) -> Finding {
    let view = View::of(recording);
    let rollbacks = rollbacks(&view);
    let databases: Vec<&String> = view.plan.present_hooks().filter_map(|(_, hook)| hook.migrates.as_ref()).collect();
    let is_serving = view.plan.present_roles().any(|(_, role)| role.serves.is_some());
    if rollbacks.is_empty() || databases.is_empty() || !is_serving {
        return not_applicable(
            ROLLBACK_SERVES.name,
            "the plan has no rollback of a serving role with a migrated database",
        );
    }
    let mut tally = Tally::of_whole(ROLLBACK_SERVES.name, &view);
    for rollback in &rollbacks {
        if rollback.run.is_succeeded() {
            judge_serves(&view, rollback, &databases, &mut tally);
        } else if rollback.run.ended.is_some() && rollback.run.is_to_succeed() {
            judge_refusal(&view, rollback, &databases, &mut tally);
        }
    }
    tally.finish("the older version served on the newer schema")
}

/// A rollback failed, and on the newer schema no pod of a serving role became ready: that is what it failed of.
fn judge_refusal(view: &View, rollback: &Rollback, databases: &[&String], tally: &mut Tally) {
    let (run, to) = (rollback.run, rollback.to);
    let (Some((installed, _)), Some((_, end))) = (rollback.target, run.window()) else { return };
    let since = installed.ended.map_or(0, |(entry, _)| view.wall_clock(entry.at));
    let changes = databases.iter().flat_map(|database| changes_of(view, database));
    let mut newer = changes.filter(|change| change.unix_ms > since);
    let Some(newest) = newer.next_back() else { return };
    for (role, _) in view.plan.present_roles().filter(|(_, role)| role.serves.is_some()) {
        let new: Vec<&Track> =
            view.pods_of_role(role).into_iter().filter(|pod| run.contains(pod.first().seq)).collect();
        if new.is_empty() || new.iter().any(|pod| pod.at(end).is_some_and(is_ready_pod)) {
            continue;
        }
        let message = format!(
            "no new pod of role `{role}` became ready in {}, on a schema newer than revision {to}",
            run.label()
        );
        let claim = tally.fail(message).with([newest.evidence(view)]).with(view.troubles(run));
        claim.hint("let the older version start on what the newer one left, or say how far back a rollback may go");
    }
}

fn judge_serves(view: &View, rollback: &Rollback, databases: &[&String], tally: &mut Tally) {
    let (run, to) = (rollback.run, rollback.to);
    let label = run.label();
    let (Some((installed, _)), Some(started)) = (rollback.target, run.started) else {
        tally.void(format!("revision {to}, to which {label} goes back, was not recorded"));
        return;
    };
    let since = installed.ended.map_or(0, |(entry, _)| view.wall_clock(entry.at));
    let (from, changes) =
        (view.wall_clock(started.at), databases.iter().flat_map(|database| changes_of(view, database)));
    let changes: Vec<_> = changes.filter(|change| change.unix_ms > since).collect();
    if let Some(undone) = changes.iter().find(|change| change.unix_ms >= from) {
        let message =
            format!("the schema changed again in {label}, so it is not the newer one any more: {}", undone.what);
        tally.void(message).with([undone.evidence(view)]);
        return;
    }
    let Some(newest) = changes.last() else {
        let message = format!(
            "the schema did not change between revision {to} and {label}, so the older version met nothing new"
        );
        tally.void(message).hint("let the upgrade before the rollback bring a migration");
        return;
    };
    for (role, serves) in view.plan.present_roles().filter_map(|(name, role)| Some((name, role.serves.as_ref()?))) {
        let mut is_asked = false;
        for (entry, probe) in view.probes(run.index).filter(|(_, probe)| probe.role == *role) {
            let Some(path) = serves.paths.iter().find(|path| probe.path.as_ref() == Some(&path.path)) else { continue };
            is_asked = true;
            let whom = asked_whom(probe);
            let seen = |what: String| Evidence { seq: Some(entry.seq), at: Some(entry.at), text: what };
            match difference(path, &probe.answer) {
                None => {
                    tally.proved(seen(format!("{whom} of role `{role}` answered {} on the newer schema", path.path)));
                }
                Some(what) => {
                    let message = format!(
                        "{whom} of role `{role}` {what} for {} after {label}, on a schema newer than revision {to}",
                        path.path
                    );
                    let claim = tally.fail(message).with([newest.evidence(view), seen(what)]);
                    claim.hint("let migrations only add, so that the version before them still runs");
                }
            }
        }
        if !is_asked {
            tally.void(format!("role `{role}` was not asked after {label}"));
        }
    }
}

#[cfg(test)]
mod tests;
