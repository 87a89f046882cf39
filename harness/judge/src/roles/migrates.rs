//! `role-migrates`: the schema changes while its hook runs, and at no other time.
//!
//! A database has no resource versions, so times are compared, and this is the one check that does so. All of them are one clock's:
//! servers run beside a kind cluster of this machine, so database, API server and recorder have one kernel; of a server that is a pod of
//! another cluster, the recorder has corrected the times by how far its clock is from this machine's. Both ends of a hook's run
//! are taken from the outside: from the second in which the API server made the Job to when the recorder saw it end, which the
//! process that changed the schema cannot have outlived. What this can do is excuse a change, never accuse one; and a clock that was
//! set during the run makes the check void.

use crate::tally::{Tally, not_applicable, note};
use crate::view::{Track, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;
use chartgate_model::plan::Hook;
use chartgate_model::recording::{Entry, Moment, WALL_CLOCK};

pub(crate) const ROLE_MIGRATES: Check = Check {
    name: "role-migrates",
    proves: "the schema changed only while its hook ran, and never where the hook is switched off",
    means: "application pods change the schema themselves: they race for locks, and a disabled migration still happens",
    explanation: include_str!("../explanation/role-migrates.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: role_migrates,
};

fn role_migrates(view: &View) -> Finding {
    let hooks: Vec<(&String, &Hook, &String)> =
        view.plan.hooks.iter().filter_map(|(name, hook)| Some((name, hook, hook.migrates.as_ref()?))).collect();
    if hooks.is_empty() {
        return not_applicable(ROLE_MIGRATES.name, "the contract names no hook that migrates a database");
    }
    let mut tally = Tally::of_whole(ROLE_MIGRATES.name, view);
    for (name, hook, database) in hooks {
        judge_database(view, name, hook, database, &mut tally);
    }
    tally.finish("the schema changed only while its hook ran")
}

/// A change of a schema.
pub(crate) struct Change<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) unix_ms: u64,
    pub(crate) what: String,
}

impl Change<'_> {
    pub(crate) fn evidence(&self, view: &View) -> Evidence {
        let at = self.unix_ms.saturating_sub(view.unix_ms);
        Evidence { seq: Some(self.entry.seq), at: Some(at), text: self.what.clone() }
    }
}

/// What changed a database's schema since the first step, by the database's own log.
pub(crate) fn changes_of<'a>(view: &View<'a>, of_database: &str) -> Vec<Change<'a>> {
    let first = view.steps.iter().find_map(|run| run.started).map_or(u64::MAX, |entry| view.wall_clock(entry.at));
    let changes = view.recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::Ddl { database, unix_ms, tag, object, user } if database == of_database && *unix_ms >= first => {
            let what = format!("{tag} {object} by `{user}` in database `{database}`");
            Some(Change { entry, unix_ms: *unix_ms, what })
        }
        _ => None,
    });
    changes.collect()
}

fn judge_database(view: &View, name: &str, hook: &Hook, database: &str, tally: &mut Tally) {
    let first_step = view.steps.iter().find_map(|run| run.started).map_or(u64::MAX, |entry| entry.seq);
    let is_audited = view
        .recording
        .entries
        .iter()
        .take_while(|entry| entry.seq < first_step)
        .any(|entry| matches!(&entry.moment, Moment::SchemaAudited { database: of } if of == database));
    if !is_audited {
        tally.void(format!("the schema of database `{database}` was not audited before the first step"));
        return;
    }
    if let Some((seen, why)) = view.gap(&[&format!("ddl {database}"), "Job"], 0, u64::MAX) {
        tally.void(format!("a change of the schema of database `{database}` may have been missed: {why}")).with([seen]);
    }
    let changes = changes_of(view, database);
    if let Some((seen, why)) = view.gap(&[WALL_CLOCK], 0, u64::MAX).filter(|_| !changes.is_empty()) {
        tally.void(format!("when the schema of database `{database}` changed is unknown: {why}")).with([seen]);
        return;
    }
    let is_absent = view.plan.is_always_absent(name);
    if is_absent && !view.steps.iter().any(|run| run.is_run_of(name)) {
        for change in changes.iter().filter(|change| view.is_tested_at(change.entry.seq)) {
            let message = format!("hook `{name}` is switched off, but the schema was changed: {}", change.what);
            let claim = tally.fail(message).with([change.evidence(view)]).with(starting_at(view, change.unix_ms));
            claim.hint("no role may migrate by itself, least of all where migrations are switched off");
        }
        if changes.is_empty() {
            tally.proved(note(format!("hook `{name}` is switched off, and the schema of `{database}` never changed")));
        }
        return;
    }
    let windows: Vec<(u64, u64, &Track)> = view
        .runs_of_hook(hook)
        .into_iter()
        .filter(|job| {
            view.step_at(job.first().seq).is_some_and(|run| run.due(view.plan, name, hook) > 0 || run.is_run_of(name))
        })
        .map(|job| {
            let end = job.ended().map_or(u64::MAX, |end| view.wall_clock(end.at));
            // A busy recorder sees the Job later than the database sees its pod.
            let made = job.last().metadata().creation_timestamp.as_ref();
            let made = made.and_then(|made| u64::try_from(made.0.as_millisecond()).ok());
            let seen = view.wall_clock(job.first().at);
            (made.map_or(seen, |made| made.min(seen)), end, job)
        })
        .collect();
    for change in changes.iter().filter(|change| view.is_tested_at(change.entry.seq)) {
        if let Some((.., job)) = windows.iter().find(|(start, end, _)| (*start..=*end).contains(&change.unix_ms)) {
            let evidence = change.evidence(view);
            tally.proved(Evidence { text: format!("{}, while job/{} ran", evidence.text, job.name()), ..evidence });
            continue;
        }
        let at = change.unix_ms.saturating_sub(view.unix_ms);
        let message = format!("{} at {at} ms, while hook `{name}` did not run", change.what);
        let claim = tally.fail(message).with([change.evidence(view)]).with(starting_at(view, change.unix_ms));
        for (.., job) in &windows {
            claim.with([job.first().evidence("was created")]).with(job.ended().map(|end| end.evidence("ended")));
        }
        claim.hint("let only the hook migrate: a role that starts must find the schema as it needs it, or wait");
    }
    if changes.is_empty() {
        let message = format!(
            "the schema of database `{database}` never changed, so nothing shows that hook `{name}` migrates it"
        );
        tally.void(message).hint("let a step install or upgrade to a version with a pending migration");
    }
}

/// The pods that existed at a moment but were not ready yet: one of them is at fault.
fn starting_at(view: &View, unix_ms: u64) -> Vec<Evidence> {
    let is_starting = |pod: &&Track| {
        let is_before = |at: u64| view.wall_clock(at) <= unix_ms;
        let is_ready = pod.first_where(Object::is_ready_pod).is_some_and(|ready| is_before(ready.at));
        let is_gone = pod.ended().is_some_and(|end| is_before(end.at));
        is_before(pod.first().at) && !is_ready && !is_gone
    };
    view.tracks("Pod").filter(is_starting).map(|pod| pod.first().evidence("was starting then")).collect()
}

#[cfg(test)]
mod tests;
