use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use serde_json::json;

use super::Object;

/// A failure would mean that one wrong value hides an object, or the rest of it, from every check.
#[test]
fn a_value_of_a_wrong_type_is_left_out_and_hides_nothing_else() {
    let container = json!({"name": "web", "image": 5, "ports": [{"containerPort": "80", "name": "http"}, null]});
    let object = Object::from(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "x", "labels": {"a": null, "b": "c"}, "creationTimestamp": "soon"},
        "spec": {"replicas": "3", "template": {"spec": {"containers": [container, "nonsense", {"name": "other"}]}}},
    }));
    assert_eq!((object.name(), object.labels().len(), object.labels()["b"].as_str()), ("x", 1, "c"));
    let spec = object.typed::<Deployment>().and_then(|it| it.spec.as_ref()).expect("it is decoded");
    assert_eq!(spec.replicas, None);
    let template = object.template().expect("it has pods");
    let containers: Vec<_> = template.containers().map(|it| (it.name.as_str(), it.image.as_deref())).collect();
    assert_eq!(containers, [("web", None), ("other", None)]);
    assert_eq!(template.ports().map(|port| port.name.as_deref()).collect::<Vec<_>>(), [Some("http")]);
    assert_eq!(object.raw()["spec"]["replicas"], "3");
}

/// A failure would mean that a Service of Knative is read as one of Kubernetes, or that an old Ingress is read as none.
#[test]
fn a_kind_is_one_of_kubernetes_own_in_each_of_its_groups() {
    let of = |version: &str, kind: &str| Object::from(json!({"apiVersion": version, "kind": kind}));
    assert!(of("v1", "Service").typed::<Service>().is_some());
    assert!(of("serving.knative.dev/v1", "Service").typed::<Service>().is_none());
    assert!(of("extensions/v1beta1", "Ingress").typed::<Ingress>().is_some());
    assert!(of("v1", "Service").typed::<Ingress>().is_none());
    assert!(Object::none().is_none() && Object::none().typed::<Service>().is_none());
}
