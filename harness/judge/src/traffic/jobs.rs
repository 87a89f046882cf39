//! `jobs-done`: every job that was accepted gets its result, whatever happens meanwhile.

use chartgate_model::recording::{Entry, JobEnd, JobEnded, Moment};

use crate::tally::{Tally, at, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const JOBS_DONE: Check = Check {
    name: "jobs-done",
    proves: "every job that was accepted while the release was changed or disturbed got its result in time",
    means: "work that users were promised is lost in an upgrade, or when a broker or a worker restarts",
    explanation: include_str!("../explanation/jobs-done.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::symptom(6),
    judges_refusals: false,
    judge: jobs_done,
};

/// So many losses show what they have in common.
const SHOWN: usize = 5;

/// A job, and where the timeline tells of its end.
type Job<'a> = (&'a Entry, &'a JobEnded);

fn jobs_done(view: &View) -> Finding {
    if view.plan.jobs.is_empty() {
        return not_applicable(JOBS_DONE.name, "the scenario hands in no jobs");
    }
    let mut tally = Tally::of_whole(JOBS_DONE.name, view);
    if !view.recording.entries.iter().any(|entry| matches!(entry.moment, Moment::TrafficStopped)) {
        tally.void("the end of the jobs was not recorded");
    }
    for role in view.plan.jobs.keys() {
        judge_role(view, role, &mut tally);
    }
    tally.finish("every job that was accepted got its result")
}

fn judge_role(view: &View, role: &str, tally: &mut Tally) {
    if let Some((seen, why)) = view.gap(&[&format!("traffic {role}")], 0, u64::MAX) {
        tally.void(format!("the end of a job of role `{role}` may have been missed: {why}")).with([seen]);
    }
    let jobs = view.recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::Job(job) if job.role == role => Some((entry, job)),
        _ => None,
    });
    let jobs: Vec<Job> = jobs.collect();
    judge_lost(view, role, &jobs, tally);
    let first = view.steps.iter().position(StepRun::is_succeeded);
    let later = view.steps.iter().skip(first.map_or(usize::MAX, |first| first + 1));
    for run in
        later.filter(|run| run.is_tested() && run.started.is_some() && (run.leaves_release() || run.is_disruption()))
    {
        judge_step(view, role, run, &jobs, tally);
    }
    tally.saw("job", jobs.iter().filter(|(_, job)| job.end == JobEnd::Done).count());
}

fn judge_lost(view: &View, role: &str, jobs: &[Job], tally: &mut Tally) {
    let lost = jobs.iter().filter_map(|(entry, job)| match &job.end {
        JobEnd::Lost { id, last } => Some((*entry, *job, id, last)),
        _ => None,
    });
    let lost: Vec<(&Entry, &JobEnded, &String, &String)> = lost.collect();
    let Some((_, first, id, _)) = lost.first() else { return };
    let accepted = jobs.iter().filter(|(_, job)| !matches!(job.end, JobEnd::NotAccepted { .. })).count();
    let when = view.steps.iter().find(|run| is_during(run, first.sent));
    let when = when.map_or("between two steps".to_owned(), |run| format!("in {}", run.label()));
    let within = view.plan.roles.get(role).and_then(|role| Some(role.serves.as_ref()?.job.as_ref()?.within_ms));
    let message = format!(
        "{} of {accepted} jobs that role `{role}` accepted had no result within {} s; the first one, `{id}`, was handed in {when}",
        lost.len(),
        within.unwrap_or_default() / 1000
    );
    let shown = lost.iter().take(SHOWN).map(|(entry, job, id, last)| {
        at(
            entry,
            format!("job `{id}`, handed in at +{}.{:03}s, was given up: {last}", job.sent / 1000, job.sent % 1000),
        )
    });
    let hint = "let what takes a job keep it until its result is stored: acknowledge it afterwards, and keep the broker's data on a volume";
    tally.fail(message).with(shown.collect::<Vec<_>>()).hint(hint);
}

/// Jobs that were accepted from a step's beginning to that of the next one show what it does to them.
fn judge_step(view: &View, role: &str, run: &StepRun, jobs: &[Job], tally: &mut Tally) {
    let next = view.steps.get(run.index + 1).and_then(|next| next.started);
    let is_here =
        |sent: u64| run.started.is_some_and(|start| start.at <= sent) && next.is_none_or(|next| sent < next.at);
    let here: Vec<&Job> = jobs.iter().filter(|(_, job)| is_here(job.sent)).collect();
    let refused = here.iter().filter(|(_, job)| matches!(job.end, JobEnd::NotAccepted { .. })).count();
    let accepted = here.len() - refused;
    if accepted == 0 {
        let message = format!("role `{role}` accepted no job in and after {}, and refused {refused}", run.label());
        tally.void(message).hint("ask for a higher rate, or see why the role accepts none");
        return;
    }
    let slowest = here.iter().filter(|(_, job)| job.end == JobEnd::Done).map(|(_, job)| job.took_ms).max();
    tally.proved(note(format!(
        "{accepted} jobs were accepted in and after {}, and {refused} refused; the slowest result took {} ms",
        run.label(),
        slowest.unwrap_or_default()
    )));
}

/// Whether a time of the recording is in a step.
fn is_during(run: &StepRun, time: u64) -> bool {
    let end = run.ended.map_or(u64::MAX, |(entry, _)| entry.at);
    run.started.is_some_and(|start| (start.at..=end).contains(&time))
}

#[cfg(test)]
mod tests;
