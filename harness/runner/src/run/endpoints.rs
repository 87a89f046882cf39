//! The ports of the release's Services, asked at each ready endpoint.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use chartgate_protocol::Question;
use futures::future::try_join_all;
use serde_json::Value;
use tokio::time::Instant;

use super::sample::{host_and_port, state_of};
use super::stage::Stage;
use crate::record::{Answer, Attempt, Moment, ServicePort, Timeline};
use crate::wait::pause;
use chartgate_k8s::object::{items, kind, name, text};
use chartgate_model::guard::guards;

/// A program may open one port after the other: one that is refused is asked again for so long.
const LISTEN_LIMIT: Duration = Duration::from_secs(10);
const LISTEN_PAUSE: Duration = Duration::from_millis(300);
/// More endpoints of one port say nothing more.
const ENDPOINTS: usize = 5;

/// Asks each TCP port of each Service of the manifest that selects pods.
pub async fn ask(step: usize, manifest: &[Value], stage: &Stage, timeline: &Timeline) -> Result<()> {
    let services = manifest.iter().filter(|object| kind(object) == "Service");
    let live = services.filter_map(|object| stage.namespace.get("Service", name(object)));
    let live: Vec<Arc<Value>> = live.filter(|service| selects_pods(service)).collect();
    let ports = live.iter().flat_map(|service| items(&service["spec"]["ports"]).map(move |port| (service, port)));
    let asked = ports
        .filter(|(_, port)| port["protocol"].as_str().is_none_or(|it| it == "TCP"))
        .map(|(service, port)| ask_port(step, service, port, stage));
    let asked: Vec<_> = asked.collect();
    for port in try_join_all(asked).await? {
        timeline.append(Moment::ServicePort(port));
    }
    Ok(())
}

fn selects_pods(service: &Value) -> bool {
    let has_selector = service["spec"]["selector"].as_object().is_some_and(|selector| !selector.is_empty());
    has_selector && service["spec"]["type"] != "ExternalName"
}

async fn ask_port(step: usize, service: &Value, port: &Value, stage: &Stage) -> Result<ServicePort> {
    let written = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
    let found = endpoints(service, port, stage).into_iter();
    let attempts: Vec<_> = found.map(|(pod, address, number)| attempt(pod, address, number, stage)).collect();
    Ok(ServicePort {
        step,
        service: name(service).to_owned(),
        port: written(if port["name"].is_string() { &port["name"] } else { &port["port"] }),
        target: written(target),
        attempts: try_join_all(attempts).await?,
    })
}

async fn attempt(pod: String, address: String, port: u16, stage: &Stage) -> Result<Attempt> {
    let before = state_of(stage, Some(&pod));
    let answer = connect(stage, &address).await?;
    let is_ready_throughout = before.is_some() && before == state_of(stage, Some(&pod));
    Ok(Attempt { pod, address, port, answer, is_ready_throughout })
}

/// Pod, address and port of each ready endpoint that the prober may ask.
fn endpoints(service: &Value, port: &Value, stage: &Stage) -> Vec<(String, String, u16)> {
    let policies = stage.namespace.of_kind("NetworkPolicy");
    let slices = stage.namespace.of_kind("EndpointSlice");
    let of_service = slices.iter().filter(|slice| {
        slice["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]
            && slice["addressType"] != "FQDN"
    });
    let mut found = Vec::new();
    for slice in of_service {
        let number = items(&slice["ports"]).find(|known| text(&known["name"]) == text(&port["name"]));
        let number = number.and_then(|known| u16::try_from(known["port"].as_u64()?).ok());
        let Some(number) = number else { continue };
        for endpoint in items(&slice["endpoints"]).filter(|endpoint| endpoint["conditions"]["ready"] == true) {
            let pod = text(&endpoint["targetRef"]["name"]);
            let live = stage.namespace.get("Pod", pod);
            let is_guarded = live.as_ref().is_none_or(|pod| policies.iter().any(|policy| guards(policy, pod)));
            if let (false, Some(address)) = (is_guarded, endpoint["addresses"][0].as_str()) {
                found.push((pod.to_owned(), host_and_port(address, number), number));
            }
        }
    }
    found.truncate(ENDPOINTS);
    found
}

async fn connect(stage: &Stage, address: &str) -> Result<Answer> {
    let deadline = Instant::now() + LISTEN_LIMIT;
    loop {
        let (address, limit_ms) = (address.to_owned(), 0);
        let question = Question { id: 0, address, path: None, control: None, session: None, limit_ms };
        let reply = stage.prober.ask(question).await?;
        if reply.answer != Answer::Refused || Instant::now() >= deadline {
            return Ok(reply.answer);
        }
        pause(LISTEN_PAUSE).await;
    }
}
