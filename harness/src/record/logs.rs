//! Follows every container's log from its first line.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, Client};
use serde_json::Value;
use tokio::task::JoinSet;

use super::Moment;
use super::timeline::Timeline;
use super::watch::Namespace;
use crate::wait;

/// A container whose log is not to be had this long after it started has none to give.
const PATIENCE: Duration = Duration::from_secs(5);

/// Follows the containers of the namespace as they start, until it is dropped with its tasks.
pub async fn follow(client: Client, ns: String, namespace: Namespace, timeline: Timeline) {
    let pods: Api<Pod> = Api::namespaced(client, &ns);
    let mut followed = HashSet::new();
    let mut followers = JoinSet::new();
    let mut changes = namespace.changes();
    loop {
        for pod in namespace.of_kind("Pod") {
            for container in started_containers(&pod) {
                if followed.insert(container.clone()) {
                    followers.spawn(follow_one(pods.clone(), container, timeline.clone()));
                }
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Started {
    pod: String,
    uid: String,
    container: String,
    restart: u64,
}

/// The containers of a pod that have, or had, a log.
fn started_containers(pod: &Arc<Value>) -> Vec<Started> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let statuses = ["initContainerStatuses", "containerStatuses"].into_iter().filter_map(|list| {
        let statuses = pod["status"][list].as_array()?;
        Some(statuses.iter().filter(|status| status["containerID"].as_str().is_some_and(|id| !id.is_empty())))
    });
    let started = statuses.flatten().map(|status| Started {
        pod: text(&pod["metadata"]["name"]),
        uid: text(&pod["metadata"]["uid"]),
        container: text(&status["name"]),
        restart: status["restartCount"].as_u64().unwrap_or_default(),
    });
    started.collect()
}

async fn follow_one(pods: Api<Pod>, started: Started, timeline: Timeline) {
    let parameters = LogParams { container: Some(started.container.clone()), follow: true, ..LogParams::default() };
    let opened = wait::until("the log", PATIENCE, async || match pods.log_stream(&started.pod, &parameters).await {
        Ok(stream) => wait::Check::Ready(stream),
        Err(error) => wait::Check::NotYet(error.to_string()),
    })
    .await;
    let read = async {
        let mut lines = opened?.lines();
        while let Some(line) = lines.try_next().await? {
            let (pod, container) = (started.pod.clone(), started.container.clone());
            timeline.append(Moment::Log { pod, container, line });
        }
        anyhow::Ok(())
    };
    if let Err(error) = read.await {
        let of = format!("log {}/{}", started.pod, started.container);
        timeline.append(Moment::Gap { of, why: format!("{error:#}") });
    }
}
