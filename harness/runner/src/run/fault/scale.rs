//! The number of a role's pods, set as an autoscaler sets it: through the workload's `scale`.

use anyhow::{Context, Result};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

use super::disturbance::{Disturbance, is_scalable};
use chartgate_k8s::object::{kind, name, title};
use chartgate_k8s::typed::Object;

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

/// The workloads of the release that make a role's pods.
pub(super) fn workloads<'a>(disturbance: &'a Disturbance<'_>, role: &str) -> Vec<&'a Value> {
    let select = &disturbance.plan.roles[role].select;
    let is_of_role = |object: &&Value| {
        let template = Object::from((*object).clone());
        is_scalable(object) && template.template().is_some_and(|pod| pod.is_selected(select))
    };
    disturbance.manifest.iter().filter(is_of_role).collect()
}

pub(super) fn none_of(role: &str) -> String {
    format!("the release has no Deployment, StatefulSet or ReplicaSet for role `{role}`")
}

pub(super) fn size_of(disturbance: &Disturbance<'_>, workload: &Value) -> Option<u64> {
    let live = disturbance.stage.namespace.get(kind(workload), name(workload))?;
    live.common().spec.replicas.unwrap_or(1).try_into().ok()
}

pub(super) async fn scale(disturbance: &Disturbance<'_>, workload: &Value, replicas: u64) -> Result<()> {
    let (kind, name) = (kind(workload), name(workload));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind));
    let stage = disturbance.stage;
    let api: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &stage.ns, &resource);
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    let scaled = api.patch_scale(name, &PatchParams::default(), &patch).await;
    scaled.with_context(|| format!("scale {} to {replicas}", title(workload)))?;
    // Until the watch shows it, the workload would seem to be ready in its old size.
    let is_old = || {
        let size = size_of(disturbance, workload)?;
        (size != replicas).then(|| format!("{} has size {size}", title(workload)))
    };
    stage.wait(disturbance.deadline, is_old).await.map_err(anyhow::Error::msg)
}
