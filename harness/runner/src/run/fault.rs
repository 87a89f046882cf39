//! Faults: what goes wrong during a step of helm, and steps that are nothing but a disturbance.

mod client;
mod drain;
mod scale;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use chartgate_model::plan::{Action, Fault, Plan, Step};
use chartgate_process::tool::Output;
use chartgate_process::wait::pause;
use futures::FutureExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::Value;
use tokio::time::Instant;

use super::sample;
use super::stage::Stage;
use crate::helm::Helm;
use crate::record::{Moment, StepOutcome, Timeline};
use chartgate_k8s::object::{kind, name};
use chartgate_k8s::ready;
use chartgate_k8s::typed::Object;

pub use client::rest;

/// The server looks ten times a second whether the client of a sleeping change is still there.
const NOTICE: Duration = Duration::from_secs(10);
/// A pod that cannot go on without its connections ends within seconds.
const AFTERMATH: Duration = Duration::from_secs(5);

/// Calls helm, and lets the step's fault happen meanwhile; `None`: helm was killed.
pub async fn during(
    plan: &Plan,
    index: usize,
    stage: &Stage,
    timeline: &Timeline,
    call: impl Future<Output = Result<Output>>,
) -> Result<Option<Output>> {
    match &plan.steps[index].fault {
        Some(Fault::ClientKilled) => client::kill(index, stage, timeline, call).await,
        Some(fault) if fault.is_of_migration() => {
            for database in stage.databases.migrated(plan) {
                database.arm(index, fault).await?;
            }
            let output = migrate(plan, index, stage, timeline, call).await;
            for database in stage.databases.migrated(plan) {
                database.disarm().await?;
            }
            output.map(Some)
        }
        _ => call.await.map(Some),
    }
}

/// Waits for helm, and kills the migrator if that is the fault.
async fn migrate(
    plan: &Plan,
    index: usize,
    stage: &Stage,
    timeline: &Timeline,
    call: impl Future<Output = Result<Output>>,
) -> Result<Output> {
    if plan.steps[index].fault != Some(Fault::MigratorKilled) {
        return call.await;
    }
    let failed = async {
        match kill_migrator(plan, index, stage, timeline).await {
            Ok(()) => std::future::pending().await,
            Err(error) => error,
        }
    };
    tokio::select! {
        output = call => output,
        error = failed => Err(error.context("kill the migrator")),
    }
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
        if jobs.iter().any(|job| ready::is_pod_of(job, &pod)) && !is_finished(&pod) {
            let name = name(&pod);
            kill(stage, name).await?;
            timeline.append(Moment::Fault {
                step: index,
                what: format!("pod `{name}` was killed while it changed the schema"),
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

/// A disturbance of a release that nobody changes.
struct Disturbance<'a> {
    plan: &'a Plan,
    index: usize,
    /// The release's objects.
    manifest: Vec<Value>,
    stage: &'a Stage,
    timeline: &'a Timeline,
    deadline: Instant,
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
    let Some(status) = helm.status(&plan.release).await? else {
        return Ok(StepOutcome::NotReady { why: format!("there is no release `{}` to disturb", plan.release) });
    };
    let deadline = Instant::now() + Duration::from_secs(step.timeout_seconds);
    let manifest = chartgate_yaml::objects(&status.manifest)?;
    let disturbance = Disturbance { plan, index, manifest, stage, timeline, deadline };
    let happened = match (&step.action, &step.fault) {
        (Action::Scale { role, replicas }, _) => scale::to(&disturbance, role, *replicas).await?,
        (_, Some(Fault::PodKilled { role })) => disturbance.kill_pod(role).await?,
        (_, Some(Fault::RoleDown { role, seconds })) => {
            scale::down(&disturbance, role, Duration::from_secs(*seconds)).await?
        }
        (_, Some(Fault::NodeDrained)) => return drain::drain(&disturbance).await,
        (_, Some(Fault::DatabaseRestarts)) => disturbance.restart_databases().await?,
        (action, fault) => bail!("{action:?} with {fault:?} is no disturbance"),
    };
    match happened {
        Ok(()) => disturbance.settle().await,
        Err(why) => Ok(StepOutcome::NotReady { why }),
    }
}

impl Disturbance<'_> {
    /// Waits until the release stands as before, and samples it.
    async fn settle(&self) -> Result<StepOutcome> {
        let Self { plan, index, manifest, stage, timeline, deadline } = self;
        let is_short = || self.missing_pods().or_else(|| stage.not_ready(manifest));
        let settle = || stage.wait(*deadline, &is_short).boxed();
        sample::of_settled(plan, *index, manifest, stage, timeline, settle).await
    }

    fn note(&self, what: String) {
        self.timeline.append(Moment::Fault { step: self.index, what });
    }

    /// What a workload lacks by its pods: its own status says so only some time after a pod is gone.
    fn missing_pods(&self) -> Option<String> {
        let pods = self.stage.namespace.of_kind("Pod");
        self.manifest.iter().filter(|object| scale::is_scalable(object)).find_map(|object| {
            let live = self.stage.namespace.get(object["kind"].as_str()?, name(object))?;
            let ready = pods.iter().filter(|pod| ready::is_pod_of(&live, pod) && pod.is_ready_pod()).count();
            let wanted = live.common().spec.replicas.unwrap_or(1);
            let is_short = i64::try_from(ready).unwrap_or(i64::MAX) < wanted;
            is_short.then(|| format!("{} `{}` has {ready} of {wanted} pods ready", kind(&live), name(&live)))
        })
    }

    async fn kill_pod(&self, role: &str) -> Result<Result<(), String>> {
        let select = &self.plan.roles[role].select;
        let pods = self.stage.namespace.of_kind("Pod");
        let Some(pod) = pods.iter().find(|pod| pod.is_selected(select) && pod.is_ready_pod()) else {
            return Ok(Err(format!("role `{role}` has no ready pod that could be killed")));
        };
        let name = name(pod);
        kill(self.stage, name).await?;
        self.note(format!("pod `{name}` of role `{role}` was killed without grace"));
        Ok(self.gone(pod).await)
    }

    /// Waits until a pod is gone.
    async fn gone(&self, pod: &Object) -> Result<(), String> {
        let name = pod.name();
        let is_there = || {
            let live = self.stage.namespace.get("Pod", name)?;
            (live.uid() == pod.uid()).then(|| format!("pod `{name}` is still there"))
        };
        self.stage.wait(self.deadline, is_there).await
    }

    async fn restart_databases(&self) -> Result<Result<(), String>> {
        let began = Instant::now();
        self.stage.databases.restart().await?;
        let took = began.elapsed().as_millis();
        self.note(format!("the server of the databases was restarted, and accepted connections again after {took} ms"));
        pause(AFTERMATH).await;
        Ok(Ok(()))
    }
}

/// Deletes a pod without grace; one that is gone already is no failure.
async fn kill(stage: &Stage, pod: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.ns);
    match pods.delete(pod, &DeleteParams::default().grace_period(0)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        deleted => deleted.map(drop).with_context(|| format!("delete pod `{pod}`")),
    }
}

fn is_finished(pod: &Object) -> bool {
    ["Succeeded", "Failed"].contains(&pod.phase())
}
