//! Removal of what a lease owned in a cluster and in a server.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chartgate_process::wait::{Check, until};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{DeleteParams, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Config};

use crate::error;

/// An emptied namespace is gone within five seconds; one with finalizers of the chart's may never be.
pub(crate) const GONE: Duration = Duration::from_secs(30);

/// A client of the cluster that a kubeconfig describes; the user's own kubeconfig is not read.
pub async fn client(kubeconfig: &Path) -> Result<Client> {
    let config = config(kubeconfig).await?;
    Client::try_from(config).with_context(|| format!("failed to read `{}`", kubeconfig.display()))
}

/// A client that gives each refusal to its caller. The usual one asks again by itself after "too many requests", which is
/// also what an eviction gets that a budget does not allow.
pub async fn client_without_retries(kubeconfig: &Path) -> Result<Client> {
    let mut config = config(kubeconfig).await?;
    config.default_retry = false;
    Client::try_from(config).with_context(|| format!("failed to read `{}`", kubeconfig.display()))
}

async fn config(kubeconfig: &Path) -> Result<Config> {
    let read = || format!("failed to read `{}`", kubeconfig.display());
    let file = Kubeconfig::read_from(kubeconfig).with_context(read)?;
    Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.with_context(read)
}

/// Deletes a namespace, and waits until its pods are gone. They go by force: a grace period is longer than we wait.
pub async fn delete(client: Client, name: &str) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let pods: Api<Pod> = Api::namespaced(client, name);
    // The namespace first: in one that is being deleted, no controller replaces the pods.
    match namespaces.delete(name, &DeleteParams::background()).await {
        Err(error) if is_not_found(&error) => return Ok(()),
        result => drop(result.with_context(|| format!("failed to delete namespace `{name}`"))?),
    }
    let by_force = DeleteParams::default().grace_period(0);
    until(&format!("the pods of namespace `{name}` to be gone"), GONE, || async {
        // Again at each look: one that was just being created may have come after the last.
        if let Err(error) = pods.delete_collection(&by_force, &ListParams::default()).await {
            return Check::NotYet(error::message(&error.into()));
        }
        match pods.list_metadata(&ListParams::default()).await {
            Ok(left) if left.items.is_empty() => Check::Ready(()),
            Ok(left) => Check::NotYet(format!("pods that are left: {}", left.items.len())),
            Err(error) => Check::NotYet(error::message(&error.into())),
        }
    })
    .await
}

/// Waits until a deleted namespace is gone. Its controller looks again after some seconds, so this takes about five.
pub async fn gone(client: Client, name: &str) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(client);
    let is_gone = |namespace: Option<&Namespace>| namespace.is_none();
    if tokio::time::timeout(GONE, await_condition(namespaces.clone(), name, is_gone))
        .await
        .is_ok_and(|gone| gone.is_ok())
    {
        return Ok(());
    }
    match namespaces.get_opt(name).await? {
        None => Ok(()),
        Some(namespace) => {
            bail!("waited {} s for namespace `{name}` to be gone; left: {}", GONE.as_secs(), remaining(&namespace))
        }
    }
}

pub(crate) fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// What the API server says is left.
fn remaining(namespace: &Namespace) -> String {
    let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let left: Vec<_> = conditions.filter(|c| c.status == "True").filter_map(|c| c.message.clone()).collect();
    left.join("; ")
}
