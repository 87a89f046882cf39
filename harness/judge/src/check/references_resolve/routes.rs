//! What leads to a Service, and what a Service leads to: routes, webhooks, and the named ports of pods.

use chartgate_k8s::typed::{Object, OrEmpty, decode, written};
use k8s_openapi::api::core::v1::{ContainerPort, ServicePort};
use k8s_openapi::api::networking::v1::{Ingress, IngressBackend};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;

use super::{From, References, listed};
use crate::manifest::custom::{BackendRef, GatewayRoute, OldBackend, OldIngress, OpenShiftRoute, TraefikRoute};
use crate::manifest::{Manifest, Selector, Workload, webhooks};
use crate::tally::note;

/// A Service that something sends requests to, and the name or number of the port of it, where one is said.
struct Backend {
    name: String,
    namespace: Option<String>,
    port: Option<String>,
}

/// What the API server calls a Service at where nothing is said.
const WEBHOOK_PORT: &str = "443";

impl<'a> References<'a, '_> {
    pub(super) fn judge_route(&mut self, object: &'a Object) {
        self.judge_target_ports(object);
        for backend in backends(object) {
            self.judge_backend(object, &backend);
        }
    }

    fn judge_backend(&mut self, object: &'a Object, backend: &Backend) {
        let is_action =
            backend.port.as_deref() == Some("use-annotation") || Manifest::has_action(object, &backend.name);
        if is_action || backend.name.is_empty() {
            return;
        }
        let ns = backend.namespace.as_deref().unwrap_or_else(|| self.manifest.namespace_of(object));
        let Some(service) = self.resolve(From { object, field: "backend" }, "Service", ns, &backend.name) else {
            return;
        };
        let Some(wanted) = &backend.port else { return };
        let is_port = |port: &ServicePort| port.name.as_ref() == Some(wanted) || port.port.to_string() == *wanted;
        if service.is_external_name() || service.service_ports().iter().any(is_port) {
            return;
        }
        let message =
            format!("{} leads to port `{wanted}` of {}, which has no such port", object.slashed(), service.slashed());
        let ports = listed(service.service_ports().iter().map(|port| match &port.name {
            Some(name) => format!("{} ({name})", port.port),
            None => port.port.to_string(),
        }));
        self.tally.fail(message).hint(format!("its ports are {ports}"));
    }

    /// A Service's `targetPort` that is a name needs a pod that declares a port of that name and protocol.
    fn judge_target_ports(&mut self, service: &'a Object) {
        let selector = Selector::of_service(service);
        if selector.is_empty() || service.is_external_name() || self.manifest.maker("Pod", "").is_some() {
            return;
        }
        let ns = self.manifest.namespace_of(service);
        let pods: Vec<Workload> = self
            .manifest
            .workloads()
            .into_iter()
            .filter(|it| it.namespace == ns && selector.selects_pods_of(it))
            .collect();
        if pods.is_empty() || pods.iter().any(Self::is_injected) {
            return;
        }
        let all: Vec<&ContainerPort> = pods.iter().flat_map(Workload::ports).collect();
        let leads_somewhere = service.service_ports().iter().any(|port| match &port.target_port {
            Some(IntOrString::String(target)) => all.iter().any(|of| of.name.as_ref() == Some(target)),
            _ => true,
        });
        for port in service.service_ports() {
            let Some(IntOrString::String(target)) = &port.target_port else { continue };
            if target.parse::<u16>().is_ok() {
                continue;
            }
            let named = |of: &ContainerPort| of.name.as_ref() == Some(target);
            let shown = format!("port {} of {}", port.port, service.slashed());
            let wanted = port.protocol.as_deref().unwrap_or("TCP");
            let protocol = |of: &ContainerPort| of.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            if all.iter().any(|of| named(of) && protocol(of) == wanted) {
                self.tally.proved(note(format!("{shown} leads to the port `{target}` of its pods")));
                continue;
            }
            let whose = listed(pods.iter().map(Workload::slashed));
            let (message, hint) = match all.iter().find(|of| named(of)) {
                Some(other) => (
                    format!(
                        "{shown} leads to `{target}` by {wanted}, but the pods of {whose} declare it for {}",
                        protocol(other)
                    ),
                    "let both have the same `protocol`".to_owned(),
                ),
                None => (
                    format!("{shown} leads to `{target}`, but no container of {whose} declares a port of that name"),
                    match listed(all.iter().filter_map(|of| of.name.as_ref()).map(|name| format!("`{name}`"))) {
                        none if none.is_empty() => {
                            "give the container's port that name, or let `targetPort` be a number".to_owned()
                        }
                        names => format!("the declared ports are {names}"),
                    },
                ),
            };
            // The names of the pods behind a headless Service resolve without any port.
            match service.is_headless() {
                true if leads_somewhere => {}
                true => _ = self.tally.advise(message).hint(hint),
                false => _ = self.tally.fail(message).hint(hint),
            }
        }
    }
}

/// The Services that an object names as where requests go.
fn backends(object: &Object) -> Vec<Backend> {
    match (object.group(), object.kind()) {
        ("networking.k8s.io" | "extensions", "Ingress") => of_ingress(object),
        ("gateway.networking.k8s.io", kind) if kind.ends_with("Route") => {
            let rules = object.custom::<GatewayRoute>().into_iter().flat_map(|route| &route.spec.rules);
            services(rules.flat_map(|rule| &rule.backend_refs)).collect()
        }
        ("route.openshift.io", "Route") => {
            let specs = object.custom::<OpenShiftRoute>().into_iter().map(|route| &route.spec);
            let all = specs.flat_map(|spec| std::iter::once(&spec.to).chain(&spec.alternate_backends));
            services(all).map(|backend| Backend { port: None, ..backend }).collect()
        }
        ("traefik.io" | "traefik.containo.us", "IngressRoute" | "IngressRouteTCP" | "IngressRouteUDP") => {
            let rules = object.custom::<TraefikRoute>().into_iter().flat_map(|route| &route.spec.routes);
            services(rules.flat_map(|rule| &rule.services).filter(|it| !it.name.contains('@'))).collect()
        }
        _ => called(object),
    }
}

fn services<'a>(all: impl Iterator<Item = &'a BackendRef>) -> impl Iterator<Item = Backend> {
    all.filter(|it| it.is_service()).map(|it| Backend {
        name: it.name.clone(),
        namespace: it.namespace.clone(),
        port: it.port.as_ref().map(written),
    })
}

/// Since `networking.k8s.io/v1` a Service stands in `service`; before, `serviceName` and `servicePort` did.
fn of_ingress(object: &Object) -> Vec<Backend> {
    if object.api_version().ends_with("v1beta1") {
        let old = decode::<OldIngress>(object.raw()).spec;
        let paths = old.rules.into_iter().flat_map(|rule| rule.http.paths).filter_map(|path| path.backend);
        let backend = |it: OldBackend| {
            Some(Backend { name: it.service_name?, namespace: None, port: it.service_port.as_ref().map(written) })
        };
        return paths.chain(old.backend).filter_map(backend).collect();
    }
    let Some(spec) = object.typed::<Ingress>().and_then(|ingress| ingress.spec.as_ref()) else { return Vec::new() };
    let rules = spec.rules.iter().flatten().filter_map(|rule| rule.http.as_ref());
    let backends = rules.flat_map(|http| &http.paths).map(|path| &path.backend).chain(&spec.default_backend);
    let backend = |it: &IngressBackend| {
        let service = it.service.as_ref()?;
        let port = service.port.as_ref();
        let port = port.and_then(|port| port.name.clone().or_else(|| port.number.map(|number| number.to_string())));
        Some(Backend { name: service.name.clone(), namespace: None, port })
    };
    backends.filter_map(backend).collect()
}

/// What the API server calls, by a webhook or for an API of its own.
fn called(object: &Object) -> Vec<Backend> {
    let asked = webhooks(object);
    if !asked.is_empty() {
        let services = asked.iter().filter_map(|webhook| webhook.service);
        return services.map(|it| backend(&it.name, Some(&it.namespace), it.port)).collect();
    }
    if let Some(it) = object.typed::<CustomResourceDefinition>() {
        let webhook = it.spec.conversion.as_ref().and_then(|conversion| conversion.webhook.as_ref());
        let service = webhook.and_then(|webhook| webhook.client_config.as_ref()?.service.as_ref());
        let backend = service.map(|it| backend(&it.name, Some(&it.namespace), it.port));
        return backend.into_iter().collect();
    }
    let service = object.typed::<APIService>().and_then(|it| it.spec.as_ref()?.service.as_ref());
    let backend = service.map(|it| backend(it.name.or_empty(), it.namespace.as_ref(), it.port));
    backend.into_iter().collect()
}

fn backend(name: &str, namespace: Option<&String>, port: Option<i32>) -> Backend {
    let port = port.map_or(WEBHOOK_PORT.to_owned(), |port| port.to_string());
    Backend { name: name.to_owned(), namespace: namespace.cloned(), port: Some(port) }
}
