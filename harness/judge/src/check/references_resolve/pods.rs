//! What a pod names: its account, claims, Secrets and ConfigMaps with their keys, its own volumes and ports.

use chartgate_k8s::typed::{Object, OrEmpty, Reference, ReferredFrom};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction, PersistentVolumeClaim, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

use super::{From, References, listed};
use crate::manifest::{Workload, title_of};
use crate::tally::note;
use chartgate_yaml::nearest;

impl<'a> References<'a, '_> {
    pub(super) fn judge_pods(&mut self, workload: &Workload<'a>) {
        let (object, spec, ns) = (workload.object, workload.pod.spec, workload.namespace);
        let account = workload.pod.account();
        self.resolve(From { object, field: "serviceAccountName" }, "ServiceAccount", ns, account);
        let priority = spec.priority_class_name.or_empty();
        self.resolve(From { object, field: "priorityClassName" }, "PriorityClass", ns, priority);
        for claim in workload.claims() {
            if self.is_of_claim_template(claim) {
                continue;
            }
            self.resolve(From { object, field: "claimName" }, "PersistentVolumeClaim", ns, claim);
        }
        for source in workload.pod.references() {
            self.judge_source(workload, &source);
        }
        for secret in spec.image_pull_secrets.iter().flatten().map(|secret| secret.name.as_str()) {
            if self.manifest.find("Secret", ns, secret).is_none() && self.is_missing("Secret", ns, secret) {
                let message = format!(
                    "`imagePullSecrets` of {} names {}, which the chart does not make",
                    workload.slashed(),
                    title_of("Secret", secret)
                );
                self.tally.advise(message).hint("render the Secret, or let the user name one");
            }
        }
        self.judge_governing_service(workload);
        self.judge_mounts(workload);
        self.judge_own_ports(workload);
    }

    /// Pods of a StatefulSet have names in the DNS only with its Service.
    fn judge_governing_service(&mut self, workload: &Workload<'a>) {
        let Some(spec) = workload.object.typed::<StatefulSet>().and_then(|set| set.spec.as_ref()) else { return };
        let service = spec.service_name.or_empty();
        if self.manifest.find("Service", workload.namespace, service).is_none()
            && self.is_missing("Service", workload.namespace, service)
        {
            let message = format!(
                "`serviceName` of {} is {}, which the chart does not make",
                workload.slashed(),
                title_of("Service", service)
            );
            let hint = format!("its pods get no names in the DNS; {}", self.instead("Service", service));
            self.tally.advise(message).hint(hint);
        }
    }

    /// Whether a StatefulSet makes the claim for one of its pods.
    fn is_of_claim_template(&self, claim: &str) -> bool {
        self.manifest.of_kind("StatefulSet").any(|set| {
            let mut names = set.claim_templates().iter().map(|template| template.metadata.name.or_empty());
            names.any(|name| claim.starts_with(&format!("{name}-{}-", set.name())))
        })
    }

    fn judge_source(&mut self, workload: &Workload<'a>, source: &Reference<'a>) {
        let (ns, place) = (workload.namespace, place(source.from));
        let shown = title_of(source.kind, source.name);
        let Some(found) = self.manifest.find(source.kind, ns, source.name) else {
            if !source.is_optional && self.is_missing(source.kind, ns, source.name) {
                let hint = self.instead(source.kind, source.name);
                let message = format!("{place} of {} reads {shown}, which the chart does not make", workload.slashed());
                self.tally.fail(message).hint(hint);
            }
            return;
        };
        if !source.is_optional && self.judge_removed(workload.object, &place, found) {
            return;
        }
        let known = self.keys(source.kind, ns, source.name);
        let missing = source.keys.iter().filter(|key| !known.contains(*key));
        for key in missing.filter(|_| found.data().type_ != "kubernetes.io/service-account-token") {
            if self.manifest.filler(found).is_some() {
                continue;
            }
            let near = nearest(key, known.iter().copied()).filter(|near| is_slip(key, near));
            let message =
                format!("{place} of {} reads key `{key}` of {shown}, which has no such key", workload.slashed());
            let has = listed(known.iter().map(|key| format!("`{key}`")));
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it has no keys at all".to_owned(),
                None => format!("its keys are {has}"),
            };
            match (source.is_optional, near) {
                (false, _) => self.tally.fail(message).hint(hint),
                (true, Some(_)) => self.tally.advise(message).hint(hint),
                (true, None) => continue,
            };
        }
        self.tally.proved(note(format!("{place} of {} leads to {shown}", workload.slashed())));
    }

    /// The keys of an object; of all that have its kind and name, for a hook may be rendered once for each event.
    fn keys(&self, of_kind: &str, ns: &str, with_name: &str) -> Vec<&'a str> {
        let is_it = |object: &&&'a Object| {
            object.kind() == of_kind && object.name() == with_name && self.manifest.namespace_of(object) == ns
        };
        self.manifest.objects.iter().filter(is_it).flat_map(|object| object.data().keys()).collect()
    }

    /// A mount names a volume of the same pod; the API server refuses it otherwise.
    fn judge_mounts(&mut self, workload: &Workload<'a>) {
        let claims = workload.object.claim_templates().iter().chain(claims_of_custom(workload.object));
        let claims = claims.map(|claim| claim.metadata.name.or_empty());
        let volumes: Vec<&str> = workload.pod.volumes().map(|volume| volume.name.as_str()).chain(claims).collect();
        for container in workload.containers() {
            let mounts = container.volume_mounts.iter().flatten().map(|mount| mount.name.as_str());
            let mounts = mounts.chain(container.volume_devices.iter().flatten().map(|device| device.name.as_str()));
            for volume in mounts.filter(|volume| !volumes.contains(volume)) {
                let place = format!("container `{}` of {}", container.name, workload.slashed());
                let near = nearest(volume, volumes.iter().copied());
                let hint = near.map_or("add it to `volumes`".to_owned(), |near| format!("did you mean `{near}`?"));
                self.tally
                    .fail(format!("{place} mounts the volume `{volume}`, which the pod does not have"))
                    .hint(hint);
            }
        }
    }

    /// A probe or a lifecycle hook names a port of its own container.
    fn judge_own_ports(&mut self, workload: &Workload<'a>) {
        for container in workload.containers() {
            let names: Vec<&str> = container.ports.iter().flatten().map(|port| port.name.or_empty()).collect();
            for (handler, port) in asked_ports(container) {
                let IntOrString::String(port) = port else { continue };
                if port.parse::<u16>().is_ok() {
                    continue;
                }
                let shown = format!("`{handler}` of container `{}` of {}", container.name, workload.slashed());
                if names.contains(&port.as_str()) {
                    self.tally.proved(note(format!("{shown} asks its port `{port}`")));
                } else {
                    let has = names.iter().filter(|name| !name.is_empty()).map(|name| format!("`{name}`"));
                    let has = listed(has);
                    let has = if has.is_empty() { "no named port".to_owned() } else { has };
                    self.tally
                        .fail(format!("{shown} asks port `{port}`, which the container does not declare"))
                        .hint(format!("it declares {has}"));
                }
            }
        }
    }

    /// Whether something adds containers to the pods when they are made.
    pub(super) fn is_injected(workload: &Workload) -> bool {
        let annotations = workload.pod.metadata.annotations.iter().flatten();
        let is_on = |value: &str| ["true", "enabled"].contains(&value);
        annotations.chain(workload.labels()).any(|(key, value)| key.contains("inject") && is_on(value))
            || !workload.pod.annotation("instrumentation.opentelemetry.io/inject-sdk").is_empty()
    }
}

/// A workload of another API that makes claims for its pods, as a StatefulSet does: that of `OpenKruise`, for example.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Claiming {
    spec: ClaimingSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ClaimingSpec {
    volume_claim_templates: Vec<PersistentVolumeClaim>,
}

fn claims_of_custom(object: &Object) -> impl Iterator<Item = &PersistentVolumeClaim> {
    let custom = object.is_custom().then(|| object.custom::<Claiming>()).flatten();
    custom.into_iter().flat_map(|custom| &custom.spec.volume_claim_templates)
}

/// Two keys that differ as a slip of the fingers does.
fn is_slip(one: &str, other: &str) -> bool {
    const LETTERS: usize = 2;
    let plain = |key: &str| key.to_lowercase().replace(['_', '.'], "-");
    one.len() > LETTERS * 2 && (plain(one) == plain(other) || strsim::damerau_levenshtein(one, other) <= LETTERS)
}

/// Where a pod reads something, as a message names it.
fn place(from: ReferredFrom) -> String {
    match from {
        ReferredFrom::Variable { container, variable } => format!("`env` `{variable}` of container `{container}`"),
        ReferredFrom::Environment { container } => format!("`envFrom` of container `{container}`"),
        ReferredFrom::Volume { volume, .. } => format!("volume `{volume}`"),
    }
}

/// The ports that a container's probes and lifecycle hooks ask, each with its field.
fn asked_ports(container: &Container) -> impl Iterator<Item = (&'static str, &IntOrString)> {
    let probes = [
        ("readinessProbe", &container.readiness_probe),
        ("livenessProbe", &container.liveness_probe),
        ("startupProbe", &container.startup_probe),
    ];
    let of_probes = probes.into_iter().filter_map(|(field, probe)| {
        let probe = probe.as_ref()?;
        Some((field, port(probe.http_get.as_ref(), probe.tcp_socket.as_ref())?))
    });
    let hooks = container.lifecycle.iter().flat_map(|it| [("postStart", &it.post_start), ("preStop", &it.pre_stop)]);
    let of_hooks = hooks.filter_map(|(field, hook)| {
        let hook = hook.as_ref()?;
        Some((field, port(hook.http_get.as_ref(), hook.tcp_socket.as_ref())?))
    });
    of_probes.chain(of_hooks)
}

fn port<'a>(get: Option<&'a HTTPGetAction>, socket: Option<&'a TCPSocketAction>) -> Option<&'a IntOrString> {
    get.map(|get| &get.port).or_else(|| socket.map(|socket| &socket.port))
}
