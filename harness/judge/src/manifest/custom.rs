//! Custom resources that checks read: the fields that are looked at, in the form that their definitions give them.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

/// A route of the Gateway API: an `HTTPRoute`, or one of another protocol.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GatewayRoute {
    pub(crate) spec: GatewayRouteSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GatewayRouteSpec {
    pub(crate) hostnames: Vec<String>,
    pub(crate) rules: Vec<GatewayRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct GatewayRule {
    pub(crate) matches: Vec<GatewayMatch>,
    pub(crate) backend_refs: Vec<BackendRef>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GatewayMatch {
    pub(crate) path: PathMatch,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PathMatch {
    #[serde(rename = "type")]
    pub(crate) type_: Option<String>,
    pub(crate) value: Option<String>,
}

/// What a route sends requests to: a Service, where it says nothing else.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BackendRef {
    pub(crate) group: String,
    pub(crate) kind: Option<String>,
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) port: Option<IntOrString>,
}

impl BackendRef {
    pub(crate) fn is_service(&self) -> bool {
        self.group.is_empty() && self.kind.as_deref().is_none_or(|kind| kind == "Service")
    }
}

/// A `Route` of `OpenShift`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OpenShiftRoute {
    pub(crate) spec: OpenShiftRouteSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct OpenShiftRouteSpec {
    pub(crate) to: BackendRef,
    pub(crate) alternate_backends: Vec<BackendRef>,
}

/// An `IngressRoute` of Traefik, or one of TCP or UDP.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TraefikRoute {
    pub(crate) spec: TraefikRouteSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TraefikRouteSpec {
    pub(crate) routes: Vec<TraefikRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TraefikRule {
    pub(crate) services: Vec<BackendRef>,
}

/// An Ingress as it was before `networking.k8s.io/v1`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OldIngress {
    pub(crate) spec: OldIngressSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OldIngressSpec {
    pub(crate) backend: Option<OldBackend>,
    pub(crate) rules: Vec<OldRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OldRule {
    pub(crate) http: OldPaths,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OldPaths {
    pub(crate) paths: Vec<OldPath>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OldPath {
    pub(crate) backend: Option<OldBackend>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct OldBackend {
    pub(crate) service_name: Option<String>,
    pub(crate) service_port: Option<IntOrString>,
}

/// What asks pods or Services for metrics: one of Prometheus' operator, or of `VictoriaMetrics`'.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Monitor {
    pub(crate) spec: MonitorSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MonitorSpec {
    pub(crate) namespace_selector: NamespaceSelector,
    pub(crate) endpoints: Vec<MonitorEndpoint>,
    pub(crate) pod_metrics_endpoints: Vec<MonitorEndpoint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct NamespaceSelector {
    pub(crate) any: bool,
    pub(crate) match_names: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MonitorEndpoint {
    /// The name of a port.
    pub(crate) port: Option<String>,
}
