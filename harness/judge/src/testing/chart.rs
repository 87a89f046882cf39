//! The objects of the good run's chart, as rendered and as the cluster has them.

use serde_json::{Value, json};

pub(super) const ROLES: [&str; 3] = ["app", "worker", "scheduler"];

fn labels(role: &str) -> Value {
    json!({"app.kubernetes.io/name": "codex-pooler", "app.kubernetes.io/component": role})
}

fn image(tag: &str) -> String {
    format!("reg.example/codex-pooler:{tag}")
}

/// What a restricted namespace asks of a container.
fn restricted() -> Value {
    json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})
}

fn spec(role: &str, tag: &str) -> Value {
    let mut env = match role {
        "app" => json!([{"name": "OBAN_MODE", "value": "web"}, {"name": "PHX_SERVER", "value": "true"}]),
        "worker" => json!([{"name": "OBAN_MODE", "value": "worker"}]),
        _ => json!([]),
    };
    let url = json!({"secretKeyRef": {"name": "codex-pooler-secrets", "key": "database-url"}});
    env.as_array_mut().expect("a list").push(json!({"name": "DATABASE_URL", "valueFrom": url}));
    let mut container = json!({"name": role, "image": image(tag), "env": env, "securityContext": restricted()});
    if role == "scheduler" {
        container["envFrom"] = json!([{"configMapRef": {"name": "cg-scheduler"}}]);
    }
    if role == "app" {
        container["ports"] = json!([{"name": "http", "containerPort": 4000}]);
        container["readinessProbe"] = json!({"httpGet": {"path": "/readyz", "port": "http"}});
        container["livenessProbe"] = json!({"httpGet": {"path": "/healthz", "port": "http"}});
    }
    let context = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    json!({"containers": [container], "automountServiceAccountToken": false, "securityContext": context})
}

pub(super) fn running(role: &str, step: usize, tag: &str) -> Value {
    json!({
        "phase": "Running",
        "podIP": format!("10.244.0.{step}"),
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{
            "name": role, "ready": true, "restartCount": 0, "imageID": format!("sha256:{tag}"), "state": {"running": {}},
        }],
    })
}

/// A pod of a role, not yet running. The hook's pods are made of it too.
pub(crate) fn pod(role: &str, step: usize, tag: &str) -> Value {
    let mut labels = labels(role);
    labels["pod-template-hash"] = json!(format!("hash-{tag}"));
    let id = json!(format!("sha256:{tag}"));
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": format!("cg-{role}-{step}"), "uid": format!("{role}-{step}"), "labels": labels},
        "spec": spec(role, tag),
        "status": {"phase": "Pending", "containerStatuses": [{"name": role, "restartCount": 0, "imageID": id}]},
    })
}

/// The Deployment of a role, as rendered.
pub(crate) fn deployment(role: &str, tag: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": format!("cg-{role}"), "labels": labels(role)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels(role)},
            "template": {"metadata": {"labels": labels(role)}, "spec": spec(role, tag)},
        },
    })
}

/// The migration hook's Job, as rendered.
pub(crate) fn hook(tag: &str) -> Value {
    let annotations = json!({
        "helm.sh/hook": "pre-install,pre-upgrade",
        "helm.sh/hook-weight": "0",
        "helm.sh/hook-delete-policy": "before-hook-creation",
    });
    let mut spec = spec("migrations", tag);
    spec["restartPolicy"] = json!("Never");
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "cg-migrations", "labels": labels("migrations"), "annotations": annotations},
        "spec": {"template": {"metadata": {"labels": labels("migrations")}, "spec": spec}},
    })
}

pub(super) fn config_map() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "cg-scheduler", "uid": "config-map"},
        "data": {"OBAN_MODE": "scheduler"},
    })
}

pub(super) fn slice(step: usize) -> Value {
    let target = json!({"kind": "Pod", "name": format!("cg-app-{step}"), "uid": format!("app-{step}")});
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "cg-x1", "uid": "slice", "labels": {"kubernetes.io/service-name": "cg"}},
        "endpoints": [{"conditions": {"ready": true}, "targetRef": target}],
    })
}

/// What the release holds besides its hook.
pub(super) fn manifest(tag: &str) -> Vec<Value> {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "cg"},
        "spec": {"selector": labels("app"), "ports": [{"port": 80, "targetPort": "http"}]},
    });
    let mut config_map = config_map();
    config_map["metadata"] = json!({"name": "cg-scheduler"});
    let deployments = ROLES.iter().map(|role| deployment(role, tag));
    [service, config_map].into_iter().chain(deployments).collect()
}
