//! Faults: what goes wrong during a step of helm, and steps that are nothing but a disturbance. Each fault is injected in one place.

mod client_killed;
mod database_restarts;
mod disturbance;
mod migration;
mod migrator_killed;
mod node_drained;
mod pod_killed;
mod role_down;
mod scale;

use std::time::Duration;

use anyhow::{Result, bail};
use chartgate_cluster::backing::Trap;
use chartgate_model::plan::{Action, Fault, Plan, Step};
use chartgate_process::tool::Output;

use super::stage::Stage;
use crate::helm::Helm;
use crate::record::{StepOutcome, Timeline};
use disturbance::Disturbance;

pub use client_killed::rest;

/// Calls helm, and lets the step's fault happen meanwhile; `None`: helm was killed.
pub async fn during(
    plan: &Plan,
    index: usize,
    stage: &Stage,
    timeline: &Timeline,
    call: impl Future<Output = Result<Output>>,
) -> Result<Option<Output>> {
    let Some(fault) = &plan.steps[index].fault else { return call.await.map(Some) };
    let trap = match fault {
        Fault::MigrationFails => Trap::Fail,
        Fault::MigrationSlow { seconds } => Trap::Sleep { seconds: *seconds },
        Fault::MigrationHangs => Trap::Hang,
        Fault::MigratorKilled => return migrator_killed::during(plan, index, stage, timeline, call).await.map(Some),
        Fault::ClientKilled => return client_killed::kill(index, stage, timeline, call).await,
        // The step's values bring the image.
        Fault::ImageCrashes | Fault::ImageNeverReady | Fault::ImageMissing => return call.await.map(Some),
        Fault::PodKilled { .. } | Fault::NodeDrained | Fault::RoleDown { .. } | Fault::DatabaseRestarts => {
            bail!("`{}` is a step of its own", fault.name())
        }
    };
    migration::during(plan, index, stage, trap, call).await.map(Some)
}

/// Carries out a step that only disturbs the release, waits until it stands again, and samples it.
pub async fn disturb(
    plan: &Plan,
    index: usize,
    step: &Step,
    helm: &Helm,
    stage: &Stage,
    timeline: &Timeline,
) -> Result<StepOutcome> {
    let Some(disturbance) = Disturbance::of(plan, index, step, helm, stage, timeline).await? else {
        return Ok(StepOutcome::NotReady { why: format!("there is no release `{}` to disturb", plan.release) });
    };
    if let Action::Scale { role, replicas } = &step.action {
        return disturbance.end(scale::to(&disturbance, role, *replicas).await?).await;
    }
    let Some(fault) = &step.fault else { bail!("step {} has no fault", index + 1) };
    let happened = match fault {
        Fault::PodKilled { role } => pod_killed::inject(&disturbance, role).await?,
        Fault::RoleDown { role, seconds } => {
            role_down::inject(&disturbance, role, Duration::from_secs(*seconds)).await?
        }
        Fault::NodeDrained => return node_drained::inject(&disturbance).await,
        Fault::DatabaseRestarts => database_restarts::inject(&disturbance).await?,
        Fault::MigrationFails
        | Fault::MigrationSlow { .. }
        | Fault::MigrationHangs
        | Fault::MigratorKilled
        | Fault::ClientKilled
        | Fault::ImageCrashes
        | Fault::ImageNeverReady
        | Fault::ImageMissing => bail!("`{}` belongs to a step of helm", fault.name()),
    };
    disturbance.end(happened).await
}
