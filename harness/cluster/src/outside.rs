//! What a lease owns in a user's cluster outside its namespaces: it does not go with them.

use std::fmt;

use anyhow::{Context, Result};
use chartgate_process::wait::{Check, until};
use kube::api::{DeleteParams, DynamicObject};
use kube::{Api, Client};
use serde::{Deserialize, Serialize};

use crate::namespace::{GONE, is_not_found};
use crate::{error, kinds};

/// An object, by all that tells it from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outside {
    /// Group and version of its kind.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace, which counts only if its kind is namespaced.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.to_lowercase(), self.name)
    }
}

impl Outside {
    /// Whether the cluster has it.
    pub async fn is_there(&self, client: &Client) -> Result<bool> {
        match self.api(client).await? {
            Some(all) => {
                let found = all.get_metadata_opt(&self.name).await;
                Ok(found.with_context(|| format!("look for {self}"))?.is_some())
            }
            None => Ok(false),
        }
    }

    /// Deletes it, and waits until it is gone.
    pub async fn delete(&self, client: &Client) -> Result<()> {
        let Some(all) = self.api(client).await? else { return Ok(()) };
        match all.delete(&self.name, &DeleteParams::background()).await {
            Err(error) if is_not_found(&error) => return Ok(()),
            result => drop(result.with_context(|| format!("failed to delete {self}"))?),
        }
        until(&format!("{self} to be gone"), GONE, || async {
            match all.get_metadata_opt(&self.name).await {
                Ok(None) => Check::Ready(()),
                Ok(Some(left)) => {
                    let finalizers = left.metadata.finalizers.unwrap_or_default().join(", ");
                    Check::NotYet(format!("it is kept by its finalizers: {finalizers}"))
                }
                Err(error) => Check::NotYet(error::message(&error.into())),
            }
        })
        .await
    }

    /// Where it is; `None`: the cluster does not know its kind (any more), and has none.
    async fn api(&self, client: &Client) -> Result<Option<Api<DynamicObject>>> {
        kinds::api_of(client, &self.api_version, &self.kind, &self.namespace).await
    }
}
