//! The ports of the release's Services, asked at each ready endpoint.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use chartgate_k8s::typed::{Object, OrEmpty, written};
use chartgate_process::wait::pause;
use chartgate_protocol::{Question, Scheme};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use serde_json::Value;
use tokio::time::Instant;

use super::address::{host_and_port, is_of_service, state_of};
use super::stage::Stage;
use crate::record::{Answer, Attempt, Moment, ServicePort as Asked, Timeline};
use chartgate_model::guard::guards;

/// A program may open one port after the other: one that is refused is asked again for so long.
const LISTEN_LIMIT: Duration = Duration::from_secs(10);
const LISTEN_PAUSE: Duration = Duration::from_millis(300);
/// More endpoints of one port say nothing more.
const ENDPOINTS: usize = 5;

/// Asks each TCP port of each Service of the manifest that selects pods.
pub async fn ask(step: usize, manifest: &[Value], stage: &Stage, timeline: &Timeline) -> Result<()> {
    let names = manifest.iter().cloned().map(Object::from).filter(Object::is::<Service>);
    let live = names.filter_map(|object| stage.namespace.get("Service", object.name()));
    let live: Vec<Arc<Object>> = live.filter(|service| selects_pods(service)).collect();
    let ports = live.iter().flat_map(|service| service.service_ports().iter().map(move |port| (service, port)));
    let asked = ports
        .filter(|(_, port)| port.protocol.as_deref().is_none_or(|it| it == "TCP"))
        .map(|(service, port)| ask_port(step, service, port, stage));
    let asked: Vec<_> = asked.collect();
    for port in try_join_all(asked).await? {
        timeline.append(Moment::ServicePort(port));
    }
    Ok(())
}

fn selects_pods(service: &Object) -> bool {
    let selector = service.service().and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| !selector.is_empty()) && !service.is_external_name()
}

async fn ask_port(step: usize, service: &Object, port: &ServicePort, stage: &Stage) -> Result<Asked> {
    // A controller notes a pod that became ready a moment later, and a port that no pod has it never notes.
    let is_late = || {
        let is_behind = |pod: &Arc<Object>| pod.is_ready_pod() && is_of_service(service, pod);
        let is_missing = ready_endpoints(service, port, stage).is_empty();
        let has_pod = is_missing && stage.namespace.of_kind("Pod").iter().any(is_behind);
        has_pod.then(|| format!("service/{} has no ready endpoint yet", service.name()))
    };
    drop(stage.wait(Instant::now() + LISTEN_LIMIT, is_late).await);
    let found = endpoints(service, port, stage).into_iter();
    let attempts: Vec<_> = found.map(|(pod, address, number)| attempt(pod, address, number, stage)).collect();
    Ok(Asked {
        step,
        service: service.name().to_owned(),
        port: port.name.clone().unwrap_or_else(|| port.port.to_string()),
        target: port.target_port.as_ref().map_or_else(|| port.port.to_string(), written),
        endpoints: ready_endpoints(service, port, stage).len(),
        attempts: try_join_all(attempts).await?,
    })
}

async fn attempt(pod: String, address: String, port: u16, stage: &Stage) -> Result<Attempt> {
    let before = state_of(stage, Some(&pod));
    let answer = connect(stage, &address).await?;
    let is_ready_throughout = before.is_some() && before == state_of(stage, Some(&pod));
    Ok(Attempt { pod, address, port, answer, is_ready_throughout })
}

/// The ready endpoints of a Service's port, each with the port's number there.
fn ready_endpoints(service: &Object, port: &ServicePort, stage: &Stage) -> Vec<(Endpoint, u16)> {
    let mut found = Vec::new();
    for slice in stage.namespace.of_kind("EndpointSlice") {
        let Some(typed) = slice.typed::<EndpointSlice>() else { continue };
        if slice.slice_of() != Some(service.name()) || typed.address_type == "FQDN" {
            continue;
        }
        let known = typed.ports.iter().flatten().find(|known| known.name.or_empty() == port.name.or_empty());
        let Some(number) = known.and_then(|known| u16::try_from(known.port?).ok()) else { continue };
        let is_ready = |it: &&Endpoint| it.conditions.as_ref().and_then(|it| it.ready) == Some(true);
        found.extend(typed.endpoints.iter().filter(is_ready).map(|endpoint| (endpoint.clone(), number)));
    }
    found
}

/// Pod, address and port of each ready endpoint that the prober may ask.
fn endpoints(service: &Object, port: &ServicePort, stage: &Stage) -> Vec<(String, String, u16)> {
    let policies = stage.namespace.of_kind("NetworkPolicy");
    let mut found = Vec::new();
    for (endpoint, number) in ready_endpoints(service, port, stage) {
        let pod = endpoint.target_ref.as_ref().map_or("", |target| target.name.or_empty());
        let live = stage.namespace.get("Pod", pod);
        let template = live.as_ref().and_then(|pod| pod.pod());
        let is_guarded = template.is_none_or(|pod| policies.iter().any(|policy| guards(policy, pod)));
        if let (false, Some(address)) = (is_guarded, endpoint.addresses.first()) {
            found.push((pod.to_owned(), host_and_port(address, number), number));
        }
    }
    found.truncate(ENDPOINTS);
    found
}

async fn connect(stage: &Stage, address: &str) -> Result<Answer> {
    let deadline = Instant::now() + LISTEN_LIMIT;
    loop {
        let (address, limit_ms) = (address.to_owned(), 0);
        let scheme = Scheme::default();
        let question = Question { id: 0, scheme, address, path: None, control: None, session: None, limit_ms };
        let reply = stage.prober.ask(question).await?;
        if reply.answer != Answer::Refused || Instant::now() >= deadline {
            return Ok(reply.answer);
        }
        pause(LISTEN_PAUSE).await;
    }
}
