//! What the webhook makes of a pod: the same pod with the stub as the program of each container.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::PROGRAM;

/// Between the ports and the directories of `stub serve`.
pub(super) const CERTIFICATES: &str = "--certificates";
/// Holds the pod's spec as it was, as JSON.
pub(super) const ORIGINAL: &str = "chartgate.dev/original-pod-spec";
/// Ports below it belong to root, unless the pod says otherwise.
const UNPRIVILEGED: u16 = 1024;
const UNPRIVILEGED_PORTS: &str = "net.ipv4.ip_unprivileged_port_start";

/// How pods are changed.
#[derive(Clone, Debug)]
pub(super) struct Replacement {
    /// The image that holds the stub.
    pub image: String,
    /// Whether requests and limits stay: a quota or a `LimitRange` counts them.
    pub keeps_resources: bool,
    /// The only images that are replaced; `None`: all.
    pub only: Option<BTreeSet<String>>,
}

impl Replacement {
    /// The pod with its programs replaced; `None`: nothing is to be replaced.
    ///
    /// Other webhooks may add containers after this one, and then the API server asks again: what is replaced already stays, and the
    /// annotation is completed.
    pub(super) fn of_pod(&self, pod: &Value) -> Option<Value> {
        let is_foreign = |container: &Value| !is_stub(container) && self.is_replaced(container);
        if !containers(&pod["spec"]).any(is_foreign) || pod["spec"]["os"]["name"] == "windows" {
            return None;
        }
        let mut changed = pod.clone();
        let annotations = changed["metadata"].as_object_mut()?.entry("annotations").or_insert_with(|| json!({}));
        if annotations.is_null() {
            *annotations = json!({});
        }
        annotations[ORIGINAL] = Value::from(original(pod).to_string());
        let ends = is_to_end(pod);
        for list in ["initContainers", "containers"] {
            for container in changed["spec"][list].as_array_mut().into_iter().flatten() {
                if !is_stub(container) && self.is_replaced(container) {
                    let serves = if list == "initContainers" { container["restartPolicy"] == "Always" } else { !ends };
                    self.replace(container, serves);
                }
            }
        }
        if !self.keeps_resources
            && let Some(spec) = changed["spec"].as_object_mut()
        {
            spec.remove("resources");
        }
        open_low_ports(&mut changed["spec"]);
        Some(changed)
    }

    fn is_replaced(&self, container: &Value) -> bool {
        let Some(only) = &self.only else { return true };
        container["image"].as_str().is_some_and(|image| only.contains(image))
    }

    fn replace(&self, container: &mut Value, serves: bool) {
        let program = if serves { serving(container) } else { json!([PROGRAM, "exit"]) };
        container["image"] = json!(self.image);
        container["imagePullPolicy"] = json!("IfNotPresent");
        container["command"] = program;
        let Some(fields) = container.as_object_mut() else { return };
        fields.remove("args");
        if !self.keeps_resources {
            shrink(fields);
        }
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            if let Some(probe) = fields.get_mut(probe).filter(|probe| probe.is_object()) {
                hasten(probe);
            }
        }
        for event in ["postStart", "preStop"] {
            if let Some(exec) = fields.get_mut("lifecycle").and_then(|it| it.get_mut(event)?.get_mut("exec")) {
                let seconds = (event == "preStop").then(|| slept(&exec["command"])).flatten();
                exec["command"] = seconds.map_or(json!([PROGRAM, "exit"]), |it| json!([PROGRAM, "sleep", it]));
            }
        }
    }
}

/// Definitions that the API server would ask the release's pods to convert or to serve; `None`: it asks them for nothing.
pub(super) fn of_definition(object: &Value) -> Option<Value> {
    let mut changed = object.clone();
    let spec = changed["spec"].as_object_mut()?;
    match object["kind"].as_str()? {
        "CustomResourceDefinition" if object["spec"]["conversion"]["strategy"] == "Webhook" => {
            spec.insert("conversion".to_owned(), json!({"strategy": "None"}));
        }
        "APIService" if object["spec"]["service"].is_object() => {
            for field in ["service", "caBundle", "insecureSkipTLSVerify"] {
                spec.remove(field);
            }
        }
        _ => return None,
    }
    Some(changed)
}

fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"].into_iter().flat_map(|list| spec[list].as_array().into_iter().flatten())
}

fn is_stub(container: &Value) -> bool {
    container["command"][0] == PROGRAM
}

/// Jobs' pods and hooks are waited for until they end.
fn is_to_end(pod: &Value) -> bool {
    let metadata = &pod["metadata"];
    let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    metadata["annotations"]["helm.sh/hook"].is_string() || owners.into_iter().any(|owner| owner["kind"] == "Job")
}

/// The spec before anything was replaced; a container that came since is as it is now.
fn original(pod: &Value) -> Value {
    let noted = pod["metadata"]["annotations"][ORIGINAL].as_str().and_then(|noted| serde_json::from_str(noted).ok());
    let Some(mut original): Option<Value> = noted else { return pod["spec"].clone() };
    for list in ["initContainers", "containers"] {
        let known = |name: &Value, original: &Value| {
            original[list].as_array().into_iter().flatten().any(|container| container["name"] == *name)
        };
        let added = pod["spec"][list].as_array().into_iter().flatten().filter(|it| !is_stub(it));
        let added: Vec<Value> = added.filter(|it| !known(&it["name"], &original)).cloned().collect();
        if !added.is_empty() {
            let mut all = original[list].as_array().cloned().unwrap_or_default();
            all.extend(added);
            original[list] = Value::from(all);
        }
    }
    original
}

/// The stub on each port that the container declares or is asked at, with the certificates that it mounts.
fn serving(container: &Value) -> Value {
    let mut program = vec![PROGRAM.to_owned(), "serve".to_owned()];
    program.extend(ports(container).iter().map(u16::to_string));
    let mounts = container["volumeMounts"].as_array().into_iter().flatten();
    let directories: Vec<_> = mounts.filter_map(|mount| mount["mountPath"].as_str().map(str::to_owned)).collect();
    if !directories.is_empty() {
        program.push(CERTIFICATES.to_owned());
        program.extend(directories);
    }
    json!(program)
}

fn ports(container: &Value) -> BTreeSet<u16> {
    let declared = || container["ports"].as_array().into_iter().flatten();
    let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
    let mut ports: BTreeSet<u16> = declared()
        .filter(|port| port["protocol"].as_str().is_none_or(|protocol| protocol == "TCP"))
        .filter_map(|port| number(&port["containerPort"]))
        .collect();
    let probes = ["startupProbe", "readinessProbe", "livenessProbe"].map(|probe| &container[probe]);
    let lifecycle = ["postStart", "preStop"].map(|event| &container["lifecycle"][event]);
    for handler in probes.into_iter().chain(lifecycle) {
        for port in ["httpGet", "tcpSocket", "grpc"].map(|kind| &handler[kind]["port"]) {
            let named = || declared().find(|known| port.is_string() && known["name"] == *port);
            let written = || port.as_str()?.parse().ok();
            ports.extend(number(port).or_else(written).or_else(|| number(&named()?["containerPort"])));
        }
    }
    ports
}

/// A probe that succeeds at once and tolerates failures for as long as before.
fn hasten(probe: &mut Value) {
    let number = |probe: &Value, field: &str, default: u64| probe[field].as_u64().unwrap_or(default);
    let (period, failures) = (number(probe, "periodSeconds", 10), number(probe, "failureThreshold", 3));
    if let Some(fields) = probe.as_object_mut() {
        fields.remove("initialDelaySeconds");
    }
    if probe["exec"].is_object() {
        // The first one succeeds, and each one after it is a process on the node: they stay as rare as they were.
        probe["exec"]["command"] = json!([PROGRAM, "exit"]);
        probe["timeoutSeconds"] = json!(number(probe, "timeoutSeconds", 1).max(10));
        return;
    }
    probe["periodSeconds"] = json!(1);
    probe["failureThreshold"] = json!(failures.saturating_mul(period).clamp(1, 100_000));
}

/// The seconds of the `sleep` in a command; `None`: it has none.
fn slept(command: &Value) -> Option<String> {
    let command: Vec<&str> = command.as_array()?.iter().filter_map(Value::as_str).collect();
    let command = command.join(" ");
    let mut words = command.split(|c: char| c.is_whitespace() || [';', '&', '|', '"', '\''].contains(&c));
    words.find(|word| *word == "sleep" || word.ends_with("/sleep"))?;
    let seconds = words.find(|word| !word.is_empty())?;
    let (number, unit) = seconds.split_at(seconds.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(seconds.len()));
    let number: f64 = number.parse().ok()?;
    let factor = match unit {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Some((number * factor).to_string())
}

/// Next to nothing is requested, and devices that only some nodes have are not.
fn shrink(container: &mut Map<String, Value>) {
    container.insert("resources".to_owned(), json!({"requests": {"cpu": "1m", "memory": "4Mi"}}));
}

/// Lets any user listen on a port below 1024, where the pod has a network of its own.
fn open_low_ports(spec: &mut Value) {
    let has_low_port = containers(spec).any(|it| ports(it).iter().any(|port| *port < UNPRIVILEGED));
    if !has_low_port || spec["hostNetwork"] == true {
        return;
    }
    if !spec["securityContext"].is_object() {
        spec["securityContext"] = json!({});
    }
    let mut sysctls = spec["securityContext"]["sysctls"].as_array().cloned().unwrap_or_default();
    if sysctls.iter().all(|known| known["name"] != UNPRIVILEGED_PORTS) {
        sysctls.push(json!({"name": UNPRIVILEGED_PORTS, "value": "0"}));
    }
    spec["securityContext"]["sysctls"] = Value::from(sysctls);
}

#[cfg(test)]
mod tests;
