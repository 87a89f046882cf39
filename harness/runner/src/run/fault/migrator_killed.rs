//! The migrator is killed: the pod of a hook goes away while it changes the schema.

use std::time::Duration;

use anyhow::Result;
use chartgate_cluster::backing::Trap;
use chartgate_k8s::ready;
use chartgate_k8s::typed::Object;
use chartgate_model::plan::Plan;
use chartgate_process::tool::Output;

use super::migration;
use super::pod_killed::kill;
use crate::record::{Moment, Timeline};
use crate::run::stage::Stage;

/// The server looks ten times a second whether the client of a sleeping change is still there.
const NOTICE: Duration = Duration::from_secs(10);

/// Calls helm, and kills the migrator meanwhile.
pub async fn during(
    plan: &Plan,
    index: usize,
    stage: &Stage,
    timeline: &Timeline,
    call: impl Future<Output = Result<Output>>,
) -> Result<Output> {
    let failed = async {
        match kill_migrator(plan, index, stage, timeline).await {
            Ok(()) => std::future::pending().await,
            Err(error) => error,
        }
    };
    let call = async {
        tokio::select! {
            output = call => output,
            error = failed => Err(error.context("kill the migrator")),
        }
    };
    migration::during(plan, index, stage, Trap::SleepUntilKilled, call).await
}

/// Kills the pods of migrating hooks once one of them changes the schema, and ends the change as a server does that notices.
async fn kill_migrator(plan: &Plan, index: usize, stage: &Stage, timeline: &Timeline) -> Result<()> {
    stage.databases.until_struck(index).await;
    let hooks = plan.hooks.values().filter(|hook| hook.migrates.is_some());
    let selectors: Vec<&str> = hooks.map(|hook| hook.select.as_str()).collect();
    let jobs = stage.namespace.of_kind("Job");
    let jobs: Vec<&Object> = jobs
        .iter()
        .map(AsRef::as_ref)
        .filter(|job| selectors.iter().any(|selector| job.is_selected(selector)))
        .collect();
    for pod in stage.namespace.of_kind("Pod") {
        if jobs.iter().any(|job| ready::is_pod_of(job, &pod)) && !pod.is_finished_pod() {
            let name = pod.name();
            kill(stage, name).await?;
            timeline.append(Moment::Fault {
                step: index,
                what: format!("pod/{name} was killed while it changed the schema"),
            });
        }
    }
    for database in stage.databases.migrated(plan) {
        // A server that does not notice is told when the fault is disarmed.
        database.awake(NOTICE).await.ok();
        database.disarm().await?;
    }
    Ok(())
}
