//! What leads to a Service, and what a Service leads to: routes, webhooks, and the named ports of pods.

use serde_json::Value;

use super::{From, References, listed};
use crate::manifest::{Manifest, Selector, Workload, group, is_kind, title};
use crate::tally::note;
use chartgate_k8s::object::{items, kind, text};

/// A Service that something sends requests to, and the name or number of the port of it, where one is said.
struct Backend<'a> {
    name: &'a str,
    namespace: Option<&'a str>,
    port: Option<String>,
}

/// What the API server calls a Service at where nothing is said.
const WEBHOOK_PORT: &str = "443";

impl<'a> References<'a, '_> {
    pub(super) fn judge_route(&mut self, object: &'a Value) {
        if is_kind(object, "Service") {
            self.judge_target_ports(object);
        }
        for backend in backends(object) {
            self.judge_backend(object, &backend);
        }
    }

    fn judge_backend(&mut self, object: &'a Value, backend: &Backend<'a>) {
        let is_action = backend.port.as_deref() == Some("use-annotation") || Manifest::has_action(object, backend.name);
        if is_action || backend.name.is_empty() {
            return;
        }
        let ns = backend.namespace.unwrap_or_else(|| self.manifest.namespace_of(object));
        let Some(service) = self.resolve(From { object, field: "backend" }, "Service", ns, backend.name) else {
            return;
        };
        let Some(wanted) = &backend.port else { return };
        let is_port =
            |port: &Value| port["name"] == *wanted || wanted.parse().is_ok_and(|number: u64| port["port"] == number);
        if service["spec"]["type"] == "ExternalName" || Manifest::ports(service).any(is_port) {
            return;
        }
        let message =
            format!("{} leads to port `{wanted}` of {}, which has no such port", title(object), title(service));
        let ports = listed(Manifest::ports(service).map(|port| match port["name"].as_str() {
            Some(name) => format!("{} ({name})", port["port"]),
            None => port["port"].to_string(),
        }));
        self.tally.fail(message).hint(format!("its ports are {ports}"));
    }

    /// A Service's `targetPort` that is a name needs a pod that declares a port of that name and protocol.
    fn judge_target_ports(&mut self, service: &'a Value) {
        let selector = Selector::of_service(service);
        if selector.is_empty() || service["spec"]["type"] == "ExternalName" || self.manifest.maker("Pod", "").is_some()
        {
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
        let declares = |port: &Value| pods.iter().flat_map(Workload::ports).any(|of| of["name"] == port["targetPort"]);
        let leads_somewhere = Manifest::ports(service).any(|port| !port["targetPort"].is_string() || declares(port));
        for port in Manifest::ports(service) {
            let Some(target) = port["targetPort"].as_str().filter(|target| target.parse::<u16>().is_err()) else {
                continue;
            };
            let named = |of: &Value| of["name"] == target;
            let protocol = |of: &'a Value| of["protocol"].as_str().unwrap_or("TCP");
            let shown = format!("port {} of {}", port["port"], title(service));
            let all: Vec<&Value> = pods.iter().flat_map(Workload::ports).collect();
            if all.iter().any(|of| named(of) && protocol(of) == protocol(port)) {
                self.tally.proved(note(format!("{shown} leads to the port `{target}` of its pods")));
                continue;
            }
            let whose = listed(pods.iter().map(Workload::title));
            let (message, hint) = match all.iter().find(|of| named(of)) {
                Some(other) => (
                    format!(
                        "{shown} leads to `{target}` by {}, but the pods of {whose} declare it for {}",
                        protocol(port),
                        protocol(other)
                    ),
                    "let both have the same `protocol`".to_owned(),
                ),
                None => (
                    format!("{shown} leads to `{target}`, but no container of {whose} declares a port of that name"),
                    match listed(all.iter().filter_map(|of| of["name"].as_str()).map(|name| format!("`{name}`"))) {
                        none if none.is_empty() => {
                            "give the container's port that name, or let `targetPort` be a number".to_owned()
                        }
                        names => format!("the declared ports are {names}"),
                    },
                ),
            };
            // The names of the pods behind a headless Service resolve without any port.
            match service["spec"]["clusterIP"] == "None" {
                true if leads_somewhere => {}
                true => _ = self.tally.advise(message).hint(hint),
                false => _ = self.tally.fail(message).hint(hint),
            }
        }
    }
}

/// The Services that an object names as where requests go.
fn backends(object: &Value) -> Vec<Backend<'_>> {
    let spec = &object["spec"];
    match (group(object), kind(object)) {
        ("networking.k8s.io" | "extensions", "Ingress") => {
            let paths =
                items(&spec["rules"]).flat_map(|rule| items(&rule["http"]["paths"])).map(|path| &path["backend"]);
            let all = paths.chain([&spec["defaultBackend"], &spec["backend"]]);
            all.filter_map(ingress_backend).collect()
        }
        ("gateway.networking.k8s.io", kind) if kind.ends_with("Route") => {
            let all = items(&spec["rules"]).flat_map(|rule| items(&rule["backendRefs"]));
            all.filter(|it| is_service(it)).map(backend).collect()
        }
        ("route.openshift.io", "Route") => {
            let all = [&spec["to"]].into_iter().chain(items(&spec["alternateBackends"]));
            all.filter(|it| is_service(it)).map(|it| Backend { port: None, ..backend(it) }).collect()
        }
        ("traefik.io" | "traefik.containo.us", "IngressRoute" | "IngressRouteTCP" | "IngressRouteUDP") => {
            let all = items(&spec["routes"]).flat_map(|route| items(&route["services"]));
            all.filter(|it| is_service(it) && !text(&it["name"]).contains('@')).map(backend).collect()
        }
        ("admissionregistration.k8s.io", _) => {
            items(&object["webhooks"]).map(|webhook| called(&webhook["clientConfig"]["service"])).collect()
        }
        ("apiregistration.k8s.io", "APIService") => vec![called(&spec["service"])],
        ("apiextensions.k8s.io", _) => vec![called(&spec["conversion"]["webhook"]["clientConfig"]["service"])],
        _ => Vec::new(),
    }
}

fn is_service(backend: &Value) -> bool {
    let of_group = text(&backend["group"]);
    of_group.is_empty() && backend["kind"].as_str().is_none_or(|kind| kind == "Service")
}

fn backend(it: &Value) -> Backend<'_> {
    Backend { name: text(&it["name"]), namespace: it["namespace"].as_str(), port: name_or_number(&it["port"]) }
}

fn name_or_number(port: &Value) -> Option<String> {
    port.as_str().map(str::to_owned).or_else(|| port.as_u64().map(|number| number.to_string()))
}

/// What the API server calls.
fn called(service: &Value) -> Backend<'_> {
    let called = backend(service);
    Backend { port: called.port.or_else(|| Some(WEBHOOK_PORT.to_owned())), ..called }
}

/// Since `networking.k8s.io/v1` a Service stands in `service`; before, `serviceName` and `servicePort` did.
fn ingress_backend(backend: &Value) -> Option<Backend<'_>> {
    let service = &backend["service"];
    if let Some(name) = service["name"].as_str() {
        let port = &service["port"];
        let port = name_or_number(&port["name"]).or_else(|| name_or_number(&port["number"]));
        return Some(Backend { name, namespace: None, port });
    }
    Some(Backend {
        name: backend["serviceName"].as_str()?,
        namespace: None,
        port: name_or_number(&backend["servicePort"]),
    })
}
