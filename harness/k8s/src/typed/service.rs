//! Services, and the claims that a StatefulSet makes.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Object;

impl Object {
    /// What a Service is to do.
    pub fn service(&self) -> Option<&ServiceSpec> {
        self.typed::<Service>()?.spec.as_ref()
    }

    /// Whether a Service has no address of its own: the DNS tells those of its pods.
    pub fn is_headless(&self) -> bool {
        self.service().is_some_and(|spec| spec.cluster_ip.as_deref() == Some("None"))
    }

    /// Whether a Service is a name for something outside the cluster.
    pub fn is_external_name(&self) -> bool {
        self.service().is_some_and(|spec| spec.type_.as_deref() == Some("ExternalName"))
    }

    /// The ports of a Service.
    pub fn service_ports(&self) -> &[ServicePort] {
        self.service().and_then(|spec| spec.ports.as_deref()).unwrap_or_default()
    }

    /// The Service that an EndpointSlice is of.
    pub fn slice_of(&self) -> Option<&str> {
        self.labels().get("kubernetes.io/service-name").map(String::as_str)
    }

    /// The endpoints of an EndpointSlice.
    pub fn endpoints(&self) -> &[Endpoint] {
        self.typed::<EndpointSlice>().map_or(&[], |slice| &slice.endpoints)
    }

    /// The claims that a StatefulSet makes for each of its pods.
    pub fn claim_templates(&self) -> &[PersistentVolumeClaim] {
        let spec = self.typed::<StatefulSet>().and_then(|set| set.spec.as_ref());
        spec.and_then(|spec| spec.volume_claim_templates.as_deref()).unwrap_or_default()
    }
}

/// Whether an endpoint takes requests. Where nobody says, it does (Kubernetes' API, `EndpointConditions`).
pub fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready) != Some(false)
}

/// A name or a number, as it was written.
pub fn written(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(text) => text.clone(),
    }
}
