//! A disturbance of a release that nobody changes: what each needs, and how it ends.

use std::time::Duration;

use anyhow::Result;
use chartgate_k8s::object::{kind, name};
use chartgate_k8s::ready;
use chartgate_k8s::typed::Object;
use chartgate_model::plan::{Plan, Step};
use futures::FutureExt;
use serde_json::Value;
use tokio::time::Instant;

use crate::helm::Helm;
use crate::record::{Moment, StepOutcome, Timeline};
use crate::run::sample;
use crate::run::stage::Stage;

/// A disturbance, as it goes on.
pub struct Disturbance<'a> {
    pub plan: &'a Plan,
    pub index: usize,
    /// The release's objects.
    pub manifest: Vec<Value>,
    pub stage: &'a Stage,
    pub timeline: &'a Timeline,
    pub deadline: Instant,
}

impl<'a> Disturbance<'a> {
    /// Of the release as it stands; `None`: there is none.
    pub async fn of(
        plan: &'a Plan,
        index: usize,
        step: &Step,
        helm: &Helm,
        stage: &'a Stage,
        timeline: &'a Timeline,
    ) -> Result<Option<Self>> {
        let Some(status) = helm.status(&plan.release).await? else { return Ok(None) };
        let deadline = Instant::now() + Duration::from_secs(step.timeout_seconds);
        let manifest = chartgate_yaml::objects(&status.manifest)?;
        Ok(Some(Self { plan, index, manifest, stage, timeline, deadline }))
    }

    /// What became of it; the inner error is why it did not happen.
    pub async fn end(&self, happened: Result<(), String>) -> Result<StepOutcome> {
        match happened {
            Ok(()) => self.settle().await,
            Err(why) => Ok(StepOutcome::NotReady { why }),
        }
    }

    /// Waits until the release stands as before, and samples it.
    pub async fn settle(&self) -> Result<StepOutcome> {
        let Self { plan, index, manifest, stage, timeline, deadline } = self;
        let is_short = || self.missing_pods().or_else(|| stage.not_ready(manifest));
        let settle = || stage.wait(*deadline, &is_short).boxed();
        sample::of_settled(plan, *index, manifest, stage, timeline, settle).await
    }

    /// Notes that it happened.
    pub fn note(&self, what: String) {
        self.timeline.append(Moment::Fault { step: self.index, what });
    }

    /// What a workload lacks by its pods: its own status says so only some time after a pod is gone.
    fn missing_pods(&self) -> Option<String> {
        let pods = self.stage.namespace.of_kind("Pod");
        self.manifest.iter().filter(|object| is_scalable(object)).find_map(|object| {
            let live = self.stage.namespace.get(kind(object), name(object))?;
            let ready = pods.iter().filter(|pod| ready::is_pod_of(&live, pod) && pod.is_ready_pod()).count();
            let wanted = live.common().spec.replicas.unwrap_or(1);
            let is_short = i64::try_from(ready).unwrap_or(i64::MAX) < wanted;
            is_short.then(|| format!("{} `{}` has {ready} of {wanted} pods ready", live.kind(), live.name()))
        })
    }

    /// Waits until a pod is gone.
    pub async fn gone(&self, pod: &Object) -> Result<(), String> {
        let name = pod.name();
        let is_there = || {
            let live = self.stage.namespace.get("Pod", name)?;
            (live.uid() == pod.uid()).then(|| format!("pod/{name} is still there"))
        };
        self.stage.wait(self.deadline, is_there).await
    }
}

/// Whether an object has a `scale`, and its pods are counted by `spec.replicas`.
pub fn is_scalable(object: &Value) -> bool {
    matches!(kind(object), "Deployment" | "StatefulSet" | "ReplicaSet")
}
