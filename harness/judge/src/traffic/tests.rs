use std::collections::BTreeMap;

use chartgate_model::recording::Moment;
use serde_json::json;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, examples, gap, start_of};

fn busy() -> Story {
    Story::good().under_traffic()
}

/// When the old pod of the upgrade began to end.
fn ending(story: &Story) -> u64 {
    let view = View::of(&story.0);
    let pod = view
        .tracks("Pod")
        .find(|pod| pod.name() == "cg-app-0")
        .and_then(|pod| pod.first_where(chartgate_k8s::typed::Object::is_terminating));
    pod.expect("it ends").at
}

fn slices(story: Story, mut change: impl FnMut(&mut chartgate_model::recording::Served)) -> Story {
    story.moments(|moment| {
        if let Moment::Served(served) = moment {
            change(served);
        }
    })
}

/// A failure would mean that an upgrade which loses nothing is refused, or that nobody learns how much was asked.
#[test]
fn nothing_lost_passes_and_says_how_much_was_asked() {
    let says = "requests of role `app` at 100/s, sent at most 2 ms late";
    let finding = check(&UPGRADE_AVAILABLE, &busy(), Verdict::Pass, says);
    assert_eq!(finding.evidence.len(), 2, "the upgrade and the rollback: {finding:#?}");
    assert!(finding.evidence[0].text.contains("300 before"), "{finding:#?}");
}

/// A failure would mean that an upgrade with errors is called available, or that nobody learns when and why.
#[test]
fn lost_requests_fail_by_class_time_and_pod() {
    let story = busy();
    // The refusal was there before the watch told of the pod's end.
    let at = ending(&story) - 5;
    let error = Failure::ServerError { status: 503, body: "busy".to_owned() };
    let story = story.losing(at, Failure::Refused).losing(at + 1, Failure::Refused).losing(at + 2, error);
    let finding = check(&UPGRADE_AVAILABLE, &story, Verdict::Fail, "of role `app` failed during step 2 (upgrade)");
    assert!(finding.message.contains(": 2 refused, 1 server error; the first one 0."), "{}", finding.message);
    assert!(finding.message.contains("into the rollout, while pod/cg-app-0 was ending"), "{}", finding.message);
    assert!(finding.message.contains("hint: let a pod serve on"), "{}", finding.message);
    assert!(finding.evidence.iter().any(|evidence| evidence.text.contains("got status 503 (busy)")), "{finding:#?}");
}

/// A failure would mean that a maintainer adds a pause, where the only pod is taken away before a new one is ready.
#[test]
fn an_update_that_takes_all_pods_away_is_told_as_such() {
    let one_by_one = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}});
    let story = busy().edit(crate::testing::named("Deployment", "cg-app"), |deployment| {
        deployment["spec"]["replicas"] = json!(1);
        deployment["spec"]["strategy"] = one_by_one.clone();
    });
    let at = ending(&story) - 5;
    let finding = check(&UPGRADE_AVAILABLE, &story.losing(at, Failure::Refused), Verdict::Fail, "1 refused");
    let says = "hint: let deployment/cg-app keep its pods until new ones are ready";
    assert!(finding.message.contains(says), "{}", finding.message);
}

/// A failure would mean that a migration which locks the users out is taken for a fault of the rollout.
#[test]
fn a_request_lost_while_the_hook_runs_is_told_so() {
    let story = busy();
    let at = story.time(start_of(1)) + 35;
    let finding = check(&UPGRADE_AVAILABLE, &story.losing(at, Failure::TimedOut), Verdict::Fail, "into the hook");
    assert!(finding.message.contains("hint: let a migration only add"), "{}", finding.message);
}

/// A failure would mean that a busy machine, whose nodes follow late, is blamed on the chart; or that it excuses a chart.
#[test]
fn a_node_that_follows_late_is_not_the_charts_fault() {
    let at = ending(&busy());
    let late = busy().losing(at + 2500, Failure::Refused);
    check(&UPGRADE_AVAILABLE, &late, Verdict::Void, "so the cluster's nodes were late to follow");
    let both = busy().losing(at + 50, Failure::Refused).losing(at + 2500, Failure::Refused);
    check(&UPGRADE_AVAILABLE, &both, Verdict::Fail, "2 refused");
    let answered = busy().losing(at + 2500, Failure::Slow);
    check(&UPGRADE_AVAILABLE, &answered, Verdict::Fail, "1 slow");
    let none_ready = busy().edit(
        |object| object["metadata"]["uid"] == "app-1",
        |pod| pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]),
    );
    check(&UPGRADE_AVAILABLE, &none_ready.losing(at + 2500, Failure::Refused), Verdict::Fail, "1 refused");
}

/// A failure would mean that what is lost right after a step goes unseen, or is told twice.
#[test]
fn a_request_lost_between_two_steps_belongs_to_the_first() {
    let story = busy();
    let at = story.end(1) + 1200;
    let lost = story.losing(at, Failure::Reset);
    let finding = check(
        &UPGRADE_AVAILABLE,
        &lost,
        Verdict::Fail,
        "step 2 (upgrade): 1 reset; the first one 1.2 s after it ended",
    );
    assert!(!finding.message.contains("more)"), "{}", finding.message);
    let at = busy().end(0) + 2000;
    let early = busy().losing(at, Failure::Slow);
    check(&UPGRADE_AVAILABLE, &early, Verdict::Fail, "1.0 s before it began");
}

/// A failure would mean that requests which met the wrong pod count as served.
#[test]
fn an_answer_of_a_wrong_pod_fails() {
    let answered_by = |pod: &'static str| {
        let story = busy();
        let from = story.end(1);
        slices(story, |served| {
            if served.from >= from {
                served.by_pod = BTreeMap::from([(pod.to_owned(), 10)]);
            }
        })
    };
    let of = |pod, says: &str| check(&UPGRADE_AVAILABLE, &answered_by(pod), Verdict::Fail, says);
    of("cg-app-0", "answered by pod/cg-app-0, which did not exist any more");
    of("cg-worker-1", "answered by pod/cg-worker-1, which is none of the role's");
    of("other", "answered by pod/other, which is no pod of the namespace");
}

/// A failure would mean that the old version may answer after an upgrade.
#[test]
fn an_answer_of_the_old_version_fails() {
    let story = Story::good().edit(
        |object| object["metadata"]["uid"] == "app-1",
        |pod| pod["spec"]["containers"][0]["image"] = json!("reg.example/codex-pooler:v1"),
    );
    let says = "which runs reg.example/codex-pooler:v1, not reg.example/codex-pooler:v2";
    check(&UPGRADE_AVAILABLE, &story.under_traffic(), Verdict::Fail, says);
}

/// A failure would mean that an availability of 100 % over nothing counts as proof.
#[test]
fn too_few_answers_are_void() {
    let none = busy().without(|moment| matches!(moment, Moment::Served(_)));
    check(&UPGRADE_AVAILABLE, &none, Verdict::Void, "no request of role `app` was sent");
    let few = slices(busy(), |served| served.count = 3);
    check(&UPGRADE_AVAILABLE, &few, Verdict::Void, "the prober sent");
    let (from, to) = (busy().end(0), busy().time(start_of(1)));
    let hole = |moment: &Moment| matches!(moment, Moment::Served(one) if (from + 300..to).contains(&one.from));
    let finding = check(&UPGRADE_AVAILABLE, &busy().without(hole), Verdict::Void, "");
    let all = finding.message + &finding.evidence.iter().map(|seen| seen.text.as_str()).collect::<String>();
    assert!(all.contains("only 30 requests of role `app` were answered before step 2 (upgrade), not 100"), "{all}");
}

/// A failure would mean that a prober that broke off, or one that nobody stopped, proves anything.
#[test]
fn a_gap_in_the_traffic_is_void() {
    let broken = busy().before(start_of(2), gap("traffic app"));
    check(&UPGRADE_AVAILABLE, &broken, Verdict::Void, "gap of traffic app");
    let endless = busy().without(|moment| matches!(moment, Moment::TrafficStopped));
    check(&UPGRADE_AVAILABLE, &endless, Verdict::Void, "the end of the traffic of role `app` was not recorded");
    let unseen = busy().before(start_of(1), gap("Pod"));
    check(&UPGRADE_AVAILABLE, &unseen, Verdict::Pass, "");
}

/// A failure would mean that a busy machine is blamed on the chart without a word.
#[test]
fn a_late_prober_is_named() {
    let story = slices(busy(), |served| served.late_ms = 1300);
    check(&UPGRADE_AVAILABLE, &story, Verdict::Pass, "sent at most 1300 ms late");
    let at = ending(&story);
    let says = "; the prober itself was up to 1.3 s late";
    check(&UPGRADE_AVAILABLE, &story.losing(at, Failure::Refused), Verdict::Fail, says);
}

/// A failure would mean that a scenario without users, or without a change, is red.
#[test]
fn without_traffic_or_change_it_does_not_apply() {
    check(&UPGRADE_AVAILABLE, &Story::good(), Verdict::NotApplicable, "no traffic");
    let story = busy().plan(|plan| plan.steps.truncate(1));
    check(&UPGRADE_AVAILABLE, &story, Verdict::NotApplicable, "no such step");
    check(&DRAIN_AVAILABLE, &busy(), Verdict::NotApplicable, "no such step");
}

/// Users while a node is drained.
fn drained() -> Story {
    let drained = Moment::Drained {
        step: 2,
        node: "worker-1".to_owned(),
        evicted: vec!["cg-app-1".to_owned()],
        stayed: BTreeMap::new(),
    };
    Story::disrupted(Fault::NodeDrained, drained).under_traffic()
}

/// A failure would mean that users who meet errors during a drain are not counted.
#[test]
fn a_request_lost_in_a_drain_fails() {
    let story = drained();
    check(&DRAIN_AVAILABLE, &story, Verdict::Pass, "no request was lost");
    let at = story.time(start_of(2)) + 20;
    let lost = story.losing(at, Failure::Refused);
    check(&DRAIN_AVAILABLE, &lost, Verdict::Fail, "failed during step 3 (fault): 1 refused");
    check(&UPGRADE_AVAILABLE, &lost, Verdict::Pass, "");
}

/// A failure would mean that the loss which killing the only pod brings makes an upgrade red.
#[test]
fn a_killed_pod_is_no_change_of_the_release() {
    let moment = Moment::Fault { step: 2, what: "pod/cg-app-1 was killed".to_owned() };
    let story = Story::disrupted(Fault::PodKilled { role: "app".to_owned() }, moment).under_traffic();
    let at = story.time(start_of(2)) + 20;
    check(&UPGRADE_AVAILABLE, &story.losing(at, Failure::Refused), Verdict::Pass, "");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = busy().losing(ending(&busy()) - 5, Failure::Refused);
    examples(&UPGRADE_AVAILABLE, &busy(), &failing);
    let failing = drained().losing(drained().time(start_of(2)) + 20, Failure::Refused);
    examples(&DRAIN_AVAILABLE, &drained(), &failing);
}
