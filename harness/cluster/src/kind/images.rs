//! Images on a cluster's nodes: loaded from the engine, else pulled once.

use anyhow::Result;

use super::Cluster;
use crate::provider::Progress;
use crate::{MissingImage, engine, pull};

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
            let Some(id) = engine::image_id(reference).await? else {
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
            futures::future::try_join_all(self.nodes.iter().map(|node| engine::load_into(node, &wanted))).await?;
            loaded.extend(keys);
            if let Some(entry) = &self.entry {
                entry.write("images", &*loaded)?;
            }
        }
        Ok(missing)
    }
}
