//! The samples after a step: which pods accept connections, and what they answer.

use std::sync::Arc;

use anyhow::Result;
use futures::future::try_join_all;
use serde_json::Value;

use super::stage::Stage;
use crate::judge::ready::{is_ready_pod, is_selected};
use crate::plan::{Plan, Role, Serves};
use crate::record::{Moment, Probe, Timeline};

/// A question, before it is asked.
struct Ask<'a> {
    role: &'a str,
    pod: Option<String>,
    address: String,
    path: Option<&'a str>,
    control: Option<String>,
}

/// Asks every ready pod of every role, and each Service in front of a serving role, all at the same time.
pub async fn take(plan: &Plan, step: usize, stage: &Stage, timeline: &Timeline) -> Result<()> {
    let pods: Vec<Arc<Value>> = stage.namespace.of_kind("Pod").into_iter().filter(|pod| is_ready_pod(pod)).collect();
    let of_role = |role: &Role| pods.iter().filter(|pod| is_selected(&role.select, pod)).cloned().collect::<Vec<_>>();
    let serving: Vec<(&Role, &Serves)> =
        plan.present_roles().filter_map(|(_, role)| Some((role, role.serves.as_ref()?))).collect();
    let control = serving.iter().find_map(|(role, serves)| {
        of_role(role).iter().find_map(|pod| Some(address(pod, port_of(pod, &serves.port)?)))
    });
    let served_ports = serving.iter().flat_map(|(role, serves)| {
        of_role(role).iter().filter_map(|pod| port_of(pod, &serves.port)).collect::<Vec<_>>()
    });
    let served_ports: Vec<u16> = served_ports.collect();

    let mut asks = Vec::new();
    for (name, role) in plan.present_roles() {
        for pod in of_role(role) {
            let own_name = pod["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let ask = |port: u16, path| Ask {
                role: name,
                pod: Some(own_name.clone()),
                address: address(&pod, port),
                path,
                control: control.clone(),
            };
            if let Some(serves) = &role.serves {
                let Some(port) = port_of(&pod, &serves.port) else { continue };
                asks.push(ask(port, None));
                asks.extend(serves.paths.iter().map(|path| ask(port, Some(path.path.as_str()))));
            } else {
                let mut ports = [served_ports.clone(), own_ports(&pod)].concat();
                ports.sort_unstable();
                ports.dedup();
                asks.extend(ports.into_iter().map(|port| ask(port, None)));
            }
        }
        if let Some(serves) = &role.serves {
            for address in service_addresses(stage, &of_role(role), &serves.port) {
                asks.extend(serves.paths.iter().map(|path| Ask {
                    role: name,
                    pod: None,
                    address: address.clone(),
                    path: Some(path.path.as_str()),
                    control: None,
                }));
            }
        }
    }
    let probes = asks.into_iter().map(async |ask| {
        let before = state_of(stage, ask.pod.as_ref());
        let reply = stage.prober.ask(&ask.address, ask.path, ask.control.as_deref()).await?;
        let after = state_of(stage, ask.pod.as_ref());
        anyhow::Ok(Probe {
            step,
            role: ask.role.to_owned(),
            pod: ask.pod,
            address: ask.address,
            path: ask.path.map(str::to_owned),
            ready_throughout: before.is_some() && before == after,
            answer: reply.answer,
            control: reply.control,
        })
    });
    for probe in try_join_all(probes).await? {
        timeline.append(Moment::Probe(probe));
    }
    Ok(())
}

/// What must not change while a pod is asked: it is the same, Ready, and was not restarted.
fn state_of(stage: &Stage, pod: Option<&String>) -> Option<(String, u64)> {
    let Some(name) = pod else { return Some(Default::default()) };
    let pod = stage.namespace.get("Pod", name).filter(|pod| is_ready_pod(pod))?;
    let statuses = pod["status"]["containerStatuses"].as_array()?;
    let restarts = statuses.iter().filter_map(|status| status["restartCount"].as_u64()).sum();
    Some((pod["metadata"]["uid"].as_str()?.to_owned(), restarts))
}

fn address(pod: &Value, port: u16) -> String {
    host_and_port(pod["status"]["podIP"].as_str().unwrap_or_default(), port)
}

fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn declared_ports(pod: &Value) -> impl Iterator<Item = &Value> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers.filter_map(|container| container["ports"].as_array()).flatten()
}

fn own_ports(pod: &Value) -> Vec<u16> {
    declared_ports(pod).filter_map(|port| port["containerPort"].as_u64()?.try_into().ok()).collect()
}

fn port_of(pod: &Value, port: &str) -> Option<u16> {
    let named = || declared_ports(pod).find(|declared| declared["name"] == port)?["containerPort"].as_u64();
    port.parse().ok().or_else(|| named()?.try_into().ok())
}

/// Cluster addresses of the Services that send to the given pods' serving port.
fn service_addresses(stage: &Stage, pods: &[Arc<Value>], port: &str) -> Vec<String> {
    let Some(pod) = pods.first() else { return Vec::new() };
    let number = port_of(pod, port);
    let mut addresses = Vec::new();
    for service in stage.namespace.of_kind("Service") {
        let selector = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty());
        let is_ours = selector.is_some_and(|selector| {
            selector.iter().all(|(key, value)| pod["metadata"]["labels"][key.as_str()] == *value)
        });
        let Some(host) = service["spec"]["clusterIP"].as_str().filter(|host| is_ours && *host != "None") else {
            continue;
        };
        for declared in service["spec"]["ports"].as_array().into_iter().flatten() {
            let target = match &declared["targetPort"] {
                Value::String(name) => port_of(pod, name),
                other => other.as_u64().and_then(|number| number.try_into().ok()),
            };
            let own = declared["port"].as_u64().and_then(|number| u16::try_from(number).ok());
            if let (true, Some(own)) = (target == number, own) {
                addresses.push(host_and_port(host, own));
            }
        }
    }
    addresses
}
