//! `rollback-serves`: the older version runs on the newer schema.

use super::{Rollback, rollbacks};
use crate::health::{asked_whom, difference};
use crate::roles::changes_of;
use crate::tally::{Tally, not_applicable};
use crate::view::{Track, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;
use chartgate_model::plan::Action;
use chartgate_model::recording::WALL_CLOCK;

pub(crate) const ROLLBACK_SERVES: Check = Check {
    name: "rollback-serves",
    proves: "the older version serves on the schema that the newer one left",
    means: "a rollback after a migration is no way out: the old version does not run on the new schema",
    explanation: include_str!("../explanation/rollback-serves.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: rollback_serves,
};

fn rollback_serves(view: &View) -> Finding {
    let rollbacks: Vec<Rollback> = rollbacks(view).into_iter().filter(|rollback| !rollback.is_automatic).collect();
    let databases: Vec<&String> = view.plan.present_hooks().filter_map(|(_, hook)| hook.migrates.as_ref()).collect();
    let is_serving = view.plan.present_roles().any(|(_, role)| role.serves.is_some());
    if rollbacks.is_empty() || databases.is_empty() || !is_serving {
        return not_applicable(
            ROLLBACK_SERVES.name,
            "the plan has no rollback of a serving role with a migrated database",
        );
    }
    let mut tally = Tally::of_whole(ROLLBACK_SERVES.name, view);
    for rollback in &rollbacks {
        if rollback.run.is_succeeded() {
            judge_serves(view, rollback, &databases, &mut tally);
        } else if rollback.run.ended.is_some() && rollback.run.is_to_succeed() {
            judge_refusal(view, rollback, &databases, &mut tally);
        }
    }
    tally.finish("the older version served on the newer schema")
}

/// A rollback failed, and on the newer schema no pod of a serving role became ready: that is what it failed of.
fn judge_refusal(view: &View, rollback: &Rollback, databases: &[&String], tally: &mut Tally) {
    let (run, to) = (rollback.run, rollback.to);
    let (Some((installed, _)), Some((_, end))) = (rollback.target, run.window()) else { return };
    if view.gap(&[WALL_CLOCK], 0, u64::MAX).is_some() {
        return;
    }
    let since = installed.ended.map_or(0, |(entry, _)| view.wall_clock(entry.at));
    let changes = databases.iter().flat_map(|database| changes_of(view, database));
    let mut newer = changes.filter(|change| change.unix_ms > since);
    let Some(newest) = newer.next_back() else { return };
    for (role, _) in view.plan.roles_in(run.index).filter(|(_, role)| role.serves.is_some()) {
        let new: Vec<&Track> =
            view.pods_of_role(role).into_iter().filter(|pod| run.contains(pod.first().seq)).collect();
        if new.is_empty() || new.iter().any(|pod| pod.at(end).is_some_and(Object::is_ready_pod)) {
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
    if let Some((seen, why)) = view.gap(&[WALL_CLOCK], 0, u64::MAX) {
        tally.void(format!("whether the schema is newer than revision {to} is unknown: {why}")).with([seen]);
        return;
    }
    let since = installed.ended.map_or(0, |(entry, _)| view.wall_clock(entry.at));
    let (from, changes) =
        (view.wall_clock(started.at), databases.iter().flat_map(|database| changes_of(view, database)));
    let changes: Vec<_> = changes.filter(|change| change.unix_ms > since).collect();
    // An upgrade that failed, or whose helm was killed, need not have come to its migration, or may still be at it.
    let mut between = view.steps.iter().take(run.index).skip(installed.index + 1);
    let is_finished = between.any(|step| step.step.action == Action::Upgrade && step.is_to_succeed());
    if let Some(undone) = changes.iter().find(|change| change.unix_ms >= from && is_finished) {
        let message =
            format!("the schema changed again in {label}, so it is not the newer one any more: {}", undone.what);
        tally.void(message).with([undone.evidence(view)]);
        return;
    }
    if changes.is_empty() && is_finished {
        let message = format!(
            "the schema did not change between revision {to} and {label}, so the older version met nothing new"
        );
        tally.void(message).hint("let the upgrade before the rollback bring a migration");
        return;
    }
    let schema = if changes.is_empty() {
        format!("the schema of revision {to}, which no upgrade changed")
    } else {
        format!("a schema newer than revision {to}")
    };
    let serving = view.plan.roles_in(run.index).filter_map(|(name, role)| Some((name, role.serves.as_ref()?)));
    for (role, serves) in serving.filter(|(_, serves)| !serves.paths.is_empty()) {
        let mut is_asked = false;
        for (entry, probe) in view.probes(run.index).filter(|(_, probe)| probe.role == *role) {
            let Some(path) = serves.paths.iter().find(|path| probe.path.as_ref() == Some(&path.path)) else { continue };
            is_asked = true;
            let whom = asked_whom(probe);
            let seen = |what: String| Evidence { seq: Some(entry.seq), at: Some(entry.at), text: what };
            match difference(path, &probe.answer) {
                None => {
                    tally.proved(seen(format!("{whom} of role `{role}` answered {} on {schema}", path.path)));
                }
                Some(what) => {
                    let message =
                        format!("{whom} of role `{role}` {what} for {} after {label}, on {schema}", path.path);
                    let newest = changes.last().map(|newest| newest.evidence(view));
                    let claim = tally.fail(message).with(newest).with([seen(what)]);
                    claim.hint("let migrations only add, so that the version before them still runs");
                }
            }
        }
        if !is_asked {
            tally.void(format!("role `{role}` was not asked after {label}"));
        }
    }
}
