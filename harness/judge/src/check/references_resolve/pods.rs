//! What a pod names: its account, claims, Secrets and ConfigMaps with their keys, its own volumes and ports.

use serde_json::Value;

use super::{From, References, listed};
use crate::manifest::{Workload, annotation, title_of};
use crate::tally::note;
use chartgate_k8s::object::{items, kind, name, text};
use chartgate_yaml::nearest;

/// A place in a pod that reads a Secret or a ConfigMap.
struct Source<'a> {
    of_kind: &'static str,
    name: &'a str,
    /// The keys that are read; none: all that there are.
    keys: Vec<&'a str>,
    is_optional: bool,
    /// As a message names it: the variable and its container.
    place: String,
}

impl<'a> References<'a, '_> {
    pub(super) fn judge_pods(&mut self, workload: &Workload<'a>) {
        let (object, spec, ns) = (workload.object, &workload.pod["spec"], workload.namespace);
        let account = spec["serviceAccountName"].as_str().unwrap_or_else(|| text(&spec["serviceAccount"]));
        self.resolve(From { object, field: "serviceAccountName" }, "ServiceAccount", ns, account);
        self.resolve(
            From { object, field: "priorityClassName" },
            "PriorityClass",
            ns,
            text(&spec["priorityClassName"]),
        );
        for claim in workload.claims() {
            if self.is_of_claim_template(claim) {
                continue;
            }
            self.resolve(From { object, field: "claimName" }, "PersistentVolumeClaim", ns, claim);
        }
        for source in sources(spec) {
            self.judge_source(workload, &source);
        }
        for secret in items(&spec["imagePullSecrets"]).map(|secret| text(&secret["name"])) {
            if self.manifest.find("Secret", ns, secret).is_none() && self.is_missing("Secret", ns, secret) {
                let message = format!(
                    "`imagePullSecrets` of {} names {}, which the chart does not make",
                    workload.title(),
                    title_of("Secret", secret)
                );
                self.tally.advise(message).hint("render the Secret, or let the user name one");
            }
        }
        if kind(object) == "StatefulSet" {
            self.judge_governing_service(workload);
        }
        self.judge_mounts(workload);
        self.judge_own_ports(workload);
    }

    /// Pods of a StatefulSet have names in the DNS only with its Service.
    fn judge_governing_service(&mut self, workload: &Workload<'a>) {
        let service = text(&workload.object["spec"]["serviceName"]);
        if self.manifest.find("Service", workload.namespace, service).is_none()
            && self.is_missing("Service", workload.namespace, service)
        {
            let message = format!(
                "`serviceName` of {} is {}, which the chart does not make",
                workload.title(),
                title_of("Service", service)
            );
            let hint = format!("its pods get no names in the DNS; {}", self.instead("Service", service));
            self.tally.advise(message).hint(hint);
        }
    }

    /// Whether a StatefulSet makes the claim for one of its pods.
    fn is_of_claim_template(&self, claim: &str) -> bool {
        self.manifest.of_kind("StatefulSet").any(|set| {
            items(&set["spec"]["volumeClaimTemplates"])
                .any(|template| claim.starts_with(&format!("{}-{}-", name(template), name(set))))
        })
    }

    fn judge_source(&mut self, workload: &Workload<'a>, source: &Source<'a>) {
        let ns = workload.namespace;
        let found = self.manifest.find(source.of_kind, ns, source.name);
        let Some(found) = found else {
            if !source.is_optional {
                let field = source.place.as_str();
                let missing = title_of(source.of_kind, source.name);
                if self.is_missing(source.of_kind, ns, source.name) {
                    let hint = self.instead(source.of_kind, source.name);
                    let message =
                        format!("{field} of {} reads {missing}, which the chart does not make", workload.title());
                    self.tally.fail(message).hint(hint);
                }
            }
            return;
        };
        let known = self.keys(source.of_kind, ns, source.name);
        let missing = source.keys.iter().filter(|key| !known.contains(*key));
        for key in missing.filter(|_| found["type"] != "kubernetes.io/service-account-token") {
            if self.manifest.filler(found).is_some() {
                continue;
            }
            let shown = title_of(source.of_kind, source.name);
            let near = nearest(key, known.iter().copied()).filter(|near| is_slip(key, near));
            let message =
                format!("{} of {} reads key `{key}` of {shown}, which has no such key", source.place, workload.title());
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
        self.tally.proved(note(format!(
            "{} of {} leads to {}",
            source.place,
            workload.title(),
            title_of(source.of_kind, source.name)
        )));
    }

    /// The keys of an object; of all that have its kind and name, for a hook may be rendered once for each event.
    fn keys(&self, of_kind: &str, ns: &str, with_name: &str) -> Vec<&'a str> {
        let is_it = |object: &&&Value| {
            kind(object) == of_kind && name(object) == with_name && self.manifest.namespace_of(object) == ns
        };
        let objects: Vec<&'a Value> = self.manifest.objects.iter().copied().filter(|object| is_it(&object)).collect();
        let data = objects.into_iter().flat_map(|it| [&it["data"], &it["stringData"], &it["binaryData"]]);
        data.filter_map(Value::as_object).flatten().map(|(key, _)| key.as_str()).collect()
    }

    /// A mount names a volume of the same pod; the API server refuses it otherwise.
    fn judge_mounts(&mut self, workload: &Workload<'a>) {
        let volumes: Vec<&str> = items(&workload.pod["spec"]["volumes"])
            .map(|volume| text(&volume["name"]))
            .chain(items(&workload.object["spec"]["volumeClaimTemplates"]).map(name))
            .collect();
        for container in workload.containers() {
            let mounts = items(&container["volumeMounts"]).chain(items(&container["volumeDevices"]));
            for volume in mounts.map(|mount| text(&mount["name"])).filter(|volume| !volumes.contains(volume)) {
                let place = format!("container `{}` of {}", text(&container["name"]), workload.title());
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
            let handlers = ["readinessProbe", "livenessProbe", "startupProbe"]
                .map(|probe| (probe, &container[probe]))
                .into_iter()
                .chain(["postStart", "preStop"].map(|hook| (hook, &container["lifecycle"][hook])));
            for (handler, it) in handlers {
                let port = it["httpGet"]["port"].as_str().or_else(|| it["tcpSocket"]["port"].as_str());
                let Some(port) = port.filter(|port| port.parse::<u16>().is_err()) else { continue };
                let names: Vec<&str> = items(&container["ports"]).map(|port| text(&port["name"])).collect();
                if names.contains(&port) {
                    let shown =
                        format!("`{handler}` of container `{}` of {}", text(&container["name"]), workload.title());
                    self.tally.proved(note(format!("{shown} asks its port `{port}`")));
                } else {
                    let shown =
                        format!("`{handler}` of container `{}` of {}", text(&container["name"]), workload.title());
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
        let annotations = workload.pod["metadata"]["annotations"].as_object().into_iter().flatten();
        let labels = workload.labels().as_object().into_iter().flatten();
        let is_on = |value: &Value| ["true", "enabled"].contains(&text(value));
        annotations.chain(labels).any(|(key, value)| key.contains("inject") && is_on(value))
            || !annotation(workload.pod, "instrumentation.opentelemetry.io/inject-sdk").is_empty()
    }
}

/// Two keys that differ as a slip of the fingers does.
fn is_slip(one: &str, other: &str) -> bool {
    const LETTERS: usize = 2;
    let plain = |key: &str| key.to_lowercase().replace(['_', '.'], "-");
    one.len() > LETTERS * 2 && (plain(one) == plain(other) || strsim::damerau_levenshtein(one, other) <= LETTERS)
}

/// Everything that a pod reads of Secrets and ConfigMaps.
fn sources(spec: &Value) -> Vec<Source<'_>> {
    let mut found = Vec::new();
    for container in items(&spec["initContainers"]).chain(items(&spec["containers"])) {
        let of = text(&container["name"]);
        for variable in items(&container["env"]) {
            let place = || format!("`env` `{}` of container `{of}`", text(&variable["name"]));
            let from = &variable["valueFrom"];
            for (of_kind, reference) in [("Secret", &from["secretKeyRef"]), ("ConfigMap", &from["configMapKeyRef"])] {
                found.push(source(of_kind, &reference["name"], reference, vec![text(&reference["key"])], place()));
            }
        }
        for from in items(&container["envFrom"]) {
            for (of_kind, reference) in [("Secret", &from["secretRef"]), ("ConfigMap", &from["configMapRef"])] {
                found.push(source(
                    of_kind,
                    &reference["name"],
                    reference,
                    Vec::new(),
                    format!("`envFrom` of container `{of}`"),
                ));
            }
        }
    }
    for volume in items(&spec["volumes"]) {
        let place = || format!("volume `{}`", text(&volume["name"]));
        let (secret, config) = (&volume["secret"], &volume["configMap"]);
        found.push(source("Secret", &secret["secretName"], secret, item_keys(secret), place()));
        found.push(source("ConfigMap", &config["name"], config, item_keys(config), place()));
        for projected in items(&volume["projected"]["sources"]) {
            for (of_kind, it) in [("Secret", &projected["secret"]), ("ConfigMap", &projected["configMap"])] {
                found.push(source(of_kind, &it["name"], it, item_keys(it), place()));
            }
        }
    }
    found.into_iter().flatten().collect()
}

fn item_keys(source: &Value) -> Vec<&str> {
    items(&source["items"]).map(|item| text(&item["key"])).collect()
}

fn source<'a>(
    of_kind: &'static str,
    name: &'a Value,
    reference: &'a Value,
    keys: Vec<&'a str>,
    place: String,
) -> Option<Source<'a>> {
    let name = name.as_str().filter(|name| !name.is_empty())?;
    Some(Source { of_kind, name, keys, is_optional: reference["optional"] == true, place })
}
