//! A pod is killed without grace.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;

use super::disturbance::Disturbance;
use crate::run::stage::Stage;

/// Kills a ready pod of a role, and waits until it is gone.
pub async fn inject(disturbance: &Disturbance<'_>, role: &str) -> Result<Result<(), String>> {
    let select = &disturbance.plan.roles[role].select;
    let pods = disturbance.stage.namespace.of_kind("Pod");
    let Some(pod) = pods.iter().find(|pod| pod.is_selected(select) && pod.is_ready_pod()) else {
        return Ok(Err(format!("role `{role}` has no ready pod that could be killed")));
    };
    let name = pod.name();
    kill(disturbance.stage, name).await?;
    disturbance.note(format!("pod/{name} of role `{role}` was killed without grace"));
    Ok(disturbance.gone(pod).await)
}

/// Deletes a pod without grace; one that is gone already is no failure.
pub async fn kill(stage: &Stage, pod: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.ns);
    match pods.delete(pod, &DeleteParams::default().grace_period(0)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        deleted => deleted.map(drop).with_context(|| format!("delete pod/{pod}")),
    }
}
