//! kind's configuration of a cluster.

use serde_json::{Value, json};

/// What a part of chartgate's asks of the control plane: files of this machine, and what kubeadm does with them.
pub(crate) struct Part {
    /// The mount of the node that brings the files.
    pub(crate) mount: Value,
    /// kubeadm's configuration.
    pub(crate) patch: String,
}

/// From 1.35 the kubelet refuses to start with cgroup v1 unless it is told otherwise.
pub(super) fn needs_cgroup_v1_patch(kubernetes: &str) -> bool {
    kubernetes.split('.').nth(1).and_then(|minor| minor.parse().ok()).is_some_and(|minor: u32| minor >= 35)
}

/// On one node nobody else could lead: a manager that is restarted need not wait 15 s for the lease of the one before.
const ALONE: &str = "kind: ClusterConfiguration
controllerManager: {extraArgs: {leader-elect: \"false\"}}
scheduler: {extraArgs: {leader-elect: \"false\"}}
";

/// kind's configuration. YAML contains JSON. The control plane of several nodes has a taint, and takes no pods of a chart.
pub(super) fn config(nodes: u8, with_cgroup_v1: bool, parts: &[Part]) -> Value {
    let mut patches: Vec<String> = parts.iter().map(|part| part.patch.clone()).collect();
    if nodes == 1 {
        patches.push(ALONE.to_owned());
    }
    if with_cgroup_v1 {
        let patch = "kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\nfailCgroupV1: false\n";
        patches.push(patch.to_owned());
    }
    let workers = (1..nodes).map(|_| json!({"role": "worker"}));
    let mounts: Vec<&Value> = parts.iter().map(|part| &part.mount).collect();
    let first = json!({"role": "control-plane", "extraMounts": mounts});
    let nodes: Vec<_> = std::iter::once(first).chain(workers).collect();
    json!({"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes, "kubeadmConfigPatches": patches})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a release's pods run where the prober does, on the one node that no step drains.
    #[test]
    fn a_control_plane_with_workers_keeps_its_taint() {
        let config = config(3, false, &[]);
        assert_eq!(config["nodes"].as_array().unwrap().len(), 3);
        assert_eq!(config["kubeadmConfigPatches"], json!([]));
    }

    #[test]
    fn cgroup_v1_is_allowed_where_the_kubelet_would_refuse_it() {
        assert!(!needs_cgroup_v1_patch("1.34"));
        assert!(needs_cgroup_v1_patch("1.35"));
        assert!(config(3, true, &[])["kubeadmConfigPatches"][0].as_str().unwrap().contains("failCgroupV1: false"));
    }

    /// A failure would mean that a restarted controller manager does nothing for 15 s, or that two of them work against each other.
    #[test]
    fn only_a_node_alone_elects_no_leader() {
        let patches = |nodes| config(nodes, false, &[])["kubeadmConfigPatches"].to_string();
        assert_eq!(patches(1).matches("leader-elect").count(), 2);
        assert!(!patches(2).contains("leader-elect"));
    }
}
