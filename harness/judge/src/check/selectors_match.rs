//! `selectors-match`: what selects pods (or Services) of the release finds some.

use std::collections::BTreeMap;

use chartgate_k8s::typed::{Object, OrEmpty};
use k8s_openapi::api::networking::v1::NetworkPolicy;

use crate::manifest::custom::{Monitor, MonitorSpec};
use crate::manifest::{Manifest, Selector, Workload, is_kind};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const SELECTORS_MATCH: Check = Check {
    name: "selectors-match",
    proves: "every budget, policy, Service and monitor of the release selects something of it",
    means: "a budget protects no pod, a policy guards none, a Service has no endpoints, or nothing is scraped, and nobody is told",
    explanation: include_str!("../explanation/selectors-match.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge,
};

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(SELECTORS_MATCH.name);
    let mut unknown = None;
    for manifest in Manifest::all(view) {
        for object in &manifest.objects {
            let Some(subject) = Subject::of(&manifest, object) else { continue };
            match subject.found() {
                Found::Some(what) => tally.proved(note(format!("{} selects {what}", object.slashed()))),
                Found::Unknown(why) => {
                    unknown = Some(format!("{} selects nothing that is rendered, but {why}", object.slashed()));
                }
                Found::None => subject.claim(&mut tally),
            }
            subject.judge_ports(&mut tally);
        }
    }
    let absent = unknown.unwrap_or_else(|| "the chart renders nothing that selects pods or Services".to_owned());
    tally.finish_or("everything that selects pods or Services of the release finds some", absent)
}

/// What is selected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Pods,
    Services,
}

/// An object that selects, and what it selects.
struct Subject<'a, 'm> {
    manifest: &'m Manifest<'a>,
    object: &'a Object,
    selector: Selector<'a>,
    of: Of,
}

/// What a selector finds.
enum Found {
    Some(String),
    None,
    /// Nothing that is rendered; yet something may be there later.
    Unknown(String),
}

impl<'a, 'm> Subject<'a, 'm> {
    fn of(manifest: &'m Manifest<'a>, object: &'a Object) -> Option<Self> {
        let (selector, of) = match (object.group(), object.kind()) {
            ("policy", "PodDisruptionBudget")
            | ("monitoring.coreos.com", "PodMonitor")
            | ("operator.victoriametrics.com", "VMPodScrape") => (Selector::of_object(object), Of::Pods),
            ("networking.k8s.io" | "extensions", "NetworkPolicy") => {
                let spec = object.typed::<NetworkPolicy>().and_then(|policy| policy.spec.as_ref());
                (Selector::of(spec.and_then(|spec| spec.pod_selector.as_ref())), Of::Pods)
            }
            ("", "Service") if !object.is_external_name() => (Selector::of_service(object), Of::Pods),
            ("monitoring.coreos.com", "ServiceMonitor") | ("operator.victoriametrics.com", "VMServiceScrape") => {
                (Selector::of_object(object), Of::Services)
            }
            _ => return None,
        };
        let subject = Self { manifest, object, selector, of };
        // What asks for no label selects everything of its namespace.
        (!selector.is_empty() && subject.is_of_own_namespace()).then_some(subject)
    }

    /// Whether it selects in the release's namespace alone.
    fn is_of_own_namespace(&self) -> bool {
        let own = self.manifest.namespace;
        let is_wide = self.monitor().is_some_and(|monitor| {
            monitor.namespace_selector.any || monitor.namespace_selector.match_names.iter().any(|ns| ns != own)
        });
        self.manifest.namespace_of(self.object) == own && !is_wide
    }

    fn monitor(&self) -> Option<&'a MonitorSpec> {
        if !self.object.is_custom() {
            return None;
        }
        self.object.custom::<Monitor>().map(|monitor| &monitor.spec)
    }

    fn services(&self) -> Vec<&'a Object> {
        let manifest = self.manifest;
        let in_namespace =
            manifest.of_kind("Service").filter(|service| manifest.namespace_of(service) == manifest.namespace);
        in_namespace.filter(|service| self.selector.selects(service.labels())).collect()
    }

    fn found(&self) -> Found {
        let manifest = self.manifest;
        let found = match self.of {
            Of::Pods => {
                let workloads = manifest.workloads();
                let selected = |it: &&_| self.selector.selects_pods_of(it);
                let in_namespace = workloads.iter().filter(|it| it.namespace == manifest.namespace);
                in_namespace.clone().find(selected).map(|it| format!("the pods of {}", it.slashed()))
            }
            Of::Services => self.services().first().map(|service| service.slashed()),
        };
        if let Some(found) = found {
            return Found::Some(found);
        }
        let maker = match self.of {
            Of::Pods => manifest.pod_maker(),
            Of::Services => manifest.maker("Service", ""),
        };
        match maker {
            Some(maker) => Found::Unknown(maker),
            None if self.is_of_absent_component() => {
                Found::Unknown("the component that it is for is not rendered".to_owned())
            }
            None => Found::None,
        }
    }

    /// Whether it is for a component that these values leave out: pods have each of its labels with other values, and none belongs to a
    /// workload of its name.
    fn is_of_absent_component(&self) -> bool {
        let workloads = self.manifest.lasting_workloads();
        let has_keys = |it: &Workload| self.selector.keys().all(|key| it.labels().contains_key(key));
        let own = self.object.name();
        // `web-budget` is for `web`; `web` is not for `web-database`.
        let is_namesake = |it: &Workload| own == it.object.name() || own.starts_with(&format!("{}-", it.object.name()));
        self.of == Of::Pods
            && (workloads.is_empty() || (workloads.iter().any(has_keys) && !workloads.iter().any(is_namesake)))
    }

    fn claim(&self, tally: &mut Tally) {
        let is_own = self.selector.pairs().any(|(key, value)| self.manifest.is_own_label(key, value));
        let is_guard = is_kind(self.object, "PodDisruptionBudget") || is_kind(self.object, "NetworkPolicy");
        let what = if self.of == Of::Pods { "no pod" } else { "no Service" };
        let message = format!("{} selects {what} of the release by `{}`", self.object.slashed(), self.selector);
        let claim = match (is_guard, is_own) {
            (true, true) => tally.fail(message),
            // A policy, and what does not name the release, may be for pods of others.
            (true, false) if is_kind(self.object, "NetworkPolicy") => return,
            (false, false) if self.monitor().is_none() => return,
            _ => tally.advise(message),
        };
        claim.hint(self.nearest());
    }

    /// The labels that would be found, where one of them alone is wrong.
    fn nearest(&self) -> String {
        let workloads = self.manifest.workloads();
        let labels: Vec<(String, &BTreeMap<String, String>)> = match self.of {
            Of::Pods => workloads.iter().map(|it| (format!("the pods of {}", it.slashed()), it.labels())).collect(),
            Of::Services => self.manifest.of_kind("Service").map(|it| (it.slashed(), it.labels())).collect(),
        };
        let missing = |labels: &BTreeMap<_, _>| self.selector.keys().filter(|key| !labels.contains_key(*key)).count();
        match labels.iter().min_by_key(|(_, labels)| missing(labels)) {
            Some((whose, labels)) => {
                let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("{whose} have the labels {}", labels.join(","))
            }
            None => "the release has none at all".to_owned(),
        }
    }

    /// A monitor asks a port by name, which what it selects must have.
    fn judge_ports(&self, tally: &mut Tally) {
        let Some(monitor) = self.monitor() else { return };
        let endpoints = monitor.endpoints.iter().chain(&monitor.pod_metrics_endpoints);
        let names: Vec<&str> = match self.of {
            Of::Services => {
                self.services().into_iter().flat_map(Object::service_ports).map(|port| port.name.or_empty()).collect()
            }
            Of::Pods => {
                let workloads = self.manifest.workloads();
                let selected = workloads.iter().filter(|it| self.selector.selects_pods_of(it));
                selected.flat_map(Workload::ports).map(|port| port.name.or_empty()).collect()
            }
        };
        if names.is_empty() {
            return;
        }
        for port in endpoints.filter_map(|it| it.port.as_deref()).filter(|port| !names.contains(port)) {
            let message = format!("{} asks port `{port}`, which nothing that it selects has", self.object.slashed());
            tally.advise(message).hint(format!("the ports are named {}", names.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests;
