//! A pod as it is asked: its name, its address, and whether it stays the same meanwhile.

use chartgate_k8s::typed::Object;

use super::stage::Stage;

/// What must not change while a pod is asked: it is the same, Ready, and was not restarted.
pub(super) fn state_of(stage: &Stage, pod: Option<&String>) -> Option<(String, i32)> {
    let Some(name) = pod else { return Some(Default::default()) };
    let pod = stage.namespace.get("Pod", name).filter(|pod| pod.is_ready_pod())?;
    let restarts = pod.container_statuses().map(|status| status.restart_count).sum();
    Some((pod.uid().to_owned(), restarts))
}

pub(super) fn name_of(pod: &Object) -> String {
    pod.name().to_owned()
}

pub(super) fn address_of(pod: &Object) -> String {
    pod.pod_status().and_then(|status| status.pod_ip.clone()).unwrap_or_default()
}

/// The number of a pod's port, which is given by name or number.
pub(super) fn port_of(pod: &Object, port: &str) -> Option<u16> {
    pod.pod()?.port_of(port)
}

pub(super) fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Whether a Service selects a pod.
pub(super) fn is_of_service(service: &Object, pod: &Object) -> bool {
    let selector = service.service().and_then(|spec| spec.selector.as_ref()).filter(|selector| !selector.is_empty());
    selector.is_some_and(|selector| selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value)))
}
