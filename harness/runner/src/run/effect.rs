//! What hooks make in servers, looked at between the steps.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chartgate_cluster::error;
use chartgate_k8s::typed::Object;
use chartgate_model::plan::{Effect, Plan};
use chartgate_model::recording::{EffectSeen, EffectState};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::AttachParams;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::stage::Stage;
use crate::record::{Moment, Timeline};

/// A server's own tool answers within seconds, also where it starts a JVM on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Notes what each hook of the plan makes, as it is now: after a step, or before the first one.
pub async fn note(plan: &Plan, after: Option<usize>, stage: &Stage, timeline: &Timeline) {
    for (hook, promised) in plan.present_hooks() {
        for (effect, promise) in &promised.effects {
            let state = look(promise, stage).await;
            let (hook, effect) = (hook.clone(), effect.clone());
            timeline.append(Moment::Effect(EffectSeen { after, hook, effect, state }));
        }
    }
}

async fn look(effect: &Effect, stage: &Stage) -> EffectState {
    let pods = stage.namespace.of_kind("Pod");
    let Some(pod) = pods.iter().find(|pod| pod.is_selected(&effect.pods) && pod.is_ready_pod()) else {
        return EffectState::NoPod;
    };
    match timeout(LIMIT, print(effect, pod, stage)).await {
        Ok(Ok(output)) => EffectState::Shown { pod: pod.name().to_owned(), output },
        Ok(Err(error)) => EffectState::Failed { why: error::message(&error) },
        Err(_) => EffectState::Failed { why: format!("it did not end within {} s", LIMIT.as_secs()) },
    }
}

/// Runs the effect's program in a pod's first container, and returns what it printed.
async fn print(effect: &Effect, pod: &Arc<Object>, stage: &Stage) -> Result<String> {
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.ns);
    let container = pod.pod().and_then(|pod| pod.spec.containers.first()).map_or("", |first| &first.name);
    let parameters = AttachParams::default().container(container).stdout(true).stderr(true);
    let mut process = pods.exec(pod.name(), &effect.command, &parameters).await.context("start it")?;
    let ended = process.take_status();
    let (mut output, mut errors) = (String::new(), String::new());
    let (Some(mut stdout), Some(mut stderr)) = (process.stdout(), process.stderr()) else {
        bail!("its output cannot be read");
    };
    tokio::try_join!(stdout.read_to_string(&mut output), stderr.read_to_string(&mut errors))
        .context("read its output")?;
    let status = match ended {
        Some(ended) => ended.await,
        None => None,
    };
    match status {
        Some(status) if status.status.as_deref() == Some("Success") => Ok(output),
        status => {
            let ended =
                status.and_then(|status| status.message).unwrap_or_else(|| "it ended without a status".to_owned());
            let said = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
            bail!("{ended}: {said}")
        }
    }
}
