//! `service-endpoints`: each port of a Service leads to a pod that accepts connections there.

use chartgate_model::plan::StubImages;
use chartgate_model::recording::{Answer, Moment, ServicePort};

use crate::manifest::Selector;
use crate::tally::{Tally, not_applicable};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::{Object, OrEmpty};

pub(crate) const SERVICE_ENDPOINTS: Check = Check {
    name: "service-endpoints",
    proves: "each port of a Service has a ready endpoint, and each ready endpoint accepts connections there",
    means: "everything looks ready, and who uses the Service is refused",
    explanation: include_str!("../explanation/service-endpoints.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: service_endpoints,
};

fn service_endpoints(view: &View) -> Finding {
    if view.has_render() && !view.rendered().any(has_selector) {
        return not_applicable(SERVICE_ENDPOINTS.name, "the chart renders no Service that selects pods");
    }
    let mut tally = Tally::of_whole(SERVICE_ENDPOINTS.name, view);
    let mut was_asked = false;
    for run in view.settled() {
        let ports = ports_of(view, run).into_iter().filter(|(_, port)| !view.is_for_discovery(&port.service));
        for (seen, port) in ports {
            was_asked = true;
            judge_port(view, run, &seen, port, &mut tally);
        }
    }
    if !was_asked && view.is_whole && view.shortfall().is_none() {
        return not_applicable(SERVICE_ENDPOINTS.name, "no Service with TCP ports selects pods of the release");
    }
    tally.finish("each port of each Service led to ready pods that accepted connections")
}

fn has_selector(service: &Object) -> bool {
    let selector = service.service().and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| !selector.is_empty()) && !service.is_external_name()
}

/// What was asked after a step, with the moment as evidence.
fn ports_of<'a>(view: &View<'a>, run: &StepRun) -> Vec<(Evidence, &'a ServicePort)> {
    let of_step = view.recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::ServicePort(port) if port.step == run.index => {
            let answers =
                port.attempts.iter().map(|it| format!("pod/{} at {}: {}", it.pod, it.address, said(&it.answer)));
            let answers: Vec<String> = answers.collect();
            let what = if answers.is_empty() { "no ready endpoint".to_owned() } else { answers.join(", ") };
            let text = format!("port `{}` of service/{}: {what}", port.port, port.service);
            Some((Evidence { seq: Some(entry.seq), at: Some(entry.at), text }, port))
        }
        _ => None,
    });
    of_step.collect()
}

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Refused => "refused".to_owned(),
        Answer::TimedOut => "no answer".to_owned(),
        Answer::Failed(why) => why.clone(),
        _ => "accepted".to_owned(),
    }
}

fn judge_port(view: &View, run: &StepRun, seen: &Evidence, port: &ServicePort, tally: &mut Tally) {
    let label = run.label();
    let (_, end) = run.window().unwrap_or_default();
    let Some(service) = view.object_at("Service", &port.service, end) else { return };
    if port.attempts.is_empty() && port.endpoints > 0 {
        tally.proved(Evidence { text: format!("{} that the prober may ask", seen.text), ..seen.clone() });
        return;
    }
    if port.attempts.is_empty() {
        judge_without_endpoint(view, run, service, seen, port, tally);
        return;
    }
    for attempt in &port.attempts {
        let pod = view.object_at("Pod", &attempt.pod, end);
        // Where the application would listen on a port that it does not declare, the stub does not know of it.
        let pod = pod.and_then(Object::pod);
        let is_undeclared = pod.is_some_and(|pod| !pod.declared_ports().any(|declared| declared == attempt.port));
        if attempt.answer == Answer::Connected {
            tally.proved(seen.clone());
        } else if !attempt.is_ready_throughout || (view.plan.stub_images != StubImages::Off && is_undeclared) {
            tally.proved(Evidence { text: format!("{} (not examined)", seen.text), ..seen.clone() });
        } else if attempt.answer == Answer::Refused {
            let message = format!(
                "port `{}` of {} leads to port {} of pod/{}, which refuses connections after {label}, although the pod is ready",
                port.port,
                service.slashed(),
                attempt.port,
                attempt.pod,
            );
            let hint = "let `targetPort` be the port that the program listens on, on all addresses";
            // Clients of a headless Service ask the DNS for addresses; its port is a formality, unless they look up SRV records.
            let claim = if service.is_headless() { tally.advise(message) } else { tally.fail(message) };
            claim.with([seen.clone()]).hint(hint);
        } else {
            let message = format!(
                "port `{}` of {}: pod/{} does not answer after {label}: {}",
                port.port,
                service.slashed(),
                attempt.pod,
                said(&attempt.answer),
            );
            tally.advise(message).with([seen.clone()]);
        }
    }
}

/// A port without an endpoint is a fault where the Service selects pods that are ready.
fn judge_without_endpoint(
    view: &View,
    run: &StepRun,
    service: &Object,
    seen: &Evidence,
    port: &ServicePort,
    tally: &mut Tally,
) {
    let (_, end) = run.window().unwrap_or_default();
    let hooks = view.hook_jobs();
    let is_passing = |pod: &Object| {
        pod.is_hook()
            || hooks.iter().any(|job| pod.is_owned_by(job.uid()))
            || pod.owners().any(|owner| owner.kind == "Job")
    };
    let pods = view.tracks("Pod").filter_map(|pod| pod.at(end)).filter(|pod| is_behind(service, pod));
    let ready: Vec<&Object> = pods.filter(|pod| pod.is_ready_pod() && !is_passing(pod)).collect();
    let Some(pod) = ready.first() else {
        // Whether pods are missing is for `ready` and `selectors-match` to say.
        tally.proved(Evidence { text: format!("{} (it selects no ready pod)", seen.text), ..seen.clone() });
        return;
    };
    let target = port.target.as_str();
    let containers = pod.pod().into_iter().flat_map(|pod| pod.containers());
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    let named: Vec<&str> = ports.map(|port| port.name.or_empty()).collect();
    let is_missing_name = target.parse::<u16>().is_err() && !named.contains(&target);
    let why = if is_missing_name {
        format!("no container of pod/{} has a port called `{target}` (it has: `{}`)", pod.name(), named.join("`, `"))
    } else {
        format!("pod/{} is ready", pod.name())
    };
    let message =
        format!("port `{}` of {} has no ready endpoint after {}: {why}", port.port, service.slashed(), run.label());
    tally
        .fail(message)
        .with([seen.clone()])
        .hint("let `targetPort` name a port of the containers that the Service selects");
}

/// Whether a Service selects a pod.
fn is_behind(service: &Object, pod: &Object) -> bool {
    has_selector(service) && Selector::of_service(service).selects(pod.labels())
}

#[cfg(test)]
mod tests;
