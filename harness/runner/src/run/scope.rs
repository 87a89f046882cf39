//! What a release reaches: its namespace alone, or the cluster.

use std::collections::BTreeSet;

use chartgate_k8s::object;
use chartgate_k8s::typed::Object;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use serde_json::Value;

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

/// Whether none of these objects meets those of other scenarios: none is outside the namespace, and no pod has a port of the node.
pub fn is_apart<'a>(mut made: impl Iterator<Item = &'a Value>, ns: &str) -> bool {
    made.all(|object| is_inside(object, ns) && !takes_ports_of_node(&object.clone().into()))
}

/// Whether an object only gives rights in the whole cluster to a `ServiceAccount` of this namespace, or names them. Of two scenarios with one of
/// the same name, the second waits.
pub fn is_grant(object: &Value, ns: &str) -> bool {
    let object = Object::from(object.clone());
    if object.name().is_empty() {
        return false;
    }
    if let Some(role) = object.typed::<ClusterRole>() {
        // One that is part of others changes what they allow.
        let is_part = |label: &String| label.starts_with("rbac.authorization.k8s.io/aggregate-to-");
        return role.aggregation_rule.is_none()
            && !role.metadata.labels.iter().flatten().any(|(label, _)| is_part(label));
    }
    object.typed::<ClusterRoleBinding>().is_some_and(|binding| {
        let mut subjects = binding.subjects.iter().flatten();
        subjects.all(|subject| subject.kind == "ServiceAccount" && subject.namespace.as_deref() == Some(ns))
    })
}

/// Whether an object is surely one of this namespace.
pub fn is_inside(object: &Value, ns: &str) -> bool {
    let object = Object::from(object.clone());
    object.namespace().is_none_or(|own| own == ns) && is_namespaced(&object)
}

/// The namespaces that objects are in or make, besides the release's.
pub fn namespaces<'a>(made: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    let of = |object: &Value| {
        let made = (object::kind(object) == "Namespace").then(|| object::name(object).to_owned());
        made.into_iter().chain(object::namespace(object).map(str::to_owned))
    };
    made.flat_map(of).filter(|name| !name.is_empty()).collect()
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
            is_apart([&object].into_iter(), "ours")
        };
        let with = |port: Value| json!([{"ports": [port]}]);
        assert!(of(json!({"containers": with(json!({"containerPort": 80}))})));
        let on_host = json!({"hostNetwork": true, "containers": with(json!({"containerPort": 80}))});
        assert!(!of(on_host));
        let host_port = json!({"containers": with(json!({"containerPort": 80, "hostPort": 80}))});
        assert!(!of(host_port));
    }

    /// A failure would mean that pods which a chart puts elsewhere do not reach their database.
    #[test]
    fn namespaces_are_those_of_objects_and_those_that_are_made() {
        let made = [
            json!({"kind": "Namespace", "metadata": {"name": "made"}}),
            json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": "named"}}),
            json!({"kind": "Deployment", "metadata": {"name": "web"}}),
        ];
        assert_eq!(namespaces(made.iter()).into_iter().collect::<Vec<_>>(), ["made", "named"]);
    }

    /// A failure would mean that two charts' cluster-wide objects meet, or that each scenario waits for a cluster of its own.
    #[test]
    fn only_what_is_outside_the_namespace_asks_for_a_cluster_of_its_own() {
        let of = |version: &str, kind: &str, ns: Option<&str>| {
            let object = json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": ns}});
            is_apart([&object].into_iter(), "ours")
        };
        for (version, kind) in [("v1", "Service"), ("batch/v1", "Job"), ("rbac.authorization.k8s.io/v1", "Role")] {
            assert!(of(version, kind, None));
            assert!(of(version, kind, Some("ours")));
            assert!(!of(version, kind, Some("kube-system")));
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
            assert!(!of(version, kind, None), "{kind}");
        }
    }

    /// A failure would mean that each stubbed scenario of a chart with a `ClusterRole` waits for a cluster, or that one of them changes what
    /// another's pods may do.
    #[test]
    fn a_right_of_the_releases_own_is_no_reason_for_a_cluster() {
        let of = |kind: &str, rest: Value| {
            let mut object =
                json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "web"}});
            object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            is_grant(&object, "ours")
        };
        assert!(of("ClusterRole", json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]})));
        let labels = json!({"rbac.authorization.k8s.io/aggregate-to-view": "true"});
        assert!(!of("ClusterRole", json!({"metadata": {"name": "web", "labels": labels}})));
        assert!(!of("ClusterRole", json!({"aggregationRule": {"clusterRoleSelectors": []}})));
        assert!(!of("ClusterRole", json!({"metadata": {}})));
        let bound = |subject: Value| {
            let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "web"});
            of("ClusterRoleBinding", json!({"roleRef": role, "subjects": [subject]}))
        };
        assert!(bound(json!({"kind": "ServiceAccount", "name": "web", "namespace": "ours"})));
        assert!(!bound(json!({"kind": "ServiceAccount", "name": "web", "namespace": "kube-system"})));
        assert!(!bound(json!({"kind": "Group", "name": "system:authenticated"})));
        assert!(!of("Role", json!({})), "it is no matter of the cluster's");
    }
}
