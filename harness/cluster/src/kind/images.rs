//! Images on a cluster's nodes: loaded from the engine, else pulled once.

use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_process::tool::Tool;

use super::Cluster;
use crate::provider::Progress;
use crate::{MissingImage, pull};

/// Loading takes about ten seconds for 150 MB.
const LOAD: Duration = Duration::from_secs(300);

impl Cluster {
    /// Puts images on all nodes, each once, and pulls those that are needed and on no engine and no node. Gives those that are still
    /// missing: the kubelet pulls them.
    pub async fn provide(
        &self,
        references: &[String],
        needed: &[String],
        progress: &Progress,
    ) -> Result<Vec<MissingImage>> {
        let untried = |reference: String| MissingImage { reference, said: Vec::new() };
        let Some(node) = self.nodes.first() else {
            return Ok(references.iter().cloned().map(untried).collect());
        };
        let mut absent = self.load(references, progress).await?;
        if absent.is_empty() {
            return Ok(Vec::new());
        }
        let present = pull::on_node(node, &absent).await?;
        absent.retain(|reference| !present.contains(reference));
        let (needed, beside): (Vec<String>, Vec<String>) =
            absent.into_iter().partition(|reference| needed.contains(reference));
        let mut missing: Vec<MissingImage> = beside.into_iter().map(untried).collect();
        // Held while pulling: who wants the same image waits for it instead of pulling it again.
        let mut tried = self.tried.lock().await;
        for reference in &needed {
            if !tried.contains_key(reference) {
                tried.insert(reference.clone(), pull::pull(reference, &self.nodes, progress).await?);
            }
            missing.extend(tried[reference].clone());
        }
        drop(tried);
        self.load(&needed, progress).await?;
        Ok(missing)
    }

    /// Puts images on all nodes, each once. Gives those that the engine does not have.
    async fn load(&self, references: &[String], progress: &Progress) -> Result<Vec<String>> {
        // Held while loading: who wants the same image waits for it instead of loading it again.
        let mut loaded = self.loaded.lock().await;
        let (mut missing, mut wanted, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for reference in references {
            let Some(id) = image_id(reference).await? else {
                missing.push(reference.clone());
                continue;
            };
            let key = format!("{id} {reference}");
            if !loaded.contains(&key) && !wanted.contains(reference) {
                wanted.push(reference.clone());
                keys.push(key);
            }
        }
        if !wanted.is_empty() {
            progress.say(format!("loading {} into cluster {}", wanted.join(", "), self.name));
            futures::future::try_join_all(self.nodes.iter().map(|node| load_into(node, &wanted))).await?;
            loaded.extend(keys);
            if let Some(entry) = &self.entry {
                entry.write("images", &*loaded)?;
            }
        }
        Ok(missing)
    }
}

/// The image's id; `None`: the engine does not have it under a tag, so it cannot be handed on under this name.
pub(crate) async fn image_id(reference: &str) -> Result<Option<String>> {
    if reference.contains('@') {
        return Ok(None);
    }
    let inspect = Tool::on_path("docker").args(["image", "inspect", "--format", "{{.Id}}", reference]);
    let output = inspect.run_unchecked().await?;
    if output.is_success() {
        return Ok(Some(output.stdout.trim().to_owned()));
    }
    if output.stderr.to_lowercase().contains("no such image") { Ok(None) } else { Err(inspect.failure(&output)) }
}

/// What `kind load docker-image` does, without a copy on the disk.
async fn load_into(node: &str, references: &[String]) -> Result<()> {
    let save = Tool::on_path("docker").args(["save"]).args(references).deadline(LOAD);
    let import = Tool::on_path("docker")
        .args(["exec", "--privileged", "--interactive", node, "ctr", "--namespace=k8s.io", "images", "import"])
        .args(["--all-platforms", "--digests", "--snapshotter=overlayfs", "-"])
        .deadline(LOAD);
    let loaded = save.run_into(import).await;
    loaded.map(drop).with_context(|| format!("failed to load {} into node `{node}`", references.join(", ")))
}
