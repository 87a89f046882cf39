//! A node is drained as an administrator drains it: cordoned, and its pods asked to leave through the eviction API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_cluster::error;
use chartgate_k8s::typed::Object;
use chartgate_process::wait::{Check, pause, until};
use futures::future::join_all;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Api;
use kube::api::{EvictParams, ListParams};
use tokio::time::Instant;

use super::disturbance::Disturbance;
use crate::record::{Moment, StepOutcome};
use crate::run::stage::Stage;

/// `kubectl drain` asks again after as long.
const RETRY: Duration = Duration::from_secs(5);

/// Drains the node with the most pods of the release, waits until the release stands again, and gives the node back.
pub async fn inject(disturbance: &Disturbance<'_>) -> Result<StepOutcome> {
    let stage = disturbance.stage;
    let pods: Vec<Arc<Object>> = stage.namespace.of_kind("Pod").into_iter().filter(|pod| leaves(pod)).collect();
    let kept = kept(stage).await?;
    let Some(node) = busiest(&pods, &kept) else {
        let kept: Vec<_> = kept.iter().map(|node| format!("node/{node}")).collect();
        let why = format!("every pod of the release runs on {}, where chartgate's own do", kept.join(", "));
        return Ok(StepOutcome::NotReady { why });
    };
    let nodes: Api<Node> = Api::all(stage.client.clone());
    nodes.cordon(&node).await.with_context(|| format!("cordon node/{node}"))?;
    let drained = empty(disturbance, &node, &pods).await;
    nodes.uncordon(&node).await.with_context(|| format!("uncordon node/{node}"))?;
    drained
}

/// The nodes of the prober, and of servers that are pods.
async fn kept(stage: &Stage) -> Result<BTreeSet<String>> {
    let pods = |ns: String| Api::<Pod>::namespaced(stage.client.clone(), &ns);
    let prober = pods(stage.beside()).get("prober").await.context("look for the prober's node")?;
    let servers = pods(stage.of_servers()).list(&ListParams::default()).await.context("look for the servers' nodes")?;
    Ok(servers.items.into_iter().chain([prober]).filter_map(|pod| pod.spec?.node_name).collect())
}

/// Whether a drain asks a pod to leave: a DaemonSet's would come back, and a finished one is gone already.
fn leaves(pod: &Object) -> bool {
    !pod.owners().any(|owner| owner.kind == "DaemonSet") && !pod.is_finished_pod()
}

/// The node with the most of these pods, which is none of those that must be kept.
fn busiest(pods: &[Arc<Object>], kept: &BTreeSet<String>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in pods.iter().filter_map(|pod| node_of(pod)).filter(|node| !kept.contains(*node)) {
        *counts.entry(node).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(node, _)| node.to_owned())
}

fn node_of(pod: &Object) -> Option<&str> {
    pod.pod()?.spec.node_name.as_deref()
}

async fn empty(disturbance: &Disturbance<'_>, node: &str, pods: &[Arc<Object>]) -> Result<StepOutcome> {
    let pods: Vec<&Object> = pods.iter().map(AsRef::as_ref).filter(|pod| node_of(pod) == Some(node)).collect();
    let client = chartgate_cluster::client_without_retries(&disturbance.stage.kubeconfig).await?;
    let evictions: Api<Pod> = Api::namespaced(client, &disturbance.stage.ns);
    let left = join_all(pods.iter().map(|pod| evict(disturbance, &evictions, pod))).await;
    let (mut evicted, mut stayed) = (Vec::new(), BTreeMap::new());
    for (pod, left) in pods.iter().zip(left) {
        let name = pod.name().to_owned();
        match left {
            Ok(()) => evicted.push(name),
            Err(why) => drop(stayed.insert(name, why)),
        }
    }
    let why = stayed.iter().map(|(pod, why)| format!("pod/{pod} stayed on node/{node}: {why}"));
    let why = why.collect::<Vec<_>>().join("\n");
    disturbance.timeline.append(Moment::Drained { step: disturbance.index, node: node.to_owned(), evicted, stayed });
    if why.is_empty() { disturbance.settle().await } else { Ok(StepOutcome::NotReady { why }) }
}

/// Asks a pod to leave until it may, and waits until it has.
async fn evict(disturbance: &Disturbance<'_>, pods: &Api<Pod>, pod: &Object) -> Result<(), String> {
    let refusal = Mutex::new(None);
    let limit = disturbance.deadline.saturating_duration_since(Instant::now());
    let asked = until("leave to evict it", limit, || async {
        match pods.evict(pod.name(), &EvictParams::default()).await {
            Ok(_) => Check::Ready(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Check::Ready(()),
            Err(kube::Error::Api(status)) if status.code == 429 => {
                *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(status.message.clone());
                pause(RETRY).await;
                Check::NotYet(status.message)
            }
            Err(error) => Check::Fatal(error.into()),
        }
    });
    if let Err(error) = asked.await {
        let refusal = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
        return Err(refusal.unwrap_or_else(|| error::message(&error)));
    }
    disturbance.gone(pod).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(node: &str) -> Arc<Object> {
        Arc::new(json!({"kind": "Pod", "spec": {"nodeName": node}}).into())
    }

    /// A failure would mean that a drain takes the prober or a server with it, and its losses are blamed on the chart.
    #[test]
    fn the_nodes_of_chartgates_own_pods_are_never_drained() {
        let pods = ["a", "a", "b"].map(pod);
        let kept = |nodes: &[&str]| nodes.iter().map(|node| (*node).to_owned()).collect();
        assert_eq!(busiest(&pods, &kept(&["c"])).as_deref(), Some("a"));
        assert_eq!(busiest(&pods, &kept(&["a"])).as_deref(), Some("b"));
        assert_eq!(busiest(&pods, &kept(&["a", "b"])), None);
    }

    /// A failure would mean that a drain waits for pods which never leave a node.
    #[test]
    fn pods_of_daemon_sets_and_finished_ones_are_left_alone() {
        let owned = json!({"metadata": {"ownerReferences": [{"kind": "DaemonSet"}]}});
        assert!(!leaves(&owned.into()));
        assert!(!leaves(&json!({"kind": "Pod", "status": {"phase": "Succeeded"}}).into()));
        let owners = json!([{"kind": "ReplicaSet"}]);
        let pod = json!({"kind": "Pod", "metadata": {"ownerReferences": owners}, "status": {"phase": "Pending"}});
        assert!(leaves(&pod.into()));
    }
}
