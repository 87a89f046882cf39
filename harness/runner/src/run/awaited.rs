//! What is not ready while helm waits, for a person who waits with it.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use serde_json::Value;

use super::Stage;
use chartgate_k8s::ready;

/// In the order in which a release becomes ready: hooks, then what they precede.
const KINDS: [&str; 4] = ["Job", "Deployment", "StatefulSet", "DaemonSet"];

/// Says what is not ready, at each change of it. It does not end by itself.
pub async fn tell(stage: &Stage) -> Infallible {
    let mut changes = stage.namespace.changes();
    loop {
        changes.mark_unchanged();
        let pods = stage.namespace.of_kind("Pod");
        let pods: Vec<&Value> = pods.iter().map(Arc::as_ref).collect();
        let mut workloads = KINDS.iter().flat_map(|kind| stage.namespace.of_kind(kind));
        if let Some(why) = workloads.find_map(|workload| ready::not_ready(&workload, &pods)) {
            stage.tell(&why);
        }
        if changes.changed().await.is_err() {
            pending::<()>().await;
        }
    }
}
