//! A role has no pod for a while.

use std::time::Duration;

use anyhow::Result;
use chartgate_process::wait::pause;
use serde_json::Value;

use super::disturbance::Disturbance;
use super::scale::{none_of, scale, size_of, workloads};

/// Takes all pods of a role away for a while.
pub async fn inject(disturbance: &Disturbance<'_>, role: &str, hold: Duration) -> Result<Result<(), String>> {
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
            Some(format!("pod/{} of role `{role}` is still there", pod.name()))
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
