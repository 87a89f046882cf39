//! What is not ready while helm waits, for a person who waits with it.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use chartgate_k8s::typed::Object;

use super::Stage;
use chartgate_k8s::ready;
use chartgate_model::obstacle::image::being_pulled;

/// In the order in which a release becomes ready: hooks, then what they precede.
const KINDS: [&str; 4] = ["Job", "Deployment", "StatefulSet", "DaemonSet"];

/// Says what is not ready, at each change of it, and which images are pulled, which takes longest. It does not end by itself.
pub async fn tell(stage: &Stage, activity: &str) -> Infallible {
    let mut changes = stage.namespace.changes();
    let mut pulled = Vec::new();
    loop {
        changes.mark_unchanged();
        let all = stage.namespace.all();
        let all: Vec<&Object> = all.iter().map(Arc::as_ref).collect();
        let now = being_pulled(&all);
        if now != pulled {
            let pulling = if now.is_empty() { String::new() } else { format!(", pulling {}", now.join(", ")) };
            stage.progress.works(format!("{activity}{pulling}"));
            pulled = now;
        }
        let mut workloads = KINDS.iter().flat_map(|kind| stage.namespace.of_kind(kind));
        if let Some(why) = workloads.find_map(|workload| ready::not_ready(&workload, &all)) {
            stage.tell(&why);
        }
        if changes.changed().await.is_err() {
            pending::<()>().await;
        }
    }
}
