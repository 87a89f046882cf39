//! Where pods of chartgate's own run.

use serde_json::{Value, json};

/// Label and taint of a node that runs Kubernetes itself.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// The fields of a pod's `spec` that say where it runs.
pub struct Placement {
    pub tolerations: Value,
    pub affinity: Value,
}

impl Placement {
    /// Where nobody drains a node, if there is such a place: a step that does must not end what asks the release's pods, nor the servers
    /// that they use.
    pub fn undrained() -> Self {
        let is_control_plane = json!([{"key": CONTROL_PLANE, "operator": "Exists"}]);
        let affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
            "weight": 100,
            "preference": {"matchExpressions": is_control_plane},
        }]}});
        Self { tolerations: is_control_plane, affinity }
    }
}
