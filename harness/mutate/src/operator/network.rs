//! Services, routes and policies.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{Ingress, IngressServiceBackend, NetworkPolicy, NetworkPolicyEgressRule};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::objects::Objects;

const DNS: i32 = 53;

/// The labels that the pods of all workloads have.
fn shared_labels(objects: &Objects) -> Option<BTreeMap<String, String>> {
    let all: Vec<BTreeMap<String, String>> =
        objects.templates().into_iter().map(|pod| pod.metadata.and_then(|it| it.labels).unwrap_or_default()).collect();
    let (first, rest) = all.split_first()?;
    let is_shared = |(key, value): &(&String, &String)| rest.iter().all(|labels| labels.get(*key) == Some(*value));
    let shared = first.iter().filter(is_shared).map(|(key, value)| (key.clone(), value.clone()));
    (!rest.is_empty()).then(|| shared.collect())
}

/// The Service brings requests to each workload's pods.
pub(crate) fn selecting_every_workload(objects: &mut Objects) {
    let Some(shared) = shared_labels(objects) else { return };
    objects.each::<Service>(|it| {
        let Some(selector) = it.spec.as_mut().and_then(|spec| spec.selector.as_mut()) else { return };
        let wide: BTreeMap<_, _> =
            selector.clone().into_iter().filter(|(key, value)| shared.get(key) == Some(value)).collect();
        // Without a selector, a Service has no endpoints at all, which is another harm.
        if !wide.is_empty() {
            *selector = wide;
        }
    });
}

pub(crate) fn to_a_port_that_is_not_there(objects: &mut Objects) {
    objects.each::<Service>(|it| {
        let selects = it.spec.as_ref().is_some_and(|spec| spec.selector.is_some());
        for port in it.spec.iter_mut().flat_map(|spec| spec.ports.iter_mut().flatten()).filter(|_| selects) {
            port.target_port = Some(match &port.target_port {
                Some(IntOrString::String(name)) => IntOrString::String(format!("{}-gone", &name[..name.len().min(10)])),
                Some(IntOrString::Int(number)) => IntOrString::Int(number + 1),
                None => IntOrString::Int(port.port + 1),
            });
        }
    });
}

pub(crate) fn routed_to_a_port_that_is_not_there(objects: &mut Objects) {
    let lead_astray = |service: &mut IngressServiceBackend| {
        if let Some(port) = &mut service.port {
            (port.name, port.number) = (Some("gone".to_owned()), None);
        }
    };
    objects.each::<Ingress>(|it| {
        let rules = it.spec.iter_mut().flat_map(|spec| spec.rules.iter_mut().flatten());
        let paths = rules.filter_map(|rule| rule.http.as_mut()).flat_map(|http| &mut http.paths);
        paths.filter_map(|path| path.backend.service.as_mut()).for_each(lead_astray);
    });
}

/// Egress as before, less the ports of DNS.
pub(crate) fn without_dns(objects: &mut Objects) {
    let is_dns = |port: &Option<IntOrString>| *port == Some(IntOrString::Int(DNS));
    objects.each::<NetworkPolicy>(|it| {
        let Some(rules) = it.spec.as_mut().and_then(|spec| spec.egress.as_mut()) else { return };
        let has_dns = |rule: &NetworkPolicyEgressRule| rule.ports.iter().flatten().any(|port| is_dns(&port.port));
        for rule in rules.iter_mut().filter(|rule| has_dns(rule)) {
            rule.ports.iter_mut().for_each(|ports| ports.retain(|port| !is_dns(&port.port)));
        }
        // No ports would mean each port.
        rules.retain(|rule| rule.ports.as_ref().is_none_or(|ports| !ports.is_empty()));
    });
}
