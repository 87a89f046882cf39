//! A role: what a workload's pods are told by, and where they listen.

use std::collections::BTreeSet;

use serde_json::Value;

use super::label::selector;
use chartgate_k8s::object::{items, kind, text};

/// What is known of a role from its workload.
pub struct Role {
    /// Label selector of its pods.
    pub select: String,
    /// Where it serves; `None`: no Service sends to it.
    pub serves: Option<Serves>,
    /// Ports that it listens on, besides what it serves.
    pub listens: BTreeSet<String>,
    /// At most one pod of it runs at a time.
    pub is_single: bool,
    /// Plain variables of its first container.
    pub environment: Vec<(String, String)>,
}

/// What a Service sends to.
pub struct Serves {
    /// Container port, by name or number.
    pub port: String,
    /// Path that says whether a pod is ready, where the port is asked for it over HTTP, and through a Service with an address.
    pub ready: Option<String>,
}

/// The role of a workload among all that the chart renders.
pub fn of(workload: &Value, objects: &[Value], release: &str) -> Role {
    let pod = &workload["spec"]["template"];
    // What the workload itself selects tells its pods from all others.
    let own = selector(&workload["spec"]["selector"]["matchLabels"], release);
    let containers: Vec<&Value> = items(&pod["spec"]["containers"]).collect();
    let environment = containers.first().into_iter().flat_map(|container| items(&container["env"]));
    let environment = environment.filter_map(|variable| {
        let value = variable["value"].as_str().filter(|value| !value.contains(['\n', '$']))?;
        Some((text(&variable["name"]).to_owned(), value.to_owned()))
    });
    let serves = serves(pod, objects);
    let listens = if serves.is_some() { BTreeSet::new() } else { listens(&containers) };
    Role {
        select: if own.is_empty() { selector(&pod["metadata"]["labels"], release) } else { own },
        serves,
        listens,
        is_single: workload["spec"]["strategy"]["type"] == "Recreate"
            && workload["spec"]["replicas"].as_u64().unwrap_or(1) == 1,
        environment: environment.collect(),
    }
}

/// The port that a Service sends to: one with an address first, and there the one that readiness is asked at.
fn serves(pod: &Value, objects: &[Value]) -> Option<Serves> {
    let is_in_front = |service: &&Value| {
        let wanted = service["spec"]["selector"].as_object().filter(|wanted| !wanted.is_empty());
        wanted.is_some_and(|wanted| wanted.iter().all(|(key, value)| pod["metadata"]["labels"][key.as_str()] == *value))
    };
    let services = objects.iter().filter(|object| kind(object) == "Service").filter(is_in_front);
    let mut services: Vec<&Value> = services.collect();
    services.sort_by_key(|service| service["spec"]["clusterIP"] == "None");
    let readiness = readiness(pod);
    let mut first = None;
    for service in services {
        for port in items(&service["spec"]["ports"]).filter(|port| port["protocol"].as_str().unwrap_or("TCP") == "TCP")
        {
            let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
            let Some(number) = number_of(pod, target) else { continue };
            let port = shown(target);
            match &readiness {
                Some((asked, path)) if *asked == number && service["spec"]["clusterIP"] != "None" => {
                    return Some(Serves { port, ready: Some(path.clone()) });
                }
                _ => first = first.or(Some(Serves { port, ready: None })),
            }
        }
    }
    first
}

/// Port and path of a readiness probe that asks as anyone can: over plain HTTP, at the pod itself.
fn readiness(pod: &Value) -> Option<(u64, String)> {
    let containers = items(&pod["spec"]["containers"]);
    containers.map(|container| &container["readinessProbe"]["httpGet"]).find_map(|probe| {
        let is_plain = probe["scheme"].as_str().unwrap_or("HTTP") == "HTTP" && probe["httpHeaders"].is_null();
        let number = number_of(pod, &probe["port"]).filter(|_| is_plain)?;
        Some((number, probe["path"].as_str().unwrap_or("/").to_owned()))
    })
}

/// The TCP ports that the containers name, or that their probes ask at.
fn listens(containers: &[&Value]) -> BTreeSet<String> {
    let mut ports = BTreeSet::new();
    for container in containers {
        let declared = items(&container["ports"]).filter(|port| port["protocol"].as_str().unwrap_or("TCP") == "TCP");
        let declared: Vec<&Value> = declared.collect();
        ports.extend(
            declared
                .iter()
                .map(|port| port["name"].as_str().map_or_else(|| shown(&port["containerPort"]), str::to_owned)),
        );
        for probe in ["readinessProbe", "livenessProbe", "startupProbe"].map(|probe| &container[probe]) {
            let asked = ["httpGet", "tcpSocket", "grpc"].map(|way| &probe[way]["port"]);
            let is_new = |port: &&Value| {
                !port.is_null()
                    && !declared.iter().any(|known| known["name"] == **port || known["containerPort"] == **port)
            };
            ports.extend(asked.into_iter().filter(is_new).map(shown));
        }
    }
    ports
}

fn shown(port: &Value) -> String {
    port.as_str().map_or_else(|| port.to_string(), str::to_owned)
}

fn number_of(pod: &Value, port: &Value) -> Option<u64> {
    let named = |name: &str| {
        let declared = items(&pod["spec"]["containers"]).flat_map(|container| items(&container["ports"]));
        declared.into_iter().find(|declared| declared["name"] == name)?["containerPort"].as_u64()
    };
    port.as_u64().or_else(|| named(port.as_str()?))
}
