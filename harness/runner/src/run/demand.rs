//! How much of a node a scenario asks for: pods that do not fit are never scheduled, and the scenario would wait for others to end.

use chartgate_k8s::typed::Object;
use chartgate_model::plan::{Action, Plan, StubImages};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use serde_json::Value;

use super::network;
use chartgate_model::obstacle::scheduling::cpu_of;

/// What the prober's pod requests.
pub const PROBER: u32 = 100;
/// What the pods request that ask where a `NetworkPolicy` guards, three at most.
const ASKERS: u64 = 30;

/// What a stub's pod requests, as its containers do together, where nothing counts it.
const STUB: u64 = 5;

/// The CPU that a plan's pods request at its largest step, in millicores: those that stay, and the largest one of a hook or
/// a rollout. Where more of them pass at once, they wait for each other, and none for ever.
pub fn millicores(plan: &Plan, renders: impl Iterator<Item = impl AsRef<[Value]>>) -> u32 {
    let releases = if plan.neighbour.is_some() { 2 } else { 1 };
    let largest = renders.map(|objects| of_release(plan, objects.as_ref())).max().unwrap_or_default();
    u32::try_from(u64::from(PROBER) + releases * largest).unwrap_or(u32::MAX)
}

fn of_release(plan: &Plan, objects: &[Value]) -> u64 {
    let askers = if network::guards_a_role(plan, objects) { ASKERS } else { 0 };
    let objects: Vec<Object> = objects.iter().cloned().map(Object::from).collect();
    let of_pod = |object: &Object| match object.template() {
        Some(_) if plan.stub_images == StubImages::All => STUB,
        template => template.map_or(0, |pod| cpu_of(pod.spec)),
    };
    // How many stay, and what one of them requests.
    let pods = objects.iter().filter_map(|object| match object.kind() {
        "Deployment" | "StatefulSet" => Some((replicas(plan, object, &objects), of_pod(object))),
        "DaemonSet" => Some((1, of_pod(object))),
        "Job" | "Pod" => Some((0, of_pod(object))),
        _ => None,
    });
    let pods: Vec<(u64, u64)> = pods.collect();
    let passing = pods.iter().map(|(_, one)| *one).max().unwrap_or_default();
    pods.iter().map(|(count, one)| count * one).sum::<u64>() + passing + askers
}

/// The pods of a workload: its own number, its autoscaler's floor, or what a step scales it to, whatever is most.
fn replicas(plan: &Plan, workload: &Object, objects: &[Object]) -> u64 {
    let scalers = objects.iter().filter_map(|object| object.typed::<HorizontalPodAutoscaler>()?.spec.as_ref());
    let floor = scalers.into_iter().find(|spec| spec.scale_target_ref.name == workload.name());
    let floor = floor.and_then(|spec| spec.min_replicas?.try_into().ok());
    let is_of = |role: &str| {
        let role = plan.roles.get(role).zip(workload.template());
        role.is_some_and(|(role, pod)| pod.is_selected(&role.select))
    };
    let scaled = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Scale { role, replicas } if is_of(role) => Some(u64::from(*replicas)),
        _ => None,
    });
    let own = workload.common().spec.replicas.map_or(1, |own| own.try_into().unwrap_or_default());
    floor.into_iter().chain(scaled).fold(own, u64::max)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that scenarios which share a cluster wait for each other's room until helm gives up.
    #[test]
    fn a_scenario_asks_for_the_pods_of_its_largest_step() {
        let workload = |replicas: u64, cpu: Value| {
            let containers = json!([{"resources": {"requests": {"cpu": cpu}}}]);
            let spec = json!({"replicas": replicas, "template": {"spec": {"containers": containers}}});
            json!({"kind": "Deployment", "metadata": {"name": "web"}, "spec": spec})
        };
        let scaler =
            json!({"kind": "HorizontalPodAutoscaler", "spec": {"minReplicas": 4, "scaleTargetRef": {"name": "web"}}});
        let demand = |renders: &[Vec<Value>]| millicores(&Plan::default(), renders.iter());
        assert_eq!(demand(&[vec![workload(1, json!("50m"))], vec![workload(2, json!(0.1))]]), 100 + 300);
        assert_eq!(demand(&[vec![workload(1, json!("1")), scaler]]), 100 + 5000);
        assert_eq!(demand(&[]), 100);
    }
}
