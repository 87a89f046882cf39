use chartgate_model::plan::Action;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, named, start_of};

fn ddl_at(story: &Story, at: u64) -> Moment {
    Moment::Ddl {
        database: "postgres".to_owned(),
        unix_ms: View::of(&story.0).wall_clock(at),
        tag: "ALTER TABLE".to_owned(),
        object: "public.jobs".to_owned(),
        user: "codex".to_owned(),
    }
}

/// Time of the first sighting of a pod.
fn created(story: &Story, uid: &str) -> u64 {
    let view = View::of(&story.0);
    view.tracks("Pod").find(|pod| pod.uid() == uid).expect("the pod was seen").first().at
}

/// A failure would mean that every pod may migrate by itself.
#[test]
fn a_change_outside_the_hooks_window_fails_and_names_the_starting_pods() {
    let story = Story::good();
    let late = ddl_at(&story, created(&story, "worker-1") + 1);
    let finding =
        check(&ROLE_MIGRATES, &story.before(end_of(1), late), Verdict::Fail, "ALTER TABLE public.jobs by `codex`");
    assert!(
        finding.evidence.iter().any(|evidence| evidence.text.contains("pod/cg-worker-1 was starting then")),
        "{finding:#?}"
    );
}

/// A failure would mean that the moment of a change is taken from when its log line was read.
#[test]
fn the_databases_clock_counts_not_the_position_on_the_timeline() {
    let story = Story::good();
    let in_time = ddl_at(&story, created(&story, "migrations-1") + 1);
    check(&ROLE_MIGRATES, &story.before(end_of(2), in_time), Verdict::Pass, "");
}

/// A failure would mean that what the harness sets up itself is laid to the chart.
#[test]
fn changes_before_the_first_step_are_not_the_charts() {
    let story = Story::good();
    let early = ddl_at(&story, 0);
    check(&ROLE_MIGRATES, &story.before(start_of(0), early), Verdict::Pass, "");
}

/// A failure would mean that a switched-off migration still happens, unseen.
#[test]
fn with_migrations_switched_off_no_change_is_allowed() {
    let off = |story: Story| story.plan(|plan| plan.absent = vec!["migrations".to_owned()]);
    check(&ROLE_MIGRATES, &off(Story::good()), Verdict::Fail, "switched off, but the schema was changed");
    let silent = Story::good().without(|moment| matches!(moment, Moment::Ddl { .. }));
    check(&ROLE_MIGRATES, &off(silent), Verdict::Pass, "");
}

/// A failure would mean that silence of an audit that was not in place counts as proof.
#[test]
fn without_an_audit_or_any_change_it_is_void() {
    let blind = Story::good().without(|moment| matches!(moment, Moment::SchemaAudited { .. }));
    check(&ROLE_MIGRATES, &blind, Verdict::Void, "was not audited before the first step");
    check(&ROLE_MIGRATES, &Story::good().before(end_of(0), gap("ddl postgres")), Verdict::Void, "may have been missed");
    let silent = Story::good().without(|moment| matches!(moment, Moment::Ddl { .. }));
    check(&ROLE_MIGRATES, &silent, Verdict::Void, "never changed");
}

/// A failure would mean that a Job which nobody saw running excuses every change.
#[test]
fn a_change_without_any_run_of_the_hook_fails() {
    let story = Story::good().unseen(named("Job", "cg-migrations"));
    check(&ROLE_MIGRATES, &story, Verdict::Fail, "while hook `migrations` did not run");
}

/// A failure would mean that charts without a database are red.
#[test]
fn without_a_migrating_hook_it_does_not_apply() {
    let story = Story::good().plan(|plan| plan.hooks.get_mut("migrations").expect("it is there").migrates = None);
    check(&ROLE_MIGRATES, &story, Verdict::NotApplicable, "no hook that migrates");
}

/// A failure would mean that a platform which migrates by itself cannot use the gate, or that its window excuses the pods.
#[test]
fn a_hook_that_is_run_by_hand_may_change_the_schema_and_nothing_else_may() {
    let by_hand = |step: usize| {
        Story::good().plan(move |plan| {
            plan.absent = vec!["migrations".to_owned()];
            plan.steps[step].action = Action::RunHook { hook: "migrations".to_owned() };
        })
    };
    let in_second = by_hand(0).plan(|plan| plan.steps[1].action = Action::RunHook { hook: "migrations".to_owned() });
    check(&ROLE_MIGRATES, &in_second, Verdict::Pass, "");
    check(&ROLE_MIGRATES, &by_hand(0), Verdict::Fail, "while hook `migrations` did not run");
}

/// A failure would mean that a sound chart is red on a busy machine, where the recorder sees the hook's Job late.
#[test]
fn a_job_counts_from_its_making_on() {
    let story = Story::good();
    let job = View::of(&story.0).tracks("Job").nth(1).expect("the upgrade has one").first().at;
    let story = story.before(end_of(1), ddl_at(&Story::good(), job - 1));
    check(&ROLE_MIGRATES, &story, Verdict::Fail, "while hook `migrations` did not run");
    let made = |job: &mut serde_json::Value| job["metadata"]["creationTimestamp"] = "2023-11-14T22:13:20Z".into();
    check(&ROLE_MIGRATES, &story.edit(named("Job", "cg-migrations"), made), Verdict::Pass, "");
}

/// A failure would mean that a change is laid to the chart because somebody set the machine's clock.
#[test]
fn a_clock_that_was_set_during_the_run_makes_it_void() {
    let story = Story::good();
    let late = ddl_at(&story, created(&story, "worker-1") + 1);
    let story = story.before(end_of(1), late).before(end_of(2), gap("wall clock"));
    check(&ROLE_MIGRATES, &story, Verdict::Void, "when the schema of database `postgres` changed is unknown");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = Story::good().before(end_of(1), ddl_at(&Story::good(), created(&Story::good(), "worker-1") + 1));
    examples(&ROLE_MIGRATES, &Story::good(), &failing);
}
