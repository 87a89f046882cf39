use chartgate_model::recording::Failure;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, start_of};

/// A job in the middle of the upgrade and one in the rollback, which end so.
fn working(upgrade: JobEnd, rollback: JobEnd) -> Story {
    let mut story = Story::good().plan(|plan| plan.jobs = [("app".to_owned(), 2)].into());
    for (step, end) in [(1, upgrade), (2, rollback)] {
        let sent = story.time(start_of(step)) + 10;
        let job = JobEnded { role: "app".to_owned(), sent, took_ms: 5, end };
        story = story.before(end_of(step), Moment::Job(job));
    }
    story.before(|moment| matches!(moment, Moment::Ended), Moment::TrafficStopped)
}

fn lost() -> JobEnd {
    JobEnd::Lost { id: "a1".to_owned(), last: "status 404: no result yet".to_owned() }
}

fn refused() -> JobEnd {
    JobEnd::NotAccepted { failure: Failure::Refused }
}

#[test]
fn jobs_that_are_done_pass() {
    check(
        &JOBS_DONE,
        &working(JobEnd::Done, JobEnd::Done),
        Verdict::Pass,
        "every job that was accepted got its result (2 jobs)",
    );
}

/// A failure would mean that accepted work may vanish in an upgrade.
#[test]
fn an_accepted_job_without_a_result_fails() {
    let says = "1 of 2 jobs that role `app` accepted had no result within 0 s; the first one, `a1`, was handed in in step 2 (upgrade)";
    check(&JOBS_DONE, &working(lost(), JobEnd::Done), Verdict::Fail, says);
}

/// A failure would mean that a step during which nobody could hand anything in proves that nothing was lost.
#[test]
fn a_step_without_an_accepted_job_is_void() {
    let says = "role `app` accepted no job in and after step 3 (rollback), and refused 1";
    check(&JOBS_DONE, &working(JobEnd::Done, refused()), Verdict::Void, says);
}

#[test]
fn jobs_whose_end_is_unknown_are_void() {
    let story = working(JobEnd::Done, JobEnd::Done).without(|moment| matches!(moment, Moment::TrafficStopped));
    check(&JOBS_DONE, &story, Verdict::Void, "the end of the jobs was not recorded");
}

#[test]
fn a_scenario_without_jobs_does_not_apply() {
    check(&JOBS_DONE, &Story::good(), Verdict::NotApplicable, "the scenario hands in no jobs");
}

#[test]
fn examples_are_what_the_check_says() {
    examples(&JOBS_DONE, &working(JobEnd::Done, JobEnd::Done), &working(lost(), JobEnd::Done));
}
