//! Which images there are to run.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;

use crate::engine::{image_id, is_in_registry};

/// A registry answers in a second; one that is not there, when its name is looked up.
const ASK_LIMIT: Duration = Duration::from_secs(30);

/// Of these images, those that the engine has or that a registry says it has.
pub async fn available(references: &[String]) -> Result<BTreeSet<String>> {
    let unique: BTreeSet<&String> = references.iter().collect();
    let asked = unique.into_iter().map(async |reference| {
        let is_there = image_id(reference).await?.is_some() || is_in_registry(reference, ASK_LIMIT).await;
        anyhow::Ok(is_there.then(|| reference.clone()))
    });
    Ok(try_join_all(asked).await?.into_iter().flatten().collect())
}
