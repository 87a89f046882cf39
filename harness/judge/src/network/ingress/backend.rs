//! What a route names: Services, their ports, and hosts.

use chartgate_k8s::typed::{Object, OrEmpty};
use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::api::discovery::v1::{EndpointPort, EndpointSlice};
use k8s_openapi::api::networking::v1::{Ingress, IngressBackend, IngressSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::manifest::custom::{GatewayRoute, GatewayRule};

/// A Service that a route names, and the port of it: a name, a number, or nothing where a route has to say none.
pub(super) struct Backend<'a> {
    pub(super) service: &'a str,
    pub(super) port: Option<IntOrString>,
}

pub(super) fn ingress(object: &Object) -> Option<&IngressSpec> {
    object.typed::<Ingress>()?.spec.as_ref()
}

/// The Services that a route names in its own namespace.
pub(super) fn backends(object: &Object) -> Vec<Backend<'_>> {
    let spec = ingress(object);
    let paths = spec.into_iter().flat_map(|spec| spec.rules.iter().flatten()).filter_map(|rule| rule.http.as_ref());
    let paths = paths.flat_map(|http| &http.paths).map(|path| &path.backend);
    let of_ingress = spec.and_then(|spec| spec.default_backend.as_ref()).into_iter().chain(paths);
    of_ingress.filter_map(ingress_backend).chain(gateway_rules(object).iter().flat_map(route_backends)).collect()
}

/// The Service of a backend of an Ingress.
pub(super) fn ingress_backend(backend: &IngressBackend) -> Option<Backend<'_>> {
    let service = backend.service.as_ref()?;
    let port = service.port.as_ref();
    let named = port.and_then(|port| port.name.clone()).map(IntOrString::String);
    let port = named.or_else(|| port?.number.map(IntOrString::Int));
    Some(Backend { service: &service.name, port })
}

pub(super) fn gateway_rules(object: &Object) -> &[GatewayRule] {
    let route = if object.kind() == "HTTPRoute" { object.custom::<GatewayRoute>() } else { None };
    route.map_or(&[], |route| &route.spec.rules)
}

/// The Services of a rule of an `HTTPRoute`. Another kind, or a Service of another namespace, is not the release's.
pub(super) fn route_backends(rule: &GatewayRule) -> impl Iterator<Item = Backend<'_>> {
    let ours = rule.backend_refs.iter().filter(|it| it.is_service() && it.namespace.is_none());
    ours.map(|it| Backend { service: &it.name, port: it.port.clone() })
}

pub(super) fn is_port(declared: &ServicePort, wanted: Option<&IntOrString>) -> bool {
    match wanted {
        Some(IntOrString::Int(number)) => declared.port == *number,
        Some(IntOrString::String(name)) => declared.name.as_ref() == Some(name),
        None => false,
    }
}

/// Whether a slice is about a port of its Service.
pub(super) fn has_port(slice: &Object, declared: &ServicePort) -> bool {
    let is_it = |port: &EndpointPort| port.name.or_empty() == declared.name.or_empty();
    slice.typed::<EndpointSlice>().is_some_and(|slice| slice.ports.iter().flatten().any(is_it))
}

/// Whether `pattern`, which may begin with `*.`, means a host.
pub(super) fn covers(pattern: &str, host: &str) -> bool {
    let below =
        || pattern.strip_prefix('*').is_some_and(|end| host.strip_suffix(end).is_some_and(|it| !it.contains('.')));
    pattern == host || below()
}
