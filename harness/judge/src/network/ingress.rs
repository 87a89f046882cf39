//! `ingress-leads`: what the release's routes name is there.

mod promised;

use serde_json::Value;

use crate::tally::{Claim, Tally, not_applicable, note};
use crate::view::{StepRun, Track, View};
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::{items, kind, text, title};

pub(crate) const INGRESS_LEADS: Check = Check {
    name: "ingress-leads",
    proves: "every Ingress and HTTPRoute leads to a port of a Service that has ready endpoints, by the contract's `routes` of the right role, and its TLS Secrets and hosts are there",
    means: "users of a host get an error page or a wrong certificate, though every pod is ready",
    explanation: include_str!("../explanation/ingress-leads.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: ingress_leads,
};

fn ingress_leads(view: &View) -> Finding {
    if !view.rendered().any(is_route) {
        return not_applicable(INGRESS_LEADS.name, "the chart renders no Ingress and no HTTPRoute");
    }
    let mut tally = Tally::of_whole(INGRESS_LEADS.name, view);
    for run in view.settled() {
        let (Some(release), Some((_, end))) = (view.release_of(run), run.window()) else { continue };
        if let Some((seen, why)) = view.gap_in(run, &["Service", "EndpointSlice", "Secret"]) {
            tally.void(format!("where routes led after {} is unknown: {why}", run.label())).with([seen]);
            continue;
        }
        let routes: Vec<&Value> = view.manifest(release).into_iter().filter(|object| is_route(object)).collect();
        for route in &routes {
            Route { view, run, end, object: route }.judge(&mut tally);
        }
        // Where these values render no route, none is promised.
        if !routes.is_empty() {
            promised::judge(view, run, end, &routes, &mut tally);
        }
    }
    tally.finish("every route led to ready endpoints, and its TLS Secrets and hosts were there")
}

fn is_route(object: &Value) -> bool {
    matches!(kind(object), "Ingress" | "HTTPRoute")
}

/// A route at the end of a step.
struct Route<'a> {
    view: &'a View<'a>,
    run: &'a StepRun<'a>,
    end: u64,
    object: &'a Value,
}

/// A Service that a route names, and the port of it: a name, a number, or nothing where a route has to say none.
struct Backend<'a> {
    service: &'a str,
    port: &'a Value,
}

impl Route<'_> {
    fn judge(&self, tally: &mut Tally) {
        let spec = &self.object["spec"];
        let backends = backends(spec);
        if backends.is_empty() {
            self.fail(tally, "leads nowhere: it names no Service").hint("give each path a `backend`");
        }
        for backend in backends {
            self.judge_backend(&backend, tally);
        }
        let hosts: Vec<&str> = items(&spec["rules"]).map(|rule| text(&rule["host"])).collect();
        for tls in items(&spec["tls"]) {
            self.judge_secret(text(&tls["secretName"]), tally);
            for host in items(&tls["hosts"]).map(text) {
                // A rule without a host is one of all hosts.
                if !hosts.iter().any(|rule| rule.is_empty() || covers(host, rule) || covers(rule, host)) {
                    let known = if hosts.is_empty() { "none".to_owned() } else { format!("`{}`", hosts.join("`, `")) };
                    self.fail(tally, &format!("has TLS for `{host}`, which is a host of no rule; hosts are {known}"));
                }
            }
        }
    }

    fn judge_backend(&self, backend: &Backend, tally: &mut Tally) {
        let Backend { service: wanted, port } = backend;
        let Some(service) = self.view.object_at("Service", wanted, self.end) else {
            let known: Vec<&str> =
                self.view.tracks("Service").filter(|it| it.at(self.end).is_some()).map(Track::name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { format!("`{}`", known.join("`, `")) };
            self.fail(tally, &format!("leads to Service `{wanted}`, which does not exist; there are {known}"));
            return;
        };
        if service["spec"]["type"] == "ExternalName" {
            tally.proved(note(format!("{} leads out of the cluster by Service `{wanted}`", title(self.object))));
            return;
        }
        let mut ports = items(&service["spec"]["ports"]);
        let Some(declared) = ports.find(|declared| is_port(declared, port)) else {
            let known: Vec<String> = items(&service["spec"]["ports"]).map(port_title).collect();
            let known = known.join(", ");
            self.fail(tally, &format!("leads to port {port} of Service `{wanted}`, which has only {known}"));
            return;
        };
        let slices = self.view.tracks("EndpointSlice").filter_map(|slice| slice.at(self.end));
        let mut slices = slices.filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == *wanted);
        if slices.any(|slice| serves(slice, declared)) {
            let shown = format!("{} led to {} of Service `{wanted}`", title(self.object), port_title(declared));
            tally.proved(note(format!("{shown} with ready endpoints after {}", self.run.label())));
        } else {
            let what = format!("leads to {} of Service `{wanted}`, which has no ready endpoint", port_title(declared));
            let hint = "compare the Service's `selector` and `targetPort` with the labels and ports of the pods";
            self.fail(tally, &what).hint(hint);
        }
    }

    /// Without a name, the controller's own certificate is used.
    fn judge_secret(&self, wanted: &str, tally: &mut Tally) {
        if wanted.is_empty() {
            return;
        }
        if let Some(secret) = self.view.object_at("Secret", wanted, self.end) {
            let lacks = |key: &&str| secret["data"][*key].is_null() && secret["stringData"][*key].is_null();
            if let Some(key) = ["tls.crt", "tls.key"].iter().find(|key| lacks(key)) {
                self.fail(tally, &format!("takes its certificate from Secret `{wanted}`, which has no `{key}`"));
            }
        } else if !is_issued(self.object) {
            let hint = "name a Secret of the scenario's `secrets`, or annotate the Ingress for what makes it (`cert-manager.io/…`)";
            let what = format!(
                "takes its certificate from Secret `{wanted}`, which does not exist, and nothing is asked to make it"
            );
            // Without a contract nobody has said which Secrets the chart's users make.
            let what = format!("{} {what} after {}", title(self.object), self.run.label());
            let has_contract = !self.view.plan.roles.is_empty();
            let claim = if has_contract { tally.fail(what) } else { tally.advise(what) };
            claim.hint(hint);
        }
    }

    fn fail<'t>(&self, tally: &'t mut Tally, what: &str) -> &'t mut Claim {
        tally.fail(format!("{} {what} after {}", title(self.object), self.run.label()))
    }
}

/// The Services that a route names in its own namespace.
fn backends(spec: &Value) -> Vec<Backend<'_>> {
    let paths = items(&spec["rules"]).flat_map(|rule| items(&rule["http"]["paths"]));
    let of_ingress = std::iter::once(&spec["defaultBackend"]).chain(paths.map(|path| &path["backend"]));
    of_ingress.filter_map(ingress_backend).chain(items(&spec["rules"]).flat_map(route_backends)).collect()
}

/// The Service of a backend of an Ingress.
fn ingress_backend(backend: &Value) -> Option<Backend<'_>> {
    let service = Some(&backend["service"]).filter(|service| service.is_object())?;
    let named = &service["port"]["name"];
    let port = if named.is_null() { &service["port"]["number"] } else { named };
    Some(Backend { service: text(&service["name"]), port })
}

/// The Services of a rule of an `HTTPRoute`. Another kind, or a Service of another namespace, is not the release's.
fn route_backends(rule: &Value) -> impl Iterator<Item = Backend<'_>> {
    let is_ours = |it: &&Value| it["kind"].as_str().is_none_or(|kind| kind == "Service") && it["namespace"].is_null();
    items(&rule["backendRefs"]).filter(is_ours).map(|it| Backend { service: text(&it["name"]), port: &it["port"] })
}

fn is_port(declared: &Value, wanted: &Value) -> bool {
    !wanted.is_null() && (declared["name"] == *wanted || declared["port"] == *wanted)
}

fn port_title(declared: &Value) -> String {
    let name = declared["name"].as_str().map_or(String::new(), |name| format!(" (`{name}`)"));
    format!("port {}{name}", declared["port"])
}

/// Whether a slice has a ready endpoint for a port of its Service. A port that no pod has a number for is missing in it.
fn serves(slice: &Value, declared: &Value) -> bool {
    let is_it = |port: &Value| text(&port["name"]) == text(&declared["name"]);
    // Where nobody says whether an endpoint is ready, it is (Kubernetes' API, `EndpointConditions`).
    let is_ready = |endpoint: &Value| endpoint["conditions"]["ready"] != false;
    items(&slice["ports"]).any(is_it) && items(&slice["endpoints"]).any(is_ready)
}

/// Whether `pattern`, which may begin with `*.`, means a host.
fn covers(pattern: &str, host: &str) -> bool {
    let below =
        || pattern.strip_prefix('*').is_some_and(|end| host.strip_suffix(end).is_some_and(|it| !it.contains('.')));
    pattern == host || below()
}

/// Whether something outside the chart is asked to make the Secret: cert-manager, or what follows the older convention.
fn is_issued(route: &Value) -> bool {
    let annotations = route["metadata"]["annotations"].as_object();
    let mut keys = annotations.into_iter().flatten();
    keys.any(|(key, value)| key.starts_with("cert-manager.io/") || (key == "kubernetes.io/tls-acme" && value == "true"))
}

#[cfg(test)]
mod tests;
