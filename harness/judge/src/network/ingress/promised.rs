//! The routes of the contract: a request to a host and a path arrives at the pods of its role.

use std::collections::BTreeSet;

use super::backend::{Backend, covers, gateway_rules, has_port, ingress, ingress_backend, is_port, route_backends};
use chartgate_k8s::typed::{Object, OrEmpty};
use k8s_openapi::api::networking::v1::IngressSpec;

use crate::manifest::custom::{GatewayRoute, PathMatch};
use crate::roles::targets;
use crate::tally::{Tally, note};
use crate::view::{StepRun, View};

/// A route of the chart for one host and one path, and where it leads.
pub(super) struct Leg<'a> {
    object: &'a Object,
    host: &'a str,
    path: &'a str,
    is_exact: bool,
    pub(super) backends: Vec<Backend<'a>>,
}

/// Judges the contract's routes by those that the chart has at the end of a step.
pub(super) fn judge(view: &View, run: &StepRun, end: u64, routes: &[&Object], tally: &mut Tally) {
    let legs: Vec<Leg> = routes.iter().flat_map(|object| legs(object)).collect();
    let present = |(_, role): &(&String, &String)| !view.plan.is_absent_in(run.index, role);
    for (promised, role) in view.plan.routes.iter().filter(present) {
        let (host, path) = split(promised);
        let best = best(&legs, host, path);
        if best.is_empty() {
            let known: BTreeSet<String> = legs.iter().map(|leg| format!("`{}{}`", leg.host, leg.path)).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            let what = format!("no route leads `{promised}` anywhere after {}; there are {known}", run.label());
            tally.fail(what).hint(format!("route it to a Service of role `{role}`, or take it out of the contract"));
        }
        for leg in best {
            for backend in &leg.backends {
                judge_backend(view, run, end, &Promise { promised, role, leg, backend }, tally);
            }
        }
    }
}

struct Promise<'a> {
    promised: &'a str,
    role: &'a str,
    leg: &'a Leg<'a>,
    backend: &'a Backend<'a>,
}

fn judge_backend(view: &View, run: &StepRun, end: u64, promise: &Promise, tally: &mut Tally) {
    let Promise { promised, role, leg, backend } = promise;
    let Some(service) = view.object_at("Service", backend.service, end) else { return };
    let declared = service.service_ports().iter().find(|declared| is_port(declared, backend.port.as_ref()));
    let Some(declared) = declared else { return };
    let slices = view.tracks("EndpointSlice").filter_map(|slice| slice.at(end));
    let slices = slices.filter(|slice| slice.slice_of() == Some(backend.service) && has_port(slice, declared));
    let behind: Vec<(&str, &str)> = slices.flat_map(targets).collect();
    let is_of = |role: &str, uid: &str| view.pods_of_role(role).iter().any(|pod| pod.uid() == uid);
    let shown = format!("{} leads `{promised}` to service/{}", leg.object.slashed(), backend.service);
    let after = run.label();
    // That nothing stands behind a Service is told of each route in any case.
    let Some((uid, pod)) = behind.iter().find(|(uid, _)| !is_of(role, uid)) else {
        if !behind.is_empty() {
            tally.proved(note(format!("{shown}, behind which pods of role `{role}` stood after {after}")));
        }
        return;
    };
    let whose = view.plan.roles.keys().find(|role| is_of(role, uid));
    let whose = whose.map_or("no role of the contract".to_owned(), |role| format!("role `{role}`"));
    let claim =
        tally.fail(format!("{shown} after {after}, behind which stands pod/{pod} of {whose}, not of role `{role}`"));
    if split(promised).0.is_empty() && !leg.host.is_empty() {
        claim.hint(format!(
            "correct the backend of the path; if another host is meant, write `HOST{promised}` in `routes`"
        ));
    } else {
        claim.hint("correct the backend of the path, or the role in the contract's `routes`");
    }
}

/// Host and path of a promise; no host: any.
pub(super) fn split(promised: &str) -> (&str, &str) {
    promised.find('/').map_or((promised, "/"), |at| promised.split_at(at))
}

/// The routes that a request meets: those of the longest path, an exact one first; several hosts may have it.
pub(super) fn best<'a>(legs: &'a [Leg<'a>], host: &str, path: &str) -> Vec<&'a Leg<'a>> {
    let is_host = |leg: &&Leg| host.is_empty() || leg.host.is_empty() || leg.host == host || covers(leg.host, host);
    // A host of its own is asked before one of many, and that before any.
    let closeness = |leg: &Leg| if host.is_empty() || leg.host == host { 2 } else { usize::from(!leg.host.is_empty()) };
    let rank = |leg: &Leg| (closeness(leg), leg.is_exact, leg.path.trim_end_matches('/').len());
    let met: Vec<&Leg> = legs.iter().filter(is_host).filter(|leg| leg.takes(path)).collect();
    let highest = met.iter().map(|leg| rank(leg)).max();
    met.into_iter().filter(|leg| Some(rank(leg)) == highest).collect()
}

impl Leg<'_> {
    fn takes(&self, path: &str) -> bool {
        let prefix = self.path.trim_end_matches('/');
        let is_below = || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.path == path || (!self.is_exact && is_below())
    }
}

/// What a route leads where, a host and a path at a time. A path that only its controller can read (a regular expression) stands for itself.
pub(super) fn legs(object: &Object) -> Vec<Leg<'_>> {
    if let Some(spec) = ingress(object) {
        return legs_of_ingress(object, spec);
    }
    let named = object.custom::<GatewayRoute>().map(|route| route.spec.hostnames.as_slice()).unwrap_or_default();
    let hosts: Vec<&str> = if named.is_empty() { vec![""] } else { named.iter().map(String::as_str).collect() };
    let mut legs = Vec::new();
    for rule in gateway_rules(object) {
        let paths: Vec<Option<&PathMatch>> = rule.matches.iter().map(|it| Some(&it.path)).collect();
        for path in if paths.is_empty() { vec![None] } else { paths } {
            legs.extend(hosts.iter().map(|host| Leg {
                object,
                host,
                path: path.and_then(|path| path.value.as_deref()).unwrap_or("/"),
                is_exact: !matches!(path.and_then(|path| path.type_.as_deref()), None | Some("PathPrefix")),
                backends: route_backends(rule).collect(),
            }));
        }
    }
    legs
}

fn legs_of_ingress<'a>(object: &'a Object, spec: &'a IngressSpec) -> Vec<Leg<'a>> {
    let by_default = spec.default_backend.as_ref().and_then(ingress_backend);
    let by_default =
        by_default.map(|backend| Leg { object, host: "", path: "/", is_exact: false, backends: vec![backend] });
    let paths = spec.rules.iter().flatten().flat_map(|rule| {
        let paths = rule.http.iter().flat_map(|http| &http.paths);
        paths.map(|path| (rule.host.or_empty(), path))
    });
    let legs = paths.map(|(host, path)| Leg {
        object,
        host,
        path: path.path.as_deref().unwrap_or("/"),
        is_exact: path.path_type == "Exact",
        backends: ingress_backend(&path.backend).into_iter().collect(),
    });
    legs.chain(by_default).collect()
}
