//! A cluster that is there already and is only asked: the user's, or one of our own that a run left.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_process::home::Environment;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};

use crate::context::KubeContext;
use crate::namespace::{self, is_not_found};
use crate::registry;

/// A cluster of this machine answers within a second; one whose node was stopped never does.
const ANSWER: Duration = Duration::from_secs(5);
/// Each cluster has it.
const DEFAULT_NAMESPACE: &str = "default";

/// How to ask a cluster, and what it is called.
#[derive(Clone)]
pub struct Existing {
    /// As a sentence names it: ``context `staging` ``.
    pub name: String,
    /// What names it again on a command line: `--context staging`; nothing for a cluster of our own.
    pub flags: Vec<String>,
    /// A client of its API server.
    pub client: Client,
    /// A namespace that is there.
    pub namespace: String,
    /// Version of Kubernetes, for example `1.34.1`.
    pub version: String,
}

impl Existing {
    /// The cluster of a context of the user's kubeconfig, with the namespace that the context names.
    ///
    /// # Errors
    /// [`Environment`] if it does not answer.
    pub async fn of_context(context: &KubeContext) -> Result<Self> {
        let version = plain(&context.version().await?);
        let (client, namespace) = context.client().await?;
        let has_namespace = match Api::<Namespace>::all(client.clone()).get_opt(&namespace).await {
            Ok(found) => found.is_some(),
            // Who may not look at namespaces may still use one.
            Err(error) => !is_not_found(&error),
        };
        let namespace = if has_namespace { namespace } else { DEFAULT_NAMESPACE.to_owned() };
        let flags = vec!["--context".to_owned(), context.name().to_owned()];
        Ok(Self { name: format!("context `{}`", context.name()), flags, client, namespace, version })
    }

    /// The cluster of our own that answers, of those that runs left or use; the latest first.
    ///
    /// # Errors
    /// [`Environment`] if none does.
    pub async fn kept() -> Result<Self> {
        for kubeconfig in registry::kubeconfigs()? {
            if let Ok(Ok(found)) = tokio::time::timeout(ANSWER, Self::of_kubeconfig(&kubeconfig)).await {
                return Ok(found);
            }
        }
        let hint =
            "name a context of your kubeconfig with `--context`, or leave a cluster with `chartgate run --keep-warm`";
        Err(Environment::hinted("no cluster was kept that could be asked", hint).into())
    }

    async fn of_kubeconfig(kubeconfig: &Path) -> Result<Self> {
        let client = namespace::client(kubeconfig).await?;
        let version = plain(&client.apiserver_version().await.context("ask for the version")?.git_version);
        let entry = kubeconfig.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let name = format!("the kept cluster `chartgate-{entry}`");
        Ok(Self { name, flags: Vec::new(), client, namespace: DEFAULT_NAMESPACE.to_owned(), version })
    }
}

/// `v1.34.1-eks-113cf36` as `1.34.1`.
fn plain(version: &str) -> String {
    let numbers = version.trim_start_matches('v');
    numbers.split(['-', '+']).next().unwrap_or(numbers).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a chart's `kubeVersion` is asked about a word that helm does not understand.
    #[test]
    fn the_words_of_a_distribution_are_no_part_of_the_version() {
        for (said, expected) in [("v1.34.1", "1.34.1"), ("v1.33.4-eks-113cf36", "1.33.4"), ("v1.32.2+k3s1", "1.32.2")] {
            assert_eq!(plain(said), expected);
        }
    }
}
