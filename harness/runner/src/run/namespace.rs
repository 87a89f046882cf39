//! A namespace that goes with the lease.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_cluster::{Lease, Owned};
use chartgate_model::plan::Plan;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::json;
use tokio::time::timeout;

/// Label that marks what the harness made.
const LABEL: &str = "chartgate.dev/scenario";
/// A controller makes the account in milliseconds, and half a minute after the API server's start.
const ACCOUNT_LIMIT: Duration = Duration::from_secs(90);

/// Makes a namespace that goes with the lease.
pub(super) async fn create(
    client: &Client,
    lease: &Lease,
    name: &str,
    mut labels: BTreeMap<String, String>,
    plan: &Plan,
) -> Result<()> {
    lease.owns(Owned::Namespace(name.to_owned())).await?;
    labels.insert(LABEL.to_owned(), label_value(&plan.name));
    let namespace = json!({"metadata": {"name": name, "labels": labels}});
    let namespace: Namespace = serde_json::from_value(namespace).context("describe a namespace")?;
    let all: Api<Namespace> = Api::all(client.clone());
    all.create(&PostParams::default(), &namespace).await.with_context(|| format!("create the namespace `{name}`"))?;
    // Without the account that a controller makes in it, every pod is refused.
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
    let made = await_condition(accounts, "default", |account: Option<&ServiceAccount>| account.is_some());
    let waited = || format!("waited {} s for the default ServiceAccount of `{name}`", ACCOUNT_LIMIT.as_secs());
    timeout(ACCOUNT_LIMIT, made).await.with_context(waited)?.with_context(waited)?;
    Ok(())
}

/// A scenario's name as the value of a label: 63 characters at most, of which the last ones say the most.
fn label_value(name: &str) -> String {
    const LIMIT: usize = 63;
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let safe: String = name.chars().map(|c| if is_allowed(c) { c } else { '.' }).collect();
    safe[safe.len().saturating_sub(LIMIT)..].trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a scenario with a long name, or one with a space in it, never runs.
    #[test]
    fn a_label_holds_what_kubernetes_allows() {
        assert_eq!(label_value("chart/one-replica"), "chart.one-replica");
        assert_eq!(label_value("chart/größe (1)"), "chart.gr..e..1");
        let long = label_value(&format!("{}-{}", "x".repeat(20), "y".repeat(62)));
        assert_eq!(long, "y".repeat(62));
    }
}
