//! Images that this machine's engine does not have: on the nodes already, or pulled once.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};

use super::MissingImage;
use super::provider::Progress;
use crate::engine;

/// A large image takes minutes on a slow line.
const PULL: Duration = Duration::from_secs(900);
/// A list is made at once; a busy node takes its time.
const LIST: Duration = Duration::from_secs(60);

/// Pulls an image, by the engine, which keeps it for the next run and may know the registry; else by the nodes, which may know a mirror.
/// `None`: it is there.
pub async fn pull(reference: &str, nodes: &[String], progress: &Progress) -> Result<Option<MissingImage>> {
    progress.say(format!("pulling {reference}, which this machine's engine does not have"));
    let mut said = Vec::new();
    // An image that is named by its digest alone cannot be handed on under this name.
    if !reference.contains('@') {
        match engine::pull(reference, PULL).await? {
            Ok(()) => return Ok(None),
            Err(words) => said.push(last_line(&words)),
        }
    }
    for node in nodes {
        let pull = ["ctr", "--namespace=k8s.io", "images", "pull", "--hosts-dir=/etc/containerd/certs.d"];
        let name = full_name(reference);
        let pulled = engine::exec(node, pull).args([&name]).deadline(PULL).run_unchecked().await?;
        if !pulled.is_success() {
            said.push(last_line(&pulled.stderr));
            return Ok(Some(MissingImage { reference: reference.to_owned(), said }));
        }
    }
    Ok(None)
}

fn last_line(said: &str) -> String {
    said.trim().lines().last().unwrap_or_default().to_owned()
}

/// Which of these images a node has.
pub async fn on_node(node: &str, references: &[String]) -> Result<BTreeSet<String>> {
    let list = ["ctr", "--namespace=k8s.io", "images", "list", "--quiet"];
    let listed = engine::exec(node, list).deadline(LIST).run().await;
    let listed = listed.with_context(|| format!("failed to list the images of node/{node}"))?;
    let names: BTreeSet<&str> = listed.stdout.lines().map(str::trim).collect();
    Ok(references.iter().filter(|reference| names.contains(full_name(reference).as_str())).cloned().collect())
}

/// A reference as containerd notes it: with registry, repository and tag.
fn full_name(reference: &str) -> String {
    let has_registry =
        reference.split_once('/').is_some_and(|(first, _)| first.contains(['.', ':']) || first == "localhost");
    let named = match (has_registry, reference.contains('/')) {
        (true, _) => reference.to_owned(),
        (false, true) => format!("docker.io/{reference}"),
        (false, false) => format!("docker.io/library/{reference}"),
    };
    let last = named.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) { named } else { format!("{named}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that an image which a node has is pulled again, or that a run does not begin for want of it.
    #[test]
    fn a_reference_is_written_as_the_node_notes_it() {
        for (reference, expected) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("busybox:1.36", "docker.io/library/busybox:1.36"),
            ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("ghcr.io/a/b@sha256:00", "ghcr.io/a/b@sha256:00"),
        ] {
            assert_eq!(full_name(reference), expected);
        }
    }
}
