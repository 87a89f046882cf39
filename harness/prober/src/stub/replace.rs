//! What the webhook makes of a pod: the same pod with the stub as the program of each container.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::json;

use super::object::Metadata;
use super::pod::{Container, ContainerPort, Pod, PodSpec, Port, Probe, Sysctl};

/// Where the stub is in its image: no chart mounts anything there.
pub const PROGRAM: &str = "/chartgate/stub";
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
    pub(super) fn of_pod(&self, mut pod: Pod) -> Option<Pod> {
        let is_windows = pod.spec.os.as_ref().is_some_and(|os| os.name == "windows");
        if is_windows || !pod.spec.all_containers().any(|container| self.is_replaced(container)) {
            return None;
        }
        let original = serde_json::to_string(&original(&pod)).ok()?;
        let ends = is_to_end(&pod.metadata);
        pod.metadata.annotations.get_or_insert_default().insert(ORIGINAL.to_owned(), original);
        for container in pod.spec.init_containers.iter_mut().flatten().filter(|it| self.is_replaced(it)) {
            let is_sidecar = container.restart_policy.as_deref() == Some("Always");
            self.replace(container, is_sidecar);
        }
        for container in pod.spec.containers.iter_mut().flatten().filter(|it| self.is_replaced(it)) {
            self.replace(container, !ends);
        }
        if !self.keeps_resources {
            pod.spec.resources = None;
        }
        open_low_ports(&mut pod.spec);
        Some(pod)
    }

    fn is_replaced(&self, container: &Container) -> bool {
        let is_wanted = |only: &BTreeSet<String>| container.image.as_ref().is_some_and(|image| only.contains(image));
        !is_stub(container) && self.only.as_ref().is_none_or(is_wanted)
    }

    fn replace(&self, container: &mut Container, serves: bool) {
        container.command = Some(if serves { serving(container) } else { exiting() });
        container.image = Some(self.image.clone());
        container.image_pull_policy = Some("IfNotPresent".to_owned());
        container.args = None;
        if !self.keeps_resources {
            // Next to nothing is requested, and devices that only some nodes have are not.
            container.resources = Some(json!({"requests": {"cpu": "1m", "memory": "4Mi"}}));
        }
        container.probes_mut().for_each(hasten);
        let Some(lifecycle) = &mut container.lifecycle else { return };
        if let Some(exec) = lifecycle.post_start.as_mut().and_then(|hook| hook.handler.exec.as_mut()) {
            exec.command = Some(exiting());
        }
        if let Some(exec) = lifecycle.pre_stop.as_mut().and_then(|hook| hook.handler.exec.as_mut()) {
            let seconds = slept(exec.command.as_deref().unwrap_or_default());
            exec.command = Some(seconds.map_or_else(exiting, |it| vec![PROGRAM.to_owned(), "sleep".to_owned(), it]));
        }
    }
}

fn is_stub(container: &Container) -> bool {
    container.command.iter().flatten().next().is_some_and(|program| program == PROGRAM)
}

/// Jobs' pods and hooks are waited for until they end.
fn is_to_end(pod: &Metadata) -> bool {
    let is_hook = pod.annotations.as_ref().is_some_and(|all| all.contains_key("helm.sh/hook"));
    is_hook || pod.owner_references.iter().flatten().any(|owner| owner.kind == "Job")
}

/// The spec before anything was replaced; a container that came since is as it is now.
fn original(pod: &Pod) -> Cow<'_, PodSpec> {
    let noted = pod.metadata.annotations.as_ref().and_then(|all| serde_json::from_str(all.get(ORIGINAL)?).ok());
    let Some(mut original): Option<PodSpec> = noted else { return Cow::Borrowed(&pod.spec) };
    for (known, now) in original.lists().into_iter().zip([&pod.spec.init_containers, &pod.spec.containers]) {
        let is_known = |it: &&Container| known.iter().flatten().any(|container| container.name == it.name);
        let added: Vec<_> = now.iter().flatten().filter(|it| !is_stub(it) && !is_known(it)).cloned().collect();
        if !added.is_empty() {
            known.get_or_insert_default().extend(added);
        }
    }
    Cow::Owned(original)
}

fn exiting() -> Vec<String> {
    [PROGRAM, "exit"].map(str::to_owned).into()
}

/// The stub on each port that the container declares or is asked at, with the certificates that it mounts.
fn serving(container: &Container) -> Vec<String> {
    let mut program = vec![PROGRAM.to_owned(), "serve".to_owned()];
    program.extend(ports(container).iter().map(u16::to_string));
    let mounts = container.volume_mounts.iter().flatten();
    let directories: Vec<_> = mounts.filter_map(|mount| mount.mount_path.clone()).collect();
    if !directories.is_empty() {
        program.push(CERTIFICATES.to_owned());
        program.extend(directories);
    }
    program
}

fn ports(container: &Container) -> BTreeSet<u16> {
    let declared = || container.ports.iter().flatten();
    let number = |port: &ContainerPort| port.number?.try_into().ok();
    let is_tcp = |port: &&ContainerPort| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
    let mut ports: BTreeSet<u16> = declared().filter(is_tcp).filter_map(number).collect();
    for handler in container.handlers() {
        for asked in [&handler.http_get, &handler.tcp_socket, &handler.grpc].into_iter().flatten() {
            ports.extend(match asked.port.as_ref() {
                Some(Port::Number(number)) => u16::try_from(*number).ok(),
                Some(Port::Name(name)) => {
                    let named = || number(declared().find(|port| port.name.as_ref() == Some(name))?);
                    name.parse().ok().or_else(named)
                }
                None => None,
            });
        }
    }
    ports
}

/// A probe that succeeds at once and tolerates failures for as long as before.
fn hasten(probe: &mut Probe) {
    let or = |given: Option<i64>, default: i64| given.filter(|given| *given >= 0).unwrap_or(default);
    probe.initial_delay_seconds = None;
    if let Some(exec) = &mut probe.handler.exec {
        // The first one succeeds, and each one after it is a process on the node: they stay as rare as they were.
        exec.command = Some(exiting());
        probe.timeout_seconds = Some(or(probe.timeout_seconds, 1).max(10));
        return;
    }
    let (period, failures) = (or(probe.period_seconds, 10), or(probe.failure_threshold, 3));
    probe.period_seconds = Some(1);
    probe.failure_threshold = Some(failures.saturating_mul(period).clamp(1, 100_000));
}

/// The seconds of the `sleep` in a command; `None`: it has none.
fn slept(command: &[String]) -> Option<String> {
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

/// Lets any user listen on a port below 1024, where the pod has a network of its own.
fn open_low_ports(spec: &mut PodSpec) {
    let has_low_port = spec.all_containers().any(|it| ports(it).iter().any(|port| *port < UNPRIVILEGED));
    if !has_low_port || spec.host_network == Some(true) {
        return;
    }
    let sysctls = spec.security_context.get_or_insert_default().sysctls.get_or_insert_default();
    if sysctls.iter().all(|known| known.name != UNPRIVILEGED_PORTS) {
        sysctls.push(Sysctl { name: UNPRIVILEGED_PORTS.to_owned(), value: "0".to_owned() });
    }
}

#[cfg(test)]
mod tests;
