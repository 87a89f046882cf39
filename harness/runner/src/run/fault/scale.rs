//! The number of a role's pods, set as an autoscaler sets it: through the workload's `scale`.

use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_process::wait::pause;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use super::Disturbance;
use chartgate_k8s::object::{kind, name};
use chartgate_k8s::typed::Object;

/// Whether an object has a `scale`, and its pods are counted by `spec.replicas`.
pub fn is_scalable(object: &Value) -> bool {
    matches!(kind(object), "Deployment" | "StatefulSet" | "ReplicaSet")
}

/// Gives a role's workloads so many pods, and waits until the workloads say so.
pub async fn to(disturbance: &Disturbance<'_>, role: &str, replicas: u32) -> Result<Result<(), String>> {
    let workloads = workloads(disturbance, role);
    if workloads.is_empty() {
        return Ok(Err(none_of(role)));
    }
    for workload in workloads {
        scale(disturbance, workload, u64::from(replicas)).await?;
    }
    Ok(Ok(()))
}

/// Takes all pods of a role away for a while.
pub async fn down(disturbance: &Disturbance<'_>, role: &str, hold: Duration) -> Result<Result<(), String>> {
    let workloads = workloads(disturbance, role);
    let sizes: Vec<(&Value, u64)> =
        workloads.into_iter().filter_map(|workload| Some((workload, size_of(disturbance, workload)?))).collect();
    if sizes.is_empty() {
        return Ok(Err(none_of(role)));
    }
    let select = &disturbance.plan.roles[role].select;
    let taken_away = async {
        for (workload, _) in &sizes {
            scale(disturbance, workload, 0).await?;
        }
        let is_there = || {
            let pods = disturbance.stage.namespace.of_kind("Pod");
            let pod = pods.iter().find(|pod| pod.is_selected(select))?;
            Some(format!("pod `{}` of role `{role}` is still there", name(pod)))
        };
        if let Err(why) = disturbance.stage.wait(disturbance.deadline, is_there).await {
            return Ok(Err(why));
        }
        disturbance.note(format!("role `{role}` has no pod for {} s", hold.as_secs()));
        pause(hold).await;
        anyhow::Ok(Ok(()))
    };
    let taken_away = taken_away.await;
    for (workload, size) in &sizes {
        scale(disturbance, workload, *size).await?;
    }
    taken_away
}

/// The workloads of the release that make a role's pods.
fn workloads<'a>(disturbance: &'a Disturbance<'_>, role: &str) -> Vec<&'a Value> {
    let select = &disturbance.plan.roles[role].select;
    let is_of_role = |object: &&Value| {
        let template = Object::from((*object).clone());
        is_scalable(object) && template.template().is_some_and(|pod| pod.is_selected(select))
    };
    disturbance.manifest.iter().filter(is_of_role).collect()
}

fn none_of(role: &str) -> String {
    format!("the release has no Deployment, StatefulSet or ReplicaSet for role `{role}`")
}

fn size_of(disturbance: &Disturbance<'_>, workload: &Value) -> Option<u64> {
    let live = disturbance.stage.namespace.get(kind(workload), name(workload))?;
    live.common().spec.replicas.unwrap_or(1).try_into().ok()
}

async fn scale(disturbance: &Disturbance<'_>, workload: &Value, replicas: u64) -> Result<()> {
    let (kind, name) = (kind(workload), name(workload));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind));
    let stage = disturbance.stage;
    let api: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &stage.ns, &resource);
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    let scaled = api.patch_scale(name, &PatchParams::default(), &patch).await;
    scaled.with_context(|| format!("scale {kind} `{name}` to {replicas}"))?;
    // Until the watch shows it, the workload would seem to be ready in its old size.
    let is_old = || {
        let size = size_of(disturbance, workload)?;
        (size != replicas).then(|| format!("{kind} `{name}` has size {size}"))
    };
    stage.wait(disturbance.deadline, is_old).await.map_err(anyhow::Error::msg)
}
