//! Images that are known only once the cluster is there: those of what is rendered on it, and of pods that appear.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::pending;

use anyhow::Result;
use chartgate_cluster::Lease;

use super::need;
use crate::record::watch::Namespace;

/// Puts images of this machine's engine on the cluster's nodes. Those that it does not have are the kubelet's to pull.
pub async fn load(images: impl Iterator<Item = String>, lease: &Lease) -> Result<()> {
    let images: BTreeSet<String> = images.collect();
    if images.is_empty() { Ok(()) } else { lease.load(images.into_iter().collect()).await }
}

/// Loads the images of each pod that appears, but for those that are there already. It does not end by itself: a pod whose image
/// cannot be loaded says so.
pub async fn load_for_pods(namespace: &Namespace, lease: &Lease, known: &[String]) -> Infallible {
    let mut known: BTreeSet<String> = known.iter().cloned().collect();
    let mut changes = namespace.changes();
    loop {
        changes.mark_unchanged();
        let pods = namespace.of_kind("Pod");
        let new: BTreeSet<String> = pods.iter().flat_map(|pod| need::images_of(pod.raw())).collect();
        let new: Vec<String> = new.difference(&known).cloned().collect();
        known.extend(new.iter().cloned());
        load(new.into_iter(), lease).await.ok();
        if changes.changed().await.is_err() {
            pending::<()>().await;
        }
    }
}
