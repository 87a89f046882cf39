//! What hooks make in servers, looked at between the steps.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use chartgate_cluster::{error, output_in};
use chartgate_k8s::typed::Object;
use chartgate_model::plan::{Effect, Look, Plan};
use chartgate_model::recording::{EffectSeen, EffectState};
use chartgate_process::wait::pause;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::time::{Instant, timeout};

use super::stage::Stage;
use crate::record::{Moment, Timeline};

/// A server's own tool answers within seconds, also where it starts a JVM on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A server that was restarted is ready before it has read all that it keeps: Kafka lists no topic until its controller told them.
const RECOVERY: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_secs(1);

/// What hooks made, as far as it was seen.
#[derive(Default)]
pub struct Effects {
    /// The hook and the name of each effect that was there once.
    made: BTreeSet<(String, String)>,
}

impl Effects {
    /// Notes what each hook of the plan makes, as it is now: after a step, or before the first one. What was there once is waited for.
    pub async fn note(&mut self, plan: &Plan, after: Option<usize>, stage: &Stage, timeline: &Timeline) {
        for (hook, promised) in plan.present_hooks() {
            for (effect, promise) in &promised.effects {
                let of = (hook.clone(), effect.clone());
                let patience = if self.made.contains(&of) { RECOVERY } else { Duration::ZERO };
                let state = look_until(promise, stage, Instant::now() + patience).await;
                if is_there(promise, &state) {
                    self.made.insert(of);
                }
                let (hook, effect) = (hook.clone(), effect.clone());
                timeline.append(Moment::Effect(EffectSeen { after, hook, effect, state }));
            }
        }
    }
}

/// The effect as it is once all of it is there, or at the deadline.
async fn look_until(promise: &Effect, stage: &Stage, deadline: Instant) -> EffectState {
    loop {
        let looked = timeout(LIMIT, look(&promise.look, stage)).await;
        let state = looked.unwrap_or_else(|_| failed(format!("it did not end within {} s", LIMIT.as_secs())));
        if is_there(promise, &state) || state == EffectState::NoPod || Instant::now() >= deadline {
            return state;
        }
        pause(INTERVAL).await;
    }
}

/// Whether all of it is there.
fn is_there(promise: &Effect, state: &EffectState) -> bool {
    matches!(state, EffectState::Shown { output, .. } if promise.shows.iter().all(|text| output.contains(text)))
}

async fn look(look: &Look, stage: &Stage) -> EffectState {
    let (place, output) = match look {
        Look::Pod { pods: selector, command } => {
            let pods = stage.namespace.of_kind("Pod");
            let Some(pod) = pods.iter().find(|pod| pod.is_selected(selector) && pod.is_ready_pod()) else {
                return EffectState::NoPod;
            };
            (pod.name().to_owned(), print(command, pod, stage).await)
        }
        Look::Server { server, command } => {
            let Some(place) = stage.servers.get(server) else {
                return failed(format!("there is no server `{server}`"));
            };
            (server.clone(), place.output(command).await)
        }
        Look::Database { database, query } => {
            let Some(known) = stage.databases.named(database) else {
                return failed(format!("there is no database `{database}`"));
            };
            (database.clone(), known.rows(query).await)
        }
    };
    match output {
        Ok(output) => EffectState::Shown { place, output },
        Err(error) => failed(error::message(&error)),
    }
}

fn failed(why: String) -> EffectState {
    EffectState::Failed { why }
}

/// Runs a program in a pod's first container, and returns what it printed.
async fn print(command: &[String], pod: &Object, stage: &Stage) -> Result<String> {
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.ns);
    let container = pod.pod().and_then(|pod| pod.spec.containers.first()).map_or("", |first| &first.name);
    output_in(&pods, pod.name(), container, command).await
}
