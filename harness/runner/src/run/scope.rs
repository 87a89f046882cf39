//! What a release reaches: its namespace alone, or the cluster.

use chartgate_cluster::Sharing;
use serde_json::Value;

use chartgate_k8s::typed::Object;

/// Kubernetes' own kinds that live in a namespace and that a chart may render, by their group (Kubernetes 1.36,
/// `kubectl api-resources --namespaced`). All others are taken for cluster-wide: those of a group that is not Kubernetes' come with
/// their definition, which is.
const NAMESPACED: [(&str, &[&str]); 10] = [
    (
        "",
        &[
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    ("apps", &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("batch", &["CronJob", "Job"]),
    ("coordination.k8s.io", &["Lease"]),
    ("discovery.k8s.io", &["EndpointSlice"]),
    ("networking.k8s.io", &["Ingress", "NetworkPolicy"]),
    ("policy", &["PodDisruptionBudget"]),
    ("rbac.authorization.k8s.io", &["Role", "RoleBinding"]),
    ("resource.k8s.io", &["ResourceClaim", "ResourceClaimTemplate"]),
];

/// A chart with objects outside its namespace, or pods with ports of the node, gets a cluster of its own: they would meet those of other
/// scenarios.
pub fn sharing<'a>(mut rendered: impl Iterator<Item = &'a Value>, ns: &str) -> Sharing {
    let is_alone = |object: &Value| !is_inside(object, ns) || takes_ports_of_node(&object.clone().into());
    if rendered.any(is_alone) { Sharing::Own { nodes: 1 } } else { Sharing::Shared }
}

/// Whether an object is surely one of this namespace.
pub fn is_inside(object: &Value, ns: &str) -> bool {
    let object = Object::from(object.clone());
    object.namespace().is_none_or(|own| own == ns) && is_namespaced(&object)
}

/// Whether pods of it listen on the node's own ports, of which each is there once.
fn takes_ports_of_node(object: &Object) -> bool {
    let Some(pod) = object.template() else { return false };
    let ports = || pod.containers().flat_map(|container| container.ports.iter().flatten());
    ports().any(|port| port.host_port.is_some_and(|port| port > 0))
        || (pod.spec.host_network == Some(true) && ports().next().is_some())
}

fn is_namespaced(object: &Object) -> bool {
    let kinds = NAMESPACED.iter().find(|(known, _)| *known == object.group()).map(|(_, kinds)| *kinds);
    kinds.unwrap_or_default().contains(&object.kind())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that the second of two scenarios waits for a port of the node which the first one has.
    #[test]
    fn a_port_of_the_node_is_there_once() {
        let of = |spec: Value| {
            let object = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": {"template": {"spec": spec}}});
            sharing([&object].into_iter(), "ours")
        };
        let with = |port: Value| json!([{"ports": [port]}]);
        assert_eq!(of(json!({"containers": with(json!({"containerPort": 80}))})), Sharing::Shared);
        let on_host = json!({"hostNetwork": true, "containers": with(json!({"containerPort": 80}))});
        assert_eq!(of(on_host), Sharing::Own { nodes: 1 });
        let host_port = json!({"containers": with(json!({"containerPort": 80, "hostPort": 80}))});
        assert_eq!(of(host_port), Sharing::Own { nodes: 1 });
    }

    /// A failure would mean that two charts' cluster-wide objects meet, or that each scenario waits for a cluster of its own.
    #[test]
    fn only_what_is_outside_the_namespace_asks_for_a_cluster_of_its_own() {
        let of = |version: &str, kind: &str, ns: Option<&str>| {
            let object = json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": ns}});
            sharing([&object].into_iter(), "ours")
        };
        for (version, kind) in [("v1", "Service"), ("batch/v1", "Job"), ("rbac.authorization.k8s.io/v1", "Role")] {
            assert_eq!(of(version, kind, None), Sharing::Shared);
            assert_eq!(of(version, kind, Some("ours")), Sharing::Shared);
            assert_eq!(of(version, kind, Some("kube-system")), Sharing::Own { nodes: 1 });
        }
        let outside = [
            ("v1", "Namespace"),
            ("rbac.authorization.k8s.io/v1", "ClusterRole"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema"),
            // Whether a stranger's kind is cluster-wide is not known before its definition is there.
            ("cert-manager.io/v1", "ClusterIssuer"),
            ("example.org/v1", "Service"),
        ];
        for (version, kind) in outside {
            assert_eq!(of(version, kind, None), Sharing::Own { nodes: 1 }, "{kind}");
        }
    }
}
