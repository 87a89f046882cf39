//! The API server's own record of what the `ServiceAccount`s of pods ask for, on clusters that chartgate made.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;

use crate::engine;
use crate::kind::Part;

const DIRECTORY: &str = "/etc/kubernetes/audit";
const LOGS: &str = "/var/log/kubernetes/audit";
/// Who asked what and what came of it; no bodies, and nothing of the cluster's own parts.
const POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - {level: None, userGroups: ['system:serviceaccounts:kube-system', 'system:serviceaccounts:local-path-storage']}
  - {level: Metadata, userGroups: ['system:serviceaccounts']}
  - {level: None}
";
/// kubeadm takes arguments in another form from here on.
const FIRST_WITHOUT: u32 = 36;

/// A line of the record: an Event of `audit.k8s.io/v1`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Request {
    pub verb: String,
    /// When it was answered.
    pub stage_timestamp: String,
    pub user: User,
    /// What was asked for.
    pub object_ref: ObjectRef,
    pub response_status: Status,
}

/// Whose request it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct User {
    pub username: String,
}

/// An object, or all of a kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ObjectRef {
    pub api_group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
}

/// What a request was answered.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    /// HTTP's.
    pub code: u64,
}

/// What kind is told so that the API server keeps its record, with the policy beside the kubeconfig; `None`: this version of Kubernetes
/// is not asked for one.
pub(super) fn part(kubernetes: &str, kubeconfig: &Path) -> Result<Option<Part>> {
    let minor = kubernetes.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    if minor.is_none_or(|minor| minor >= FIRST_WITHOUT) {
        return Ok(None);
    }
    let policy = kubeconfig.with_extension("audit-policy.yaml");
    std::fs::write(&policy, POLICY).with_context(|| format!("write `{}`", policy.display()))?;
    let volume = |name: &str, path: &str| json!({"name": name, "hostPath": path, "mountPath": path, "pathType": "DirectoryOrCreate"});
    let arguments = json!({
        "audit-policy-file": format!("{DIRECTORY}/policy.yaml"),
        "audit-log-path": format!("{LOGS}/audit.log"),
        "audit-log-maxsize": "100",
    });
    let server =
        json!({"extraArgs": arguments, "extraVolumes": [volume("audit", DIRECTORY), volume("audit-logs", LOGS)]});
    Ok(Some(Part {
        mount: json!({"hostPath": policy, "containerPath": format!("{DIRECTORY}/policy.yaml"), "readOnly": true}),
        patch: json!({"kind": "ClusterConfiguration", "apiServer": server}).to_string(),
    }))
}

/// The record of what the accounts of a namespace asked for, a request each; empty where the cluster keeps none.
pub async fn requests(node: &str, ns: &str) -> Result<Vec<Request>> {
    let account = format!("\"system:serviceaccount:{ns}:");
    let look = ["grep", "-h", "-s", "-F", &account, &format!("{LOGS}/audit.log")].map(str::to_owned);
    // It finds nothing where nobody asked, and where there is no record.
    let output = engine::exec(node, look).run_unchecked().await?;
    Ok(output.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
