//! `ingress-leads`: what the release's routes name is there.

mod backend;
mod promised;

use chartgate_k8s::typed::{Object, OrEmpty, is_ready};
use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::tally::{Claim, Tally, not_applicable, note};
use crate::view::{StepRun, Track, View};
use crate::{Check, Finding, Level, Needs, Rank};
use backend::{Backend, backends, covers, has_port, ingress, is_port};

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
        let routes: Vec<&Object> = view.manifest(release).into_iter().filter(|object| is_route(object)).collect();
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

fn is_route(object: &Object) -> bool {
    matches!(object.kind(), "Ingress" | "HTTPRoute")
}

/// A route at the end of a step.
struct Route<'a> {
    view: &'a View<'a>,
    run: &'a StepRun<'a>,
    end: u64,
    object: &'a Object,
}

impl Route<'_> {
    fn judge(&self, tally: &mut Tally) {
        let backends = backends(self.object);
        if backends.is_empty() {
            self.fail(tally, "leads nowhere: it names no Service").hint("give each path a `backend`");
        }
        for backend in backends {
            self.judge_backend(&backend, tally);
        }
        let Some(spec) = ingress(self.object) else { return };
        let hosts: Vec<&str> = spec.rules.iter().flatten().map(|rule| rule.host.or_empty()).collect();
        for tls in spec.tls.iter().flatten() {
            self.judge_secret(tls.secret_name.or_empty(), tally);
            for host in tls.hosts.iter().flatten() {
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
            self.fail(tally, &format!("leads to service/{wanted}, which does not exist; there are {known}"));
            return;
        };
        if service.is_external_name() {
            tally.proved(note(format!("{} leads out of the cluster by service/{wanted}", self.object.slashed())));
            return;
        }
        let mut ports = service.service_ports().iter();
        let Some(declared) = ports.find(|declared| is_port(declared, port.as_ref())) else {
            let known: Vec<String> = service.service_ports().iter().map(port_title).collect();
            let (known, port) = (known.join(", "), port.as_ref().map_or("null".to_owned(), shown));
            self.fail(tally, &format!("leads to port {port} of service/{wanted}, which has only {known}"));
            return;
        };
        let slices = self.view.tracks("EndpointSlice").filter_map(|slice| slice.at(self.end));
        let mut slices = slices.filter(|slice| slice.slice_of() == Some(wanted));
        if slices.any(|slice| serves(slice, declared)) {
            let shown = format!("{} led to {} of service/{wanted}", self.object.slashed(), port_title(declared));
            tally.proved(note(format!("{shown} with ready endpoints after {}", self.run.label())));
        } else {
            let what = format!("leads to {} of service/{wanted}, which has no ready endpoint", port_title(declared));
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
            if let Some(key) = ["tls.crt", "tls.key"].iter().find(|key| !secret.data().has_key(key)) {
                self.fail(tally, &format!("takes its certificate from secret/{wanted}, which has no `{key}`"));
            }
        } else if !is_issued(self.object) {
            let hint = "name a Secret of the scenario's `secrets`, or annotate the Ingress for what makes it (`cert-manager.io/…`)";
            let what = format!(
                "takes its certificate from secret/{wanted}, which does not exist, and nothing is asked to make it"
            );
            // Without a contract nobody has said which Secrets the chart's users make.
            let what = format!("{} {what} after {}", self.object.slashed(), self.run.label());
            let has_contract = !self.view.plan.roles.is_empty();
            let claim = if has_contract { tally.fail(what) } else { tally.advise(what) };
            claim.hint(hint);
        }
    }

    fn fail<'t>(&self, tally: &'t mut Tally, what: &str) -> &'t mut Claim {
        tally.fail(format!("{} {what} after {}", self.object.slashed(), self.run.label()))
    }
}

fn shown(port: &IntOrString) -> String {
    match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => format!("`{name}`"),
    }
}

fn port_title(declared: &ServicePort) -> String {
    let name = declared.name.as_ref().map_or(String::new(), |name| format!(" (`{name}`)"));
    format!("port {}{name}", declared.port)
}

/// Whether a slice has a ready endpoint for a port of its Service. A port that no pod has a number for is missing in it.
fn serves(slice: &Object, declared: &ServicePort) -> bool {
    has_port(slice, declared) && slice.endpoints().iter().any(is_ready)
}

/// Whether something outside the chart is asked to make the Secret: cert-manager, or what follows the older convention.
fn is_issued(route: &Object) -> bool {
    let mut annotations = route.annotations().iter();
    annotations
        .any(|(key, value)| key.starts_with("cert-manager.io/") || (key == "kubernetes.io/tls-acme" && value == "true"))
}

#[cfg(test)]
mod tests;
