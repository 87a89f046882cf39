//! A readiness that needs the pod's own name, which its Service tells only of pods that are ready.

use serde_json::Value;

use crate::manifest::{Manifest, Selector, Workload, annotation, title};
use crate::tally::Tally;
use chartgate_k8s::object::{items, name, text};

/// Before `publishNotReadyAddresses`, an annotation said so.
const TOLERATE: &str = "service.alpha.kubernetes.io/tolerate-unready-endpoints";

/// What connects to the name that it is given; a Service with an address of its own resolves in any case.
const CONNECTING: [&str; 4] = ["curl", "wget", "nc", "ncat"];

pub(super) fn judge(manifest: &Manifest, workload: &Workload, tally: &mut Tally) {
    for service in manifest.of_kind("Service") {
        let publishes_all =
            service["spec"]["publishNotReadyAddresses"] == true || annotation(service, TOLERATE) == "true";
        if publishes_all || !is_of_these_alone(manifest, service, workload) {
            continue;
        }
        for container in workload.lasting_containers() {
            for probe in ["startupProbe", "readinessProbe"] {
                let asks = asked(container, &container[probe]);
                let is_headless = service["spec"]["clusterIP"] == "None";
                let connects =
                    asks.iter().any(|word| CONNECTING.contains(&word.rsplit('/').next().unwrap_or_default()));
                let is_host =
                    container[probe]["httpGet"]["host"].as_str().is_some_and(|host| names(manifest, service, host));
                let is_asked = asks.iter().any(|word| names(manifest, service, word));
                if is_host || (is_asked && (is_headless || connects)) {
                    let needs = if is_headless { "resolves a name of" } else { "asks" };
                    let message = format!(
                        "`{probe}` of container `{}` of {} {needs} {}, which publishes only ready pods, so none becomes ready",
                        text(&container["name"]),
                        workload.title(),
                        title(service)
                    );
                    tally.fail(message).hint(
                        "set `publishNotReadyAddresses: true` on the Service, or let the probe ask the pod itself",
                    );
                }
            }
        }
    }
}

/// Whether a Service leads to the pods of this workload and to no others.
fn is_of_these_alone(manifest: &Manifest, service: &Value, workload: &Workload) -> bool {
    let selector = Selector::of_service(service);
    let selected = || manifest.workloads().into_iter().filter(|it| selector.selects_pods_of(it));
    let is_external = service["spec"]["type"] == "ExternalName";
    !selector.is_empty() && !is_external && selected().any(|it| it.is(workload)) && selected().all(|it| it.is(workload))
}

/// The words of a probe's command, with the variables that the container gives a value.
fn asked(container: &Value, probe: &Value) -> Vec<String> {
    let mut command: Vec<String> = items(&probe["exec"]["command"]).map(|word| text(word).to_owned()).collect();
    for variable in items(&container["env"]) {
        let (variable, Some(value)) = (text(&variable["name"]), variable["value"].as_str()) else { continue };
        for word in &mut command {
            *word = word.replace(&format!("${{{variable}}}"), value).replace(&format!("$({variable})"), value);
            if word.contains(&format!("${variable}")) {
                *word = word.replace(&format!("${variable}"), value);
            }
        }
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-._/$".contains(c);
    command
        .iter()
        .flat_map(|line| line.split(move |c| !is_part(c)).map(str::to_owned))
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether a word is the name of a Service, or of a pod behind it. A lone word must hold the release's name to be taken for one.
fn names(manifest: &Manifest, service: &Value, word: &str) -> bool {
    let host = word.trim_end_matches('.').trim_start_matches('/');
    let labels: Vec<&str> = host.split('.').collect();
    let Some(at) = labels.iter().position(|label| *label == name(service)) else { return false };
    let is_own = |ns: &str| ns == manifest.namespace || ns.starts_with('$');
    at <= 1
        && match &labels[at + 1..] {
            [] => at == 1 || manifest.is_own_name(name(service)),
            [ns] => is_own(ns),
            [ns, svc, ..] => is_own(ns) && *svc == "svc",
        }
}
