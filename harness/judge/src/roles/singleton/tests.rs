use chartgate_model::plan::Fault;
use chartgate_model::recording::Moment;

use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, named};

use super::*;

/// A failure would mean that a rollout which runs two schedulers for a moment is accepted.
#[test]
fn two_pods_at_once_fail_even_while_one_ends() {
    let story = Story::good().plan(|plan| plan.roles.get_mut("worker").expect("it is there").singleton = true);
    let says = "two pods of singleton role `worker` ran at once in step 2 (upgrade): `cg-worker-1` started before `cg-worker-0` ended";
    check(&ROLE_SINGLETON, &story, Verdict::Fail, says);
}

/// A failure would mean that a chart is red for what Kubernetes does with every evicted pod of a Deployment, on a slow machine only.
#[test]
fn an_evicted_pods_successor_is_advice() {
    let story = Story::good().plan(|plan| {
        plan.roles.get_mut("worker").expect("it is there").singleton = true;
        plan.steps.iter_mut().for_each(|step| step.fault = Some(Fault::NodeDrained));
    });
    check(&ROLE_SINGLETON, &story, Verdict::Advice, "`cg-worker-1` started before `cg-worker-0` ended");
}

/// A failure would mean that a pod which nobody saw counts as none.
#[test]
fn unseen_pods_are_void() {
    check(&ROLE_SINGLETON, &Story::good().before(end_of(1), gap("Pod")), Verdict::Void, "gap of Pod");
    let unseen = Story::good().unseen(named("Pod", "cg-scheduler"));
    check(&ROLE_SINGLETON, &unseen, Verdict::Void, "no pod of singleton role `scheduler`");
    check(
        &ROLE_SINGLETON,
        &Story::good().without(|moment| matches!(moment, Moment::Ended)),
        Verdict::Void,
        "not whole",
    );
}

/// A failure would mean that a chart without a singleton is red.
#[test]
fn without_a_singleton_it_does_not_apply() {
    let story = Story::good().plan(|plan| plan.absent = vec!["scheduler".to_owned()]);
    check(&ROLE_SINGLETON, &story, Verdict::NotApplicable, "no singleton role");
}

/// A failure would mean that two users of one namespace cannot each have a scheduler.
#[test]
fn a_neighbours_pod_is_none_of_the_role() {
    check(&ROLE_SINGLETON, &Story::good().with_neighbour(), Verdict::Pass, "");
    let own = Story::good().with_neighbour().plan(|plan| plan.neighbour = None);
    check(&ROLE_SINGLETON, &own, Verdict::Fail, "`other-scheduler-0` started before");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = Story::good().plan(|plan| plan.roles.get_mut("worker").expect("it is there").singleton = true);
    examples(&ROLE_SINGLETON, &Story::good(), &failing);
}
