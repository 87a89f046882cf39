//! The release after a step, and what its tests said.

use anyhow::Result;
use chartgate_cluster::error;
use chartgate_k8s::ready;
use chartgate_k8s::typed::Object;
use chartgate_process::tool::Output;
use chartgate_yaml::Manifest;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use serde_json::Value;

use super::render;
use super::stage::Stage;
use super::words::tail;
use crate::helm::Status;
use crate::record::{HookRun, Release, StepOutcome, Timeline};

/// The end of a test's log, in lines: a test says last why it failed.
const LOG_LINES: i64 = 20;

/// The release as helm describes it, with its objects.
pub fn describe(step: usize, status: &Status, manifest: &Manifest, timeline: &Timeline) -> Result<Release> {
    // What a values file of the user holds is first seen here.
    status.config.iter().for_each(|values| timeline.redactor().add_credentials(values));
    let hooks = status.hooks.iter().map(|hook| {
        let object = render::store(&hook.objects()?, timeline).pop().unwrap_or_default();
        Ok(HookRun { object, events: hook.events.clone(), weight: hook.weight })
    });
    Ok(Release {
        step,
        revision: status.version,
        status: status.info.status.clone(),
        objects: render::store(manifest, timeline),
        hooks: hooks.collect::<Result<_>>()?,
        description: status.info.description.clone(),
        values: status.config.clone(),
    })
}

/// How `helm test` ended; of a failure, with the logs of the tests.
pub async fn tested(
    output: Option<Output>,
    status: Option<&Status>,
    stage: &Stage,
    timeline: &Timeline,
) -> Result<StepOutcome> {
    let Some(output) = output else { return Ok(StepOutcome::Interrupted) };
    if output.is_success() {
        return Ok(StepOutcome::Succeeded);
    }
    let mut why = vec![tail(&output.stderr, timeline)];
    let tests = status.into_iter().flat_map(|status| &status.hooks);
    for test in tests.filter(|hook| hook.events.iter().any(|event| event == "test")) {
        let object = test.objects()?.objects.pop().unwrap_or_default();
        for pod in pods_of(&object, stage) {
            why.push(log_of(&pod, stage).await);
        }
    }
    why.push(stage.troubles());
    Ok(StepOutcome::HelmFailed { why: why.join("\n").trim().to_owned() })
}

/// The pods of a test, which is a pod or a Job.
fn pods_of(test: &Value, stage: &Stage) -> Vec<String> {
    let test = Object::from(test.clone());
    let name = test.name();
    if test.kind() == "Pod" {
        return vec![name.to_owned()];
    }
    let Some(job) = stage.namespace.get("Job", name) else { return Vec::new() };
    let pods = stage.namespace.of_kind("Pod").into_iter().filter(|pod| ready::is_pod_of(&job, pod));
    pods.map(|pod| pod.name().to_owned()).collect()
}

async fn log_of(pod: &str, stage: &Stage) -> String {
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.ns);
    let end = LogParams { tail_lines: Some(LOG_LINES), ..LogParams::default() };
    match pods.logs(pod, &end).await {
        Ok(log) => format!("log of pod/{pod}:\n{}", log.trim()),
        // Its hook may have had it deleted; the timeline has its log all the same.
        Err(error) => format!("log of pod/{pod}: {}", error::message(&error.into())),
    }
}
