//! The routes of the contract: a request to a host and a path arrives at the pods of its role.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Backend, covers, ingress_backend, is_port, route_backends};
use crate::roles::targets;
use crate::tally::{Tally, note};
use crate::view::{StepRun, View};
use chartgate_k8s::object::{items, kind, text, title};

/// A route of the chart for one host and one path, and where it leads.
pub(super) struct Leg<'a> {
    object: &'a Value,
    host: &'a str,
    path: &'a str,
    is_exact: bool,
    pub(super) backends: Vec<Backend<'a>>,
}

/// Judges the contract's routes by those that the chart has at the end of a step.
pub(super) fn judge(view: &View, run: &StepRun, end: u64, routes: &[&Value], tally: &mut Tally) {
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
    let declared = items(&service["spec"]["ports"]).find(|declared| is_port(declared, backend.port));
    let Some(declared) = declared else { return };
    let slices = view.tracks("EndpointSlice").filter_map(|slice| slice.at(end)).filter(|slice| {
        let is_of_port = items(&slice["ports"]).any(|port| text(&port["name"]) == text(&declared["name"]));
        slice["metadata"]["labels"]["kubernetes.io/service-name"] == *backend.service && is_of_port
    });
    let behind: Vec<(&str, &str)> = slices.flat_map(targets).collect();
    let is_of = |role: &str, uid: &str| view.pods_of_role(role).iter().any(|pod| pod.uid() == uid);
    let shown = format!("{} leads `{promised}` to Service `{}`", title(leg.object), backend.service);
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
        tally.fail(format!("{shown} after {after}, behind which stands pod `{pod}` of {whose}, not of role `{role}`"));
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
pub(super) fn legs(object: &Value) -> Vec<Leg<'_>> {
    let spec = &object["spec"];
    if kind(object) == "Ingress" {
        return legs_of_ingress(object);
    }
    let named: Vec<&str> = items(&spec["hostnames"]).map(text).collect();
    let hosts = if named.is_empty() { vec![""] } else { named };
    let mut legs = Vec::new();
    for rule in items(&spec["rules"]) {
        let matches: Vec<&Value> = items(&rule["matches"]).map(|it| &it["path"]).collect();
        let paths = if matches.is_empty() { vec![&Value::Null] } else { matches };
        for path in paths {
            legs.extend(hosts.iter().map(|host| Leg {
                object,
                host,
                path: path["value"].as_str().unwrap_or("/"),
                is_exact: !matches!(path["type"].as_str(), None | Some("PathPrefix")),
                backends: route_backends(rule).collect(),
            }));
        }
    }
    legs
}

fn legs_of_ingress(object: &Value) -> Vec<Leg<'_>> {
    let spec = &object["spec"];
    let by_default = ingress_backend(&spec["defaultBackend"]);
    let by_default =
        by_default.map(|backend| Leg { object, host: "", path: "/", is_exact: false, backends: vec![backend] });
    let rules = items(&spec["rules"]).flat_map(|rule| items(&rule["http"]["paths"]).map(move |path| (rule, path)));
    let legs = rules.map(|(rule, path)| Leg {
        object,
        host: text(&rule["host"]),
        path: path["path"].as_str().unwrap_or("/"),
        is_exact: path["pathType"] == "Exact",
        backends: ingress_backend(&path["backend"]).into_iter().collect(),
    });
    legs.chain(by_default).collect()
}
