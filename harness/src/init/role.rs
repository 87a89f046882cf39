//! A role: what a workload's pods are told by, and where they listen.

use std::collections::BTreeSet;

use chartgate_k8s::typed::{Object, OrEmpty, PodTemplate, written};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, ContainerPort, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::label::selector;

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
pub fn of(workload: &Object, objects: &[Object], release: &str) -> Role {
    let pod = workload.template().unwrap_or_else(PodTemplate::empty);
    let spec = &workload.common().spec;
    // What the workload itself selects tells its pods from all others.
    let own = spec.selector.as_ref().and_then(|own| own.match_labels.as_ref());
    let own = own.map(|labels| selector(labels, release)).unwrap_or_default();
    let environment = pod.spec.containers.first().into_iter().flat_map(|container| container.env.iter().flatten());
    let environment = environment.filter_map(|variable| {
        let value = variable.value.as_ref().filter(|value| !value.contains(['\n', '$']))?;
        Some((variable.name.clone(), value.clone()))
    });
    let serves = serves(pod, objects);
    let listens = if serves.is_some() { BTreeSet::new() } else { listens(&pod.spec.containers) };
    let strategy = workload.typed::<Deployment>().and_then(|it| it.spec.as_ref()?.strategy.as_ref()?.type_.as_deref());
    Role {
        select: if own.is_empty() { selector(pod.labels(), release) } else { own },
        serves,
        listens,
        is_single: strategy == Some("Recreate") && spec.replicas.unwrap_or(1) == 1,
        environment: environment.collect(),
    }
}

fn is_tcp(protocol: Option<&str>) -> bool {
    protocol.is_none_or(|protocol| protocol == "TCP")
}

/// The port that a Service sends to: one with an address first, and there the one that readiness is asked at.
fn serves(pod: PodTemplate, objects: &[Object]) -> Option<Serves> {
    let is_in_front = |service: &&Object| {
        let wanted = service.service().and_then(|spec| spec.selector.as_ref()).filter(|wanted| !wanted.is_empty());
        wanted.is_some_and(|wanted| wanted.iter().all(|(key, value)| pod.labels().get(key) == Some(value)))
    };
    let mut services: Vec<&Object> = objects.iter().filter(is_in_front).collect();
    services.sort_by_key(|service| service.is_headless());
    let readiness = readiness(pod);
    let mut first = None;
    for service in services {
        for port in service.service_ports().iter().filter(|port| is_tcp(port.protocol.as_deref())) {
            let target = port.target_port.clone().unwrap_or(IntOrString::Int(port.port));
            let Some(number) = number_of(pod, &target) else { continue };
            let port = written(&target);
            match &readiness {
                Some((asked, path)) if *asked == number && !service.is_headless() => {
                    return Some(Serves { port, ready: Some(path.clone()) });
                }
                _ => first = first.or(Some(Serves { port, ready: None })),
            }
        }
    }
    first
}

/// Port and path of a readiness probe that asks as anyone can: over plain HTTP, at the pod itself.
fn readiness(pod: PodTemplate) -> Option<(i32, String)> {
    let probes =
        pod.spec.containers.iter().filter_map(|container| container.readiness_probe.as_ref()?.http_get.as_ref());
    probes.into_iter().find_map(|get| {
        let is_plain = get.scheme.as_deref().unwrap_or("HTTP") == "HTTP" && get.http_headers.is_none();
        let number = number_of(pod, &get.port).filter(|_| is_plain)?;
        Some((number, get.path.as_deref().unwrap_or("/").to_owned()))
    })
}

/// The TCP ports that the containers name, or that their probes ask at.
fn listens(containers: &[Container]) -> BTreeSet<String> {
    let mut ports = BTreeSet::new();
    for container in containers {
        let declared = container.ports.iter().flatten().filter(|port| is_tcp(port.protocol.as_deref()));
        let declared: Vec<&ContainerPort> = declared.collect();
        ports.extend(declared.iter().map(|it| it.name.clone().unwrap_or_else(|| it.container_port.to_string())));
        let probes = [&container.readiness_probe, &container.liveness_probe, &container.startup_probe];
        let is_new = |port: &IntOrString| {
            let is_it = |known: &&ContainerPort| match port {
                IntOrString::Int(number) => known.container_port == *number,
                IntOrString::String(name) => known.name.or_empty() == name,
            };
            !declared.iter().any(is_it)
        };
        ports.extend(probes.into_iter().flatten().flat_map(asked).filter(is_new).map(|port| written(&port)));
    }
    ports
}

/// The ports that a probe asks at.
fn asked(probe: &Probe) -> impl Iterator<Item = IntOrString> {
    let http = probe.http_get.as_ref().map(|get| get.port.clone());
    let tcp = probe.tcp_socket.as_ref().map(|socket| socket.port.clone());
    let grpc = probe.grpc.as_ref().map(|grpc| IntOrString::Int(grpc.port));
    [http, tcp, grpc].into_iter().flatten()
}

fn number_of(pod: PodTemplate, port: &IntOrString) -> Option<i32> {
    let mut declared = pod.spec.containers.iter().flat_map(|container| container.ports.iter().flatten());
    match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => Some(declared.find(|port| port.name.as_ref() == Some(name))?.container_port),
    }
}
