use chartgate_model::plan::{Network, Peers, Plan};
use chartgate_model::recording::Change;
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, start_of};

fn policy() -> Value {
    json!({
        "kind": "NetworkPolicy",
        "metadata": {"name": "cg", "uid": "policy"},
        "spec": {
            "podSelector": {"matchExpressions": [
                {"key": "app.kubernetes.io/component", "operator": "In", "values": ["app"]},
            ]},
            "ingress": [{"ports": [{"port": 4000}]}],
        },
    })
}

fn enforcement(denied: Answer) -> Moment {
    Moment::Enforcement { before: Answer::Refused, denied, after: Answer::Refused }
}

fn reach(step: usize, port: u16, asker: Asker) -> Reach {
    let answer = if port == 4000 && asker == Asker::Prober { Answer::Connected } else { Answer::TimedOut };
    let (role, pod) = ("app".to_owned(), format!("cg-app-{step}"));
    Reach { step, role, pod, port, asker, answer, control: Answer::Refused, ready_throughout: true }
}

/// A good run with a policy, on a cluster that enforces it.
fn guarded(askers: &[Asker]) -> Story {
    let mut story = Story::good().rendering(&policy()).sighting(start_of(0), Change::Applied, &policy());
    story = story.before(start_of(0), enforcement(Answer::TimedOut));
    for (step, port) in [0, 1, 2].into_iter().flat_map(|step| [4000, 4001, 9].map(|port| (step, port))) {
        for asker in askers {
            story = story.before(end_of(step), Moment::Reach(reach(step, port, *asker)));
        }
    }
    story
}

fn reaching(story: Story, pick: impl Fn(&Reach) -> bool, change: impl Fn(&mut Reach)) -> Story {
    story.moments(|moment| match moment {
        Moment::Reach(reach) if pick(reach) => change(reach),
        _ => {}
    })
}

fn promising(story: Story, network: Network) -> Story {
    let promise = |plan: &mut Plan| {
        let serves = plan.roles.get_mut("app").and_then(|role| role.serves.as_mut()).expect("the role serves");
        serves.network = Some(network);
    };
    story.plan(promise)
}

/// Only pods of one kind in namespaces of one kind may ask.
fn exclusive() -> Network {
    let label = |key: &str| [(key.to_owned(), "yes".to_owned())].into();
    Network { from: Some(Peers { namespace: label("edge"), pods: label("proxy") }), ports: Vec::new() }
}

/// A failure would mean that a policy which does what it says is red.
#[test]
fn a_policy_that_lets_in_what_is_promised_passes() {
    check(&NETWORK_POLICY, &guarded(&[Asker::Prober]), Verdict::Pass, "nothing else was reached");
    let all = [Asker::Prober, Asker::Unlabelled, Asker::Elsewhere];
    check(&NETWORK_POLICY, &promising(guarded(&all), exclusive()), Verdict::Pass, "");
}

/// A failure would mean that a policy which cuts off every user is accepted.
#[test]
fn a_policy_that_lets_nobody_in_fails() {
    let shut = reaching(guarded(&[Asker::Prober]), |reach| reach.port == 4000, |reach| reach.answer = Answer::TimedOut);
    let says =
        "port 4000 of pod/cg-app-0 of role `app` could not be reached by a pod of another namespace after step 1";
    check(&NETWORK_POLICY, &shut, Verdict::Fail, says);
}

/// A failure would mean that a policy which opens every port is accepted.
#[test]
fn a_policy_that_lets_everything_in_fails() {
    // Nobody listens there, so what arrives is refused.
    let open = reaching(guarded(&[Asker::Prober]), |reach| reach.port == 9, |reach| reach.answer = Answer::Refused);
    let says = "port 9 of pod/cg-app-0 of role `app` was reached by a pod of another namespace after step 1 (install)";
    check(&NETWORK_POLICY, &open, Verdict::Fail, says);
}

/// A failure would mean that strangers may ask a role that only a proxy is to ask.
#[test]
fn strangers_that_are_let_in_fail() {
    let all = [Asker::Prober, Asker::Unlabelled, Asker::Elsewhere];
    for (asker, says) in [
        (Asker::Unlabelled, "was reached by a pod without the promised labels"),
        (Asker::Elsewhere, "was reached by a pod of a namespace without the promised labels"),
    ] {
        let is_it = move |reach: &Reach| reach.asker == asker && reach.port == 4000;
        let open = reaching(guarded(&all), is_it, |reach| reach.answer = Answer::Connected);
        check(&NETWORK_POLICY, &promising(open.clone(), exclusive()), Verdict::Fail, says);
    }
    let asked = promising(guarded(&[Asker::Prober]), exclusive());
    check(&NETWORK_POLICY, &asked, Verdict::Void, "was not asked by a pod of a namespace without the promised labels");
}

/// A failure would mean that a further port which the contract names is red, or one that is shut is not.
#[test]
fn a_further_port_is_open_as_promised() {
    let network = Network { from: None, ports: vec!["4001".to_owned()] };
    let open = reaching(guarded(&[Asker::Prober]), |reach| reach.port == 4001, |reach| reach.answer = Answer::Refused);
    check(&NETWORK_POLICY, &promising(open, network.clone()), Verdict::Pass, "");
    let shut = promising(guarded(&[Asker::Prober]), network);
    check(&NETWORK_POLICY, &shut, Verdict::Fail, "port 4001 of pod/cg-app-0 of role `app` could not be reached");
}

/// A failure would mean that a policy is green on a cluster where policies do nothing.
#[test]
fn a_cluster_that_does_not_enforce_is_void() {
    let is_proof = |moment: &Moment| matches!(moment, Moment::Enforcement { .. });
    let unproven = guarded(&[Asker::Prober]).without(is_proof);
    check(&NETWORK_POLICY, &unproven, Verdict::Void, "it is not known whether the cluster enforces");
    let idle = unproven.clone().before(start_of(0), enforcement(Answer::Refused));
    check(&NETWORK_POLICY, &idle, Verdict::Void, "the cluster does not enforce NetworkPolicy");
    let lost = unproven.before(
        start_of(0),
        Moment::Enforcement { before: Answer::TimedOut, denied: Answer::TimedOut, after: Answer::TimedOut },
    );
    check(&NETWORK_POLICY, &lost, Verdict::Void, "a pod of chartgate's own could not be asked");
}

/// A failure would mean that a network which carries nothing proves that a policy stops something.
#[test]
fn silence_counts_only_of_a_ready_pod_and_beside_an_answer() {
    let story = || guarded(&[Asker::Prober]);
    let deaf = reaching(story(), |_| true, |reach| reach.control = Answer::TimedOut);
    check(&NETWORK_POLICY, &deaf, Verdict::Void, "nor did a pod of chartgate's own that nothing guards");
    let restarted = reaching(story(), |_| true, |reach| reach.ready_throughout = false);
    check(&NETWORK_POLICY, &restarted, Verdict::Void, "it was not ready all the time");
    let broken =
        reaching(story(), |reach| reach.port == 9, |reach| reach.answer = Answer::Failed("no route".to_owned()));
    check(&NETWORK_POLICY, &broken, Verdict::Void, "no route");
}

/// A failure would mean that a pod which nobody asked counts as guarded.
#[test]
fn what_was_not_asked_or_not_watched_is_void() {
    let is_last = |moment: &Moment| matches!(moment, Moment::Reach(reach) if reach.step == 2 && reach.port == 9);
    let unasked = guarded(&[Asker::Prober]).without(is_last);
    check(
        &NETWORK_POLICY,
        &unasked,
        Verdict::Void,
        "port 9 of pod/cg-app-2 was not asked by a pod of another namespace",
    );
    let unwatched = guarded(&[Asker::Prober]).before(end_of(1), gap("NetworkPolicy"));
    check(&NETWORK_POLICY, &unwatched, Verdict::Void, "gap of NetworkPolicy");
}

/// A failure would mean that a promised policy which guards nothing, or is not there, is not missed.
#[test]
fn a_promised_policy_that_guards_nothing_fails() {
    let says = "the contract promises a network policy for role `app`, but none guards its pods";
    check(&NETWORK_POLICY, &promising(Story::good(), Network::default()), Verdict::Fail, says);
    let other = |policy: &mut Value| policy["spec"]["podSelector"] = json!({"matchLabels": {"app": "other"}});
    let story = guarded(&[Asker::Prober]).edit(|object| object["kind"] == "NetworkPolicy", other);
    check(&NETWORK_POLICY, &promising(story, Network::default()), Verdict::Fail, says);
}

/// A failure would mean that each chart without a policy of ingress is red or void.
#[test]
fn without_a_policy_of_ingress_it_does_not_apply() {
    check(&NETWORK_POLICY, &Story::good(), Verdict::NotApplicable, "renders no NetworkPolicy that guards a role");
    let outgoing = |policy: &mut Value| policy["spec"]["policyTypes"] = json!(["Egress"]);
    let story = guarded(&[Asker::Prober]).edit(|object| object["kind"] == "NetworkPolicy", outgoing);
    check(&NETWORK_POLICY, &story, Verdict::NotApplicable, "");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let passing = guarded(&[Asker::Prober]);
    let failing = reaching(passing.clone(), |reach| reach.port == 9, |reach| reach.answer = Answer::Refused);
    examples(&NETWORK_POLICY, &passing, &failing);
}
