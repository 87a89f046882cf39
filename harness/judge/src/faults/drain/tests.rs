use std::collections::BTreeMap;

use chartgate_model::recording::StepOutcome;

use super::*;
use crate::judge;
use crate::testing::{Story, check, examples};
use crate::{Verdict, verdict_of};

fn drained(evicted: &[&str], stayed: &[(&str, &str)]) -> Story {
    let moment = Moment::Drained {
        step: 2,
        node: "worker-1".to_owned(),
        evicted: evicted.iter().map(|pod| (*pod).to_owned()).collect(),
        stayed: stayed.iter().map(|(pod, why)| ((*pod).to_owned(), (*why).to_owned())).collect::<BTreeMap<_, _>>(),
    };
    Story::disrupted(Fault::NodeDrained, moment)
}

/// A failure would mean that a release which leaves a node as it is asked to is refused.
#[test]
fn an_emptied_node_passes() {
    let story = drained(&["cg-app-1", "cg-worker-1"], &[]);
    check(&DRAIN_COMPLETES, &story, Verdict::Pass, "every pod left the drained node");
    let others: Vec<_> = judge(&story.0).into_iter().filter(|finding| finding.verdict >= Verdict::Void).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(verdict_of(&judge(&story.0)), Verdict::Pass);
}

/// A failure would mean that a release which holds a node hostage is accepted.
#[test]
fn a_pod_that_may_not_leave_fails_with_the_servers_words() {
    let story = drained(&[], &[("cg-app-1", "Cannot evict pod as it would violate the pod's disruption budget.")]);
    let says = "pod/cg-app-1 did not leave node/worker-1 in step 3 (fault): Cannot evict pod as it would violate";
    check(&DRAIN_COMPLETES, &story, Verdict::Fail, says);
}

/// A failure would mean that a release which does not come back after a drain is accepted.
#[test]
fn a_release_that_does_not_come_back_fails() {
    let why = "deployment/cg-app has 0 of 1 pods available".to_owned();
    let story = drained(&["cg-app-1"], &[]).ending(2, &StepOutcome::NotReady { why }, "");
    check(&DRAIN_COMPLETES, &story, Verdict::Fail, "not ready again after node/worker-1 was drained");
}

/// A failure would mean that a node without pods, or one that nobody drained, proves anything.
#[test]
fn an_empty_or_untouched_node_is_void() {
    check(&DRAIN_COMPLETES, &drained(&[], &[]), Verdict::Void, "had no pod of the release");
    let none = drained(&["cg-app-1"], &[]).without(|moment| matches!(moment, Moment::Drained { .. }));
    check(&DRAIN_COMPLETES, &none, Verdict::Void, "no node was drained in step 3 (fault)");
}

/// A failure would mean that a scenario without a drain is red.
#[test]
fn without_a_drain_it_does_not_apply() {
    check(&DRAIN_COMPLETES, &Story::good(), Verdict::NotApplicable, "drains no node");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = drained(&[], &[("cg-app-1", "Cannot evict pod as it would violate the pod's disruption budget.")]);
    examples(&DRAIN_COMPLETES, &drained(&["cg-app-1"], &[]), &failing);
}
