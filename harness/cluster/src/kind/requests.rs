//! What Kubernetes' own programs request of a node that chartgate made: little, so that more scenarios fit beside them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

const DIRECTORY: &str = "/etc/chartgate/requests";
/// kubeadm's own requests are for nodes of many pods: 100m, 250m, 200m and 100m in 1.34.
const PROGRAMS: [(&str, &str); 4] =
    [("etcd", "50m"), ("kube-apiserver", "100m"), ("kube-controller-manager", "20m"), ("kube-scheduler", "10m")];
/// kubeadm's part of the configuration.
pub(super) const PATCH: &str = "kind: InitConfiguration\npatches: {directory: /etc/chartgate/requests}\n";

/// The files that kubeadm changes its manifests by.
pub(super) struct Requests {
    folder: PathBuf,
}

impl Requests {
    /// Writes them beside the kubeconfig.
    pub(super) fn prepare(kubeconfig: &Path) -> Result<Self> {
        let folder = kubeconfig.with_extension("requests");
        std::fs::create_dir_all(&folder).with_context(|| format!("make `{}`", folder.display()))?;
        for (program, cpu) in PROGRAMS {
            let path = folder.join(format!("{program}+strategic.json"));
            let container = json!({"name": program, "resources": {"requests": {"cpu": cpu}}});
            let patch = json!({"spec": {"containers": [container]}});
            std::fs::write(&path, patch.to_string()).with_context(|| format!("write `{}`", path.display()))?;
        }
        Ok(Self { folder })
    }

    /// The mount of the control plane's node that brings them.
    pub(super) fn mount(&self) -> Value {
        json!({"hostPath": self.folder, "containerPath": DIRECTORY, "readOnly": true})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that kubeadm ignores what the programs are to request, and fewer scenarios run at once.
    #[test]
    fn each_program_has_a_file_of_the_form_that_kubeadm_reads() {
        let base = std::env::temp_dir().join(format!("chartgate-requests-{}", chartgate_base::random::text(8)));
        let requests = Requests::prepare(&base.join("kubeconfig")).unwrap();
        let text = std::fs::read_to_string(requests.folder.join("kube-apiserver+strategic.json")).unwrap();
        let patch: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(patch["spec"]["containers"][0]["resources"]["requests"]["cpu"], "100m");
        assert!(PATCH.contains(DIRECTORY) && requests.mount()["containerPath"] == DIRECTORY);
        std::fs::remove_dir_all(base).unwrap();
    }
}
