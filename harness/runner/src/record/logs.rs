//! Follows every container's log from its first line.

use std::collections::HashSet;
use std::time::Duration;

use chartgate_cluster::error;
use chartgate_k8s::typed::Object;
use chartgate_process::wait;
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::LogParams;
use kube::{Api, Client};
use tokio::task::JoinSet;

use super::Moment;
use super::timeline::Timeline;
use super::watch::Namespace;

/// A container whose log is not available this long after it started has none to give.
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
                if followed.insert((container.uid.clone(), container.container.clone(), container.restart)) {
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
    restart: u32,
    /// It has ended and another has taken its place: the kubelet keeps the log of one such.
    is_previous: bool,
}

/// The containers of a pod that have, or had, a log; of one that was restarted, the one before it as well.
fn started_containers(pod: &Object) -> Vec<Started> {
    let has_log = |status: &&ContainerStatus| status.container_id.as_ref().is_some_and(|id| !id.is_empty());
    let started = pod.statuses().filter(has_log).flat_map(|status| {
        let restart = u32::try_from(status.restart_count).unwrap_or_default();
        let before = restart.checked_sub(1).map(|before| (before, true));
        before.into_iter().chain([(restart, false)]).map(|(restart, is_previous)| Started {
            pod: pod.name().to_owned(),
            uid: pod.uid().to_owned(),
            container: status.name.clone(),
            restart,
            is_previous,
        })
    });
    started.collect()
}

async fn follow_one(pods: Api<Pod>, started: Started, timeline: Timeline) {
    let (container, previous) = (Some(started.container.clone()), started.is_previous);
    let parameters = LogParams { container, follow: !previous, previous, ..LogParams::default() };
    let opened = wait::until("the log", PATIENCE, async || match pods.log_stream(&started.pod, &parameters).await {
        Ok(stream) => wait::Check::Ready(stream),
        Err(error) => wait::Check::NotYet(error::message(&error.into())),
    })
    .await;
    let read = async {
        let mut lines = opened?.lines();
        while let Some(line) = lines.try_next().await? {
            let (pod, container) = (started.pod.clone(), started.container.clone());
            timeline.append(Moment::Log { pod, container, restart: started.restart, line });
        }
        anyhow::Ok(())
    };
    if let Err(error) = read.await {
        let of = format!("log {}/{}", started.pod, started.container);
        timeline.append(Moment::Gap { of, why: error::message(&error) });
    }
}
