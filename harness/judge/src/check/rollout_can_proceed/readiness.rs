//! A readiness that needs the pod's own name, which its Service tells only of pods that are ready.

use chartgate_k8s::typed::Object;
use k8s_openapi::api::core::v1::{Container, Probe};

use crate::manifest::{Manifest, Selector, Workload};
use crate::tally::Tally;

/// Before `publishNotReadyAddresses`, an annotation said so.
const TOLERATE: &str = "service.alpha.kubernetes.io/tolerate-unready-endpoints";

/// What connects to the name that it is given; a Service with an address of its own resolves in any case.
const CONNECTING: [&str; 4] = ["curl", "wget", "nc", "ncat"];

pub(super) fn judge(manifest: &Manifest, workload: &Workload, tally: &mut Tally) {
    for service in manifest.of_kind("Service") {
        let publishes_all = service.service().is_some_and(|spec| spec.publish_not_ready_addresses == Some(true))
            || service.annotation(TOLERATE) == "true";
        if publishes_all || !is_of_these_alone(manifest, service, workload) {
            continue;
        }
        for container in workload.lasting_containers() {
            let probes = [("startupProbe", &container.startup_probe), ("readinessProbe", &container.readiness_probe)];
            for (field, probe) in probes.into_iter().filter_map(|(field, probe)| Some((field, probe.as_ref()?))) {
                let asks = asked(container, probe);
                let is_headless = service.is_headless();
                let connects =
                    asks.iter().any(|word| CONNECTING.contains(&word.rsplit('/').next().unwrap_or_default()));
                let host = probe.http_get.as_ref().and_then(|get| get.host.as_deref());
                let is_host = host.is_some_and(|host| names(manifest, service, host));
                let is_asked = asks.iter().any(|word| names(manifest, service, word));
                if is_host || (is_asked && (is_headless || connects)) {
                    let needs = if is_headless { "resolves a name of" } else { "asks" };
                    let message = format!(
                        "`{field}` of container `{}` of {} {needs} {}, which publishes only ready pods, so none becomes ready",
                        container.name,
                        workload.slashed(),
                        service.slashed()
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
fn is_of_these_alone(manifest: &Manifest, service: &Object, workload: &Workload) -> bool {
    let selector = Selector::of_service(service);
    let selected = || manifest.workloads().into_iter().filter(|it| selector.selects_pods_of(it));
    !selector.is_empty()
        && !service.is_external_name()
        && selected().any(|it| it.is(workload))
        && selected().all(|it| it.is(workload))
}

/// The words of a probe's command, with the variables that the container gives a value.
fn asked(container: &Container, probe: &Probe) -> Vec<String> {
    let command = probe.exec.as_ref().and_then(|exec| exec.command.clone());
    let mut command = command.unwrap_or_default();
    for variable in container.env.iter().flatten() {
        let (variable, Some(value)) = (&variable.name, variable.value.as_deref()) else { continue };
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
fn names(manifest: &Manifest, service: &Object, word: &str) -> bool {
    let host = word.trim_end_matches('.').trim_start_matches('/');
    let labels: Vec<&str> = host.split('.').collect();
    let Some(at) = labels.iter().position(|label| *label == service.name()) else { return false };
    let is_own = |ns: &str| ns == manifest.namespace || ns.starts_with('$');
    at <= 1
        && match &labels[at + 1..] {
            [] => at == 1 || manifest.is_own_name(service.name()),
            [ns] => is_own(ns),
            [ns, svc, ..] => is_own(ns) && *svc == "svc",
        }
}
