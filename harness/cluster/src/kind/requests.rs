//! What Kubernetes' own programs request of a node that chartgate made: little, so that more scenarios fit beside them.

use std::path::Path;

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::DaemonSet;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use super::config::Part;

const DIRECTORY: &str = "/etc/chartgate/requests";
/// kubeadm's own requests are for nodes of many pods: 100m, 250m, 200m and 100m in 1.34.
const PROGRAMS: [(&str, &str); 4] =
    [("etcd", "50m"), ("kube-apiserver", "100m"), ("kube-controller-manager", "20m"), ("kube-scheduler", "10m")];

/// The files that kubeadm changes its manifests by, beside the kubeconfig.
pub(super) fn part(kubeconfig: &Path) -> Result<Part> {
    let folder = kubeconfig.with_extension("requests");
    std::fs::create_dir_all(&folder).with_context(|| format!("make `{}`", folder.display()))?;
    for (program, cpu) in PROGRAMS {
        let path = folder.join(format!("{program}+strategic.json"));
        let container = json!({"name": program, "resources": {"requests": {"cpu": cpu}}});
        let patch = json!({"spec": {"containers": [container]}});
        std::fs::write(&path, patch.to_string()).with_context(|| format!("write `{}`", path.display()))?;
    }
    Ok(Part {
        mount: json!({"hostPath": folder, "containerPath": DIRECTORY, "readOnly": true}),
        patch: json!({"kind": "InitConfiguration", "patches": {"directory": DIRECTORY}}).to_string(),
    })
}

/// Lowers what the network of kind's own node images requests; a node image that was built here has another one.
pub(super) async fn lower_network(client: Client) -> Result<()> {
    of_daemon(client, "kindnet", "kindnet-cni", "10m").await
}

/// Has the proxy on each node request something. In kubeadm's manifest it requests nothing: on a node whose processors are all taken it then gets
/// next to nothing of them, and leads users to pods that left seconds ago. Clusters that are bought request 100m for it.
pub(super) async fn raise_proxy(client: Client) -> Result<()> {
    of_daemon(client, "kube-proxy", "kube-proxy", "50m").await
}

/// Sets what a program on each node requests, where there is such a program.
async fn of_daemon(client: Client, name: &str, container: &str, cpu: &str) -> Result<()> {
    let daemons: Api<DaemonSet> = Api::namespaced(client, "kube-system");
    let container = json!({"name": container, "resources": {"requests": {"cpu": cpu}}});
    let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    match daemons.patch(name, &PatchParams::default(), &Patch::Strategic(patch)).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        patched => Ok(patched.map(drop)?),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// A failure would mean that kubeadm ignores what the programs are to request, and fewer scenarios run at once.
    #[test]
    fn each_program_has_a_file_of_the_form_that_kubeadm_reads() {
        let base = tempfile::tempdir().unwrap();
        let part = part(&base.path().join("kubeconfig")).unwrap();
        let text =
            std::fs::read_to_string(base.path().join("kubeconfig.requests/kube-apiserver+strategic.json")).unwrap();
        let patch: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(patch["spec"]["containers"][0]["resources"]["requests"]["cpu"], "100m");
        assert!(part.patch.contains(DIRECTORY) && part.mount["containerPath"] == DIRECTORY);
    }
}
