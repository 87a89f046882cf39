//! How far a server's pod is.

use chartgate_k8s::trouble::is_in_vain;
use chartgate_k8s::typed::OrEmpty;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// How far a server's pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// All its containers run; its address.
    Runs(String),
    /// No node takes it yet, and why.
    Unscheduled(String),
    /// For what it waits.
    Waits(String),
    /// Why it never runs.
    Stuck(String),
}

pub(super) fn of(pod: &Pod) -> State {
    let Some(status) = &pod.status else { return State::Waits("it has no status yet".to_owned()) };
    let refused = status.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled" && condition.status == "False" && condition.message.is_some()
    });
    if let Some(refused) = refused {
        return State::Unscheduled(format!("no node takes it: {}", refused.message.or_empty()));
    }
    let containers = || status.container_statuses.iter().flatten();
    let waiting = |status: &ContainerStatus| {
        let waiting = status.state.as_ref()?.waiting.clone()?;
        Some((status.name.clone(), waiting.reason.unwrap_or_default(), waiting.message.unwrap_or_default()))
    };
    if let Some((container, reason, message)) =
        containers().filter_map(waiting).find(|(_, reason, _)| is_in_vain(reason))
    {
        return State::Stuck(format!("container `{container}`: {reason}: {message}"));
    }
    if matches!(status.phase.or_empty(), "Failed" | "Succeeded") {
        return State::Stuck(format!("it ended: {} {}", status.reason.or_empty(), status.message.or_empty()));
    }
    let expected = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
    let running = containers().filter(|it| it.state.as_ref().is_some_and(|state| state.running.is_some())).count();
    match &status.pod_ip {
        Some(address) if running == expected => State::Runs(address.clone()),
        _ => State::Waits(format!("{running} of {expected} containers run")),
    }
}

#[cfg(test)]
mod tests {
    use chartgate_k8s::typed::decode;
    use serde_json::{Value, json};

    use super::*;

    fn at(status: &Value) -> State {
        let spec = json!({"containers": [{"name": "server"}, {"name": "log"}]});
        of(&decode(&json!({"kind": "Pod", "spec": spec, "status": status})))
    }

    /// A failure would mean that a run waits a quarter of an hour for an image which nobody pushed, or takes a server for started whose
    /// log nobody follows.
    #[test]
    fn a_pod_runs_once_all_its_containers_do_and_never_where_one_is_stuck() {
        let of = |name: &str, state: Value| json!({"name": name, "state": state});
        let running = || json!({"running": {}});
        let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "no such host"}});
        let status =
            |log: Value| json!({"podIP": "10.0.0.1", "containerStatuses": [of("server", running()), of("log", log)]});
        assert_eq!(at(&status(running())), State::Runs("10.0.0.1".to_owned()));
        assert_eq!(at(&status(waiting("ContainerCreating"))), State::Waits("1 of 2 containers run".to_owned()));
        let stuck = State::Stuck("container `log`: ErrImagePull: no such host".to_owned());
        assert_eq!(at(&status(waiting("ErrImagePull"))), stuck);
        let refused = json!([{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}]);
        assert_eq!(at(&json!({"conditions": refused})), State::Unscheduled("no node takes it: 0/1 nodes".to_owned()));
        assert!(matches!(at(&json!({"phase": "Failed", "reason": "Evicted"})), State::Stuck(_)));
    }
}
