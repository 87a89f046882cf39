use chartgate_model::recording::{Attempt, Change};
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, named};

fn attempt(pod: &str, answer: Answer) -> Attempt {
    Attempt {
        pod: pod.to_owned(),
        address: "10.244.0.7:4000".to_owned(),
        port: 4000,
        answer,
        is_ready_throughout: true,
    }
}

fn asked(step: usize, attempts: Vec<Attempt>) -> Moment {
    let (service, port, target) = ("cg".to_owned(), "80".to_owned(), "http".to_owned());
    Moment::ServicePort(ServicePort { step, service, port, target, endpoints: attempts.len(), attempts })
}

/// The good run with the Service in the cluster; the last step's endpoints answer so.
fn story(attempts: &[Attempt]) -> Story {
    let spec =
        json!({"selector": {"app.kubernetes.io/component": "app"}, "ports": [{"port": 80, "targetPort": "http"}]});
    let service = json!({"kind": "Service", "metadata": {"name": "cg", "uid": "service"}, "spec": spec});
    let story = Story::good().sighting(end_of(0), Change::Applied, &service);
    story.before(end_of(2), asked(2, attempts.to_vec()))
}

fn good() -> Story {
    story(&[attempt("cg-app-2", Answer::Connected)])
}

fn unnamed() -> Story {
    story(&[]).edit(named("Pod", "cg-app"), |pod| pod["spec"]["containers"][0]["ports"][0]["name"] = json!("web"))
}

/// A failure would mean that a Service which answers nobody is green.
#[test]
fn a_target_port_that_no_container_has_fails() {
    let finding = check(&SERVICE_ENDPOINTS, &unnamed(), Verdict::Fail, "port `80` of");
    assert!(finding.message.contains("has a port called `http` (it has: `web`)"), "{}", finding.message);
}

/// A failure would mean that a port on which nobody listens is green.
#[test]
fn a_ready_pod_that_refuses_fails() {
    let refusing = story(&[attempt("cg-app-2", Answer::Refused)]);
    check(&SERVICE_ENDPOINTS, &refusing, Verdict::Fail, "which refuses connections after step 3 (rollback)");
    let mut leaving = attempt("cg-app-2", Answer::Refused);
    leaving.is_ready_throughout = false;
    check(&SERVICE_ENDPOINTS, &story(&[leaving]), Verdict::Pass, "");
}

/// A failure would mean that a Service which the contract names for discovery is held to answer.
#[test]
fn a_service_for_discovery_need_not_answer() {
    let refusing = story(&[attempt("cg-app-2", Answer::Refused)]);
    let named = refusing.plan(|plan| plan.discovery = vec!["c*".to_owned()]);
    check(&SERVICE_ENDPOINTS, &named, Verdict::NotApplicable, "no Service");
}

/// A failure would mean that a StatefulSet is red for the port of its governing Service, which nobody connects to.
#[test]
fn the_port_of_a_headless_service_is_advice() {
    let headless = |it: &mut Value| it["spec"]["clusterIP"] = json!("None");
    let refusing = story(&[attempt("cg-app-2", Answer::Refused)]).edit(named("Service", "cg"), headless);
    check(&SERVICE_ENDPOINTS, &refusing, Verdict::Advice, "which refuses connections");
}

/// A failure would mean that a chart is blamed for a port that a stub does not know of.
#[test]
fn with_stub_images_an_undeclared_port_is_not_examined() {
    let undeclared = Attempt { port: 9999, ..attempt("cg-app-2", Answer::Refused) };
    check(&SERVICE_ENDPOINTS, &story(std::slice::from_ref(&undeclared)), Verdict::Fail, "refuses");
    let stubbed = story(&[undeclared]).plan(|plan| plan.stub_images = StubImages::All);
    check(&SERVICE_ENDPOINTS, &stubbed, Verdict::Pass, "");
}

/// A failure would mean that a chart whose policy keeps the prober out is red.
#[test]
fn endpoints_that_a_policy_guards_are_not_asked() {
    let guarded = story(&[]).moments(|moment| {
        if let Moment::ServicePort(port) = moment {
            port.endpoints = 1;
        }
    });
    check(&SERVICE_ENDPOINTS, &guarded, Verdict::Pass, "");
}

/// A failure would mean that a Service of an operator's pods makes a sound chart red.
#[test]
fn a_service_that_selects_no_ready_pod_is_for_others_to_judge() {
    let story = story(&[]).edit(named("Service", "cg"), |it| it["spec"]["selector"] = json!({"made": "later"}));
    check(&SERVICE_ENDPOINTS, &story, Verdict::Pass, "");
}

/// A failure would mean that a run which asked nothing counts as a proof.
#[test]
fn without_such_a_service_it_does_not_apply() {
    check(&SERVICE_ENDPOINTS, &Story::good(), Verdict::NotApplicable, "no Service with TCP ports");
    let none = Story::good().unrendered(named("Service", "cg"));
    check(&SERVICE_ENDPOINTS, &none, Verdict::NotApplicable, "renders no Service");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    examples(&SERVICE_ENDPOINTS, &good(), &unnamed());
}
