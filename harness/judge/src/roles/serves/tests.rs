use chartgate_model::recording::Moment;
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, named, start_of};

fn worker(change: impl Fn(&mut Probe)) -> Story {
    Story::good().probes(|probe| probe.role == "worker" && probe.step == 1, change)
}

/// A failure would mean that a worker which answers requests is accepted.
#[test]
fn a_silent_role_that_accepts_a_connection_fails() {
    let story = worker(|probe| probe.answer = Answer::Connected);
    let says = "pod/cg-worker-1 of role `worker` at 10.244.0.7:4000 accepted a connection after step 2 (upgrade)";
    check(&ROLE_SERVES, &story, Verdict::Fail, says);
}

/// A failure would mean that an application which listens on another port is accepted.
#[test]
fn a_serving_role_that_refuses_fails() {
    let story = Story::good().probes(|probe| probe.role == "app", |probe| probe.answer = Answer::Refused);
    check(&ROLE_SERVES, &story, Verdict::Fail, "refused a connection after step 1 (install), though it was ready");
}

/// A failure would mean that a refusal which proves nothing (no network, no pod yet) counts as proof.
#[test]
fn a_refusal_counts_only_of_a_ready_pod_and_beside_a_served_connection() {
    check(
        &ROLE_SERVES,
        &worker(|probe| probe.control = Some(Answer::TimedOut)),
        Verdict::Void,
        "no serving pod answered",
    );
    check(&ROLE_SERVES, &worker(|probe| probe.control = None), Verdict::Void, "no serving pod answered");
    check(&ROLE_SERVES, &worker(|probe| probe.ready_throughout = false), Verdict::Void, "not ready all the time");
    check(&ROLE_SERVES, &worker(|probe| probe.answer = Answer::TimedOut), Verdict::Void, "timed out");
    let failed = worker(|probe| probe.answer = Answer::Failed("no route".to_owned()));
    check(&ROLE_SERVES, &failed, Verdict::Void, "no route");
}

/// A pod of the role's last version is asked too, just as it leaves: it is gone before the answer.
fn with_a_leaving(role: &str, answer: &Answer) -> Story {
    let story = Story::good();
    let asked = story.0.entries.iter().find_map(|entry| match &entry.moment {
        Moment::Probe(probe) if probe.role == role && probe.step == 1 && probe.path.is_none() => Some(probe.clone()),
        _ => None,
    });
    let (pod, answer) = (Some(format!("cg-{role}-0")), answer.clone());
    let probe = Probe { pod, answer, ready_throughout: false, ..asked.expect("the role is asked") };
    story.before(end_of(1), Moment::Probe(probe))
}

/// A failure would mean that a run is void for a question which came a moment too late, or that a leak of a leaving pod is overlooked.
#[test]
fn a_pod_that_leaves_while_it_is_asked_counts_for_nothing() {
    for role in ["app", "worker"] {
        for answer in [Answer::Refused, Answer::TimedOut, Answer::Failed("no route".to_owned())] {
            check(&ROLE_SERVES, &with_a_leaving(role, &answer), Verdict::Pass, "");
        }
    }
    let says = "pod/cg-worker-0 of role `worker` at 10.244.0.7:4000 accepted a connection";
    check(&ROLE_SERVES, &with_a_leaving("worker", &Answer::Connected), Verdict::Fail, says);
    let alone = with_a_leaving("worker", &Answer::Refused).without(
        |moment| matches!(moment, Moment::Probe(probe) if probe.step == 1 && probe.pod.as_deref() == Some("cg-worker-1")),
    );
    check(&ROLE_SERVES, &alone, Verdict::Void, "no connection to a pod of role `worker`");
}

/// A failure would mean that a pod nobody asked counts as silent.
#[test]
fn a_pod_that_was_not_asked_is_void() {
    let of_worker =
        |moment: &Moment| matches!(moment, Moment::Probe(probe) if probe.role == "worker" && probe.step == 1);
    check(&ROLE_SERVES, &Story::good().without(of_worker), Verdict::Void, "no connection to a pod of role `worker`");
    let other = worker(|probe| probe.pod = Some("cg-worker-9".to_owned()));
    check(&ROLE_SERVES, &other, Verdict::Void, "no connection to pod/cg-worker-1");
}

fn behind(uid: &'static str) -> Story {
    Story::good().edit(named("EndpointSlice", ""), move |slice| {
        let target = json!({"kind": "Pod", "name": format!("cg-{uid}"), "uid": uid});
        let endpoint = json!({"conditions": {"ready": true}, "targetRef": target});
        slice["endpoints"].as_array_mut().expect("a list").push(endpoint);
    })
}

/// A failure would mean that requests may be sent to a worker, or to the migration.
#[test]
fn a_stranger_behind_the_service_fails() {
    check(
        &ROLE_SERVES,
        &behind("worker-0"),
        Verdict::Fail,
        "pod/cg-worker-0 of role `worker` serves nothing, but it stood behind service/cg",
    );
    check(&ROLE_SERVES, &behind("migrations-0"), Verdict::Fail, "of hook job/cg-migrations serves nothing");
    check(&ROLE_SERVES, &behind("redis-0"), Verdict::Pass, "");
}

/// A failure would mean that a chart whose pods find each other by a headless Service can never be green.
#[test]
fn a_discovery_service_brings_no_requests() {
    let discovering = |port: u16, address: &'static str| {
        let service = json!({"kind": "Service", "metadata": {"name": "cg-peers"}, "spec": {"clusterIP": address}});
        let target = json!({"kind": "Pod", "name": "cg-worker-1", "uid": "worker-1"});
        let slice = json!({
            "kind": "EndpointSlice",
            "metadata": {"name": "cg-peers-1", "uid": "peers", "labels": {"kubernetes.io/service-name": "cg-peers"}},
            "ports": [{"port": port}],
            "endpoints": [{"targetRef": target}],
        });
        Story::good().rendering(&service).sighting(end_of(1), chartgate_model::recording::Change::Applied, &slice)
    };
    check(&ROLE_SERVES, &discovering(7946, "None"), Verdict::Pass, "");
    let says = "serves nothing, but it stood behind service/cg-peers";
    check(&ROLE_SERVES, &discovering(4000, "None"), Verdict::Fail, says);
    check(&ROLE_SERVES, &discovering(7946, "10.0.0.1"), Verdict::Fail, says);
}

/// A failure would mean that a Service which selects nothing is accepted.
#[test]
fn a_serving_pod_behind_no_service_fails() {
    let empty = |slice: &mut Value| slice["endpoints"] = json!([]);
    let story = Story::good().edit(named("EndpointSlice", ""), empty);
    check(&ROLE_SERVES, &story, Verdict::Fail, "pod/cg-app-0 of role `app` is ready but behind no Service");
}

/// A failure would mean that endpoints which nobody watched count as right.
#[test]
fn unwatched_endpoints_are_void() {
    check(&ROLE_SERVES, &Story::good().before(end_of(1), gap("EndpointSlice")), Verdict::Void, "gap of EndpointSlice");
}

/// A failure would mean that a chart of workers alone is red.
#[test]
fn without_a_serving_role_it_does_not_apply() {
    let story = Story::good().plan(|plan| plan.absent = vec!["app".to_owned()]);
    check(&ROLE_SERVES, &story, Verdict::NotApplicable, "no role that serves");
}

/// A failure would mean that one user's requests are answered by another user's release.
#[test]
fn a_neighbours_pod_behind_the_service_fails() {
    let with_neighbour = |story: Story| story.with_neighbour();
    let says = "pod/cg-other-pod belongs to the second release, but it stood behind service/cg";
    check(&ROLE_SERVES, &with_neighbour(behind("other-pod")), Verdict::Fail, says);
    check(&ROLE_SERVES, &with_neighbour(behind("redis-0")), Verdict::Pass, "");
    let mut slice = json!({"kind": "EndpointSlice", "metadata": {"name": "other-x1", "uid": "other-slice"}});
    slice["metadata"]["labels"] = json!({"kubernetes.io/service-name": "other"});
    slice["endpoints"] = json!([{"targetRef": {"kind": "Pod", "name": "cg-app-1", "uid": "app-1"}}]);
    let story =
        with_neighbour(Story::good()).sighting(start_of(0), chartgate_model::recording::Change::Applied, &slice);
    check(&ROLE_SERVES, &story, Verdict::Fail, "it stood behind the second release's service/other");
}

/// A failure would mean that a chart which guards its worker by a policy can never be green.
#[test]
fn silence_of_a_guarded_pod_counts_as_a_refusal() {
    let labels = json!({"app.kubernetes.io/component": "worker"});
    let policy = json!({
        "kind": "NetworkPolicy",
        "metadata": {"name": "worker", "uid": "policy"},
        "spec": {"podSelector": {"matchLabels": labels}, "policyTypes": ["Ingress"]},
    });
    let silent = || worker(|probe| probe.answer = Answer::TimedOut);
    let guarded = |story: Story| story.sighting(start_of(0), chartgate_model::recording::Change::Applied, &policy);
    check(&ROLE_SERVES, &guarded(silent()), Verdict::Pass, "");
    check(&ROLE_SERVES, &silent(), Verdict::Void, "timed out");
    let alone = worker(|probe| (probe.answer, probe.control) = (Answer::TimedOut, Some(Answer::TimedOut)));
    let alone = guarded(alone);
    check(&ROLE_SERVES, &alone, Verdict::Void, "timed out");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = worker(|probe| probe.answer = Answer::Connected);
    examples(&ROLE_SERVES, &Story::good(), &failing);
}

/// A failure would mean that a Service which only lets pods find each other is a red that no contract can take away.
#[test]
fn a_service_that_the_contract_names_for_discovery_brings_no_requests() {
    let named = |name: &'static str| behind("worker-0").plan(move |plan| plan.discovery = vec![name.to_owned()]);
    for name in ["cg", "c*"] {
        check(&ROLE_SERVES, &named(name), Verdict::Pass, "");
    }
    check(&ROLE_SERVES, &named("cg-peers"), Verdict::Fail, "serves nothing, but it stood behind service/cg");
}

/// A good run whose contract says that the serving role refuses a port, at which its pods answer so.
fn refusing(port: &'static str, answer: &Answer) -> Story {
    let story = Story::good();
    let of_app = |moment: &Moment| match moment {
        Moment::Probe(probe) if probe.role == "app" && probe.path.is_none() && probe.pod.is_some() => {
            Some(probe.clone())
        }
        _ => None,
    };
    let asked: Vec<Probe> = story.0.entries.iter().filter_map(|entry| of_app(&entry.moment)).collect();
    let story = asked.into_iter().fold(story, |story, probe| {
        let control = Some(Answer::Connected);
        let address = "10.244.0.7:9000".to_owned();
        let step = probe.step;
        story.before(end_of(step), Moment::Probe(Probe { address, answer: answer.clone(), control, ..probe }))
    });
    story.plan(move |plan| plan.roles.get_mut("app").expect("it is there").refuses = vec![port.to_owned()])
}

/// A failure would mean that a port which nobody is to reach is open, and the gate is green.
#[test]
fn a_serving_role_refuses_the_ports_that_the_contract_says() {
    check(&ROLE_SERVES, &refusing("9000", &Answer::Refused), Verdict::Pass, "");
    let says = "at 10.244.0.7:9000 accepted a connection after step 1 (install), though the contract says that it `refuses` there";
    check(&ROLE_SERVES, &refusing("9000", &Answer::Connected), Verdict::Fail, says);
    let says = "port admin of pod/cg-app-0 of role `app`, which is to refuse connections, was not tried";
    let unknown = |plan: &mut chartgate_model::plan::Plan| {
        plan.roles.get_mut("app").expect("it is there").refuses = vec!["admin".to_owned()];
    };
    check(&ROLE_SERVES, &Story::good().plan(unknown), Verdict::Void, says);
}
