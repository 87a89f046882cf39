//! A hook's Job, run outside helm: how a platform migrates where the chart's hook is switched off.

use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_model::plan::Hook;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PostParams, PropagationPolicy};
use kube::{Api, discovery};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::early::{self, Early};
use super::stage::Stage;
use crate::record::StepOutcome;
use chartgate_k8s::object::slashed;
use chartgate_k8s::typed::Object;

/// Annotations with which helm would take an object for its own.
const HELM_PREFIX: &str = "helm.sh/";

/// Creates the hook's Job, and what else the chart makes for its hooks, and waits until the Job ended.
pub async fn run(
    name: &str,
    hook: &Hook,
    rendered: &[Value],
    stage: &Stage,
    limit: Duration,
    early: Option<&Early<'_>>,
) -> Result<StepOutcome> {
    let hooks: Vec<Object> = rendered.iter().cloned().map(Object::from).filter(Object::is_hook).collect();
    let is_job = |object: &&Object| object.kind() == "Job" && object.is_selected(&hook.select);
    let Some(job) = hooks.iter().find(is_job) else {
        let why = format!(
            "with these values the chart renders no hook Job with the labels `{}` to run as `{name}`",
            hook.select
        );
        return Ok(StepOutcome::HelmFailed { why });
    };
    for object in hooks.iter().filter(|object| !["Job", "Pod"].contains(&object.kind())) {
        create(object, stage).await?;
    }
    let uid = create(job, stage).await?;

    let job = job.name();
    tokio::select! {
        outcome = end_of(job, &uid, stage, limit) => Ok(outcome),
        obstacle = early::certain(early) => {
            let obstacle = obstacle?;
            if let Some(early) = early {
                early.check_machine().await?;
            }
            Ok(StepOutcome::HelmFailed { why: format!("{}\n{}", obstacle.why, stage.troubles()) })
        }
    }
}

/// How a Job ends, or that it does not within the limit.
async fn end_of(job: &str, uid: &str, stage: &Stage, limit: Duration) -> StepOutcome {
    let deadline = Instant::now() + limit;
    let mut changes = stage.namespace.changes();
    loop {
        changes.mark_unchanged();
        // The watch may still hold the last run's Job of this name.
        let live = stage.namespace.get("Job", job).filter(|live| live.uid() == uid);
        let has = |condition: &str| live.as_ref().is_some_and(|job| job.has_condition(condition));
        if has("Complete") {
            return StepOutcome::Succeeded;
        }
        if has("Failed") {
            return StepOutcome::HelmFailed { why: format!("job/{job} failed\n{}", stage.troubles()) };
        }
        if timeout_at(deadline, changes.changed()).await.is_err() {
            let why = format!("job/{job} did not end within {} s\n{}", limit.as_secs(), stage.troubles());
            return StepOutcome::HelmFailed { why };
        }
    }
}

/// Creates an object in place of one of the same name, as helm's `before-hook-creation` does, and tells its UID.
async fn create(object: &Object, stage: &Stage) -> Result<String> {
    let mut object: DynamicObject = serde_json::from_value(object.raw().clone()).context("read a rendered object")?;
    if let Some(annotations) = &mut object.metadata.annotations {
        annotations.retain(|key, _| !key.starts_with(HELM_PREFIX));
    }
    let name = object.metadata.name.clone().unwrap_or_default();
    let resource = resource_of(&object, stage).await?;
    let shown = slashed(&resource.kind, &name);
    let api: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &stage.ns, &resource);
    let foreground =
        DeleteParams { propagation_policy: Some(PropagationPolicy::Foreground), ..DeleteParams::default() };
    match kube::runtime::wait::delete::delete_and_finalize(api.clone(), &name, &foreground).await {
        Ok(()) => {}
        Err(kube::runtime::wait::delete::Error::Delete(kube::Error::Api(status))) if status.code == 404 => {}
        Err(error) => return Err(error).with_context(|| format!("replace {shown}")),
    }
    let created = api.create(&PostParams::default(), &object).await;
    let created = created.with_context(|| format!("create {shown}"))?;
    created.metadata.uid.with_context(|| format!("{shown} has no UID"))
}

async fn resource_of(object: &DynamicObject, stage: &Stage) -> Result<ApiResource> {
    let types = object.types.as_ref().context("a rendered object has no kind")?;
    let kind = GroupVersionKind::try_from(types).context("a rendered object has no version")?;
    let found = discovery::pinned_kind(&stage.client, &kind).await;
    Ok(found.with_context(|| format!("the cluster does not know {} {}", types.api_version, types.kind))?.0)
}
