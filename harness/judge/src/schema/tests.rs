use super::*;
use chartgate_process::home;

/// A failure would mean that a supported version of Kubernetes was changed without `harness/setup/embedded-schemas`.
#[test]
fn every_supported_kubernetes_has_its_schemas() {
    let releases = home::kubernetes_releases();
    assert!(!releases.is_empty());
    for release in releases {
        let schemas = Kubernetes::of(&release).unwrap_or_else(|| panic!("no schemas of Kubernetes {release}"));
        let deployment = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment"}).into();
        assert!(matches!(schemas.kind_of(&deployment), Known::Schema(_)), "{release}");
        assert_eq!(Kubernetes::of(&format!("v{release}+k3s1")).map(|it| it.kinds.len()), Some(schemas.kinds.len()));
    }
}

/// A failure would mean that a custom resource of a group whose name looks like Kubernetes' own is called unserved.
#[test]
fn a_group_that_only_looks_like_kubernetes_own_is_foreign() {
    let schemas = Kubernetes::of("1.34.4").unwrap();
    let known = |version: &str, kind: &str| {
        let object = serde_json::json!({"apiVersion": version, "kind": kind}).into();
        matches!(schemas.kind_of(&object), Known::Foreign)
    };
    assert!(
        known("gateway.networking.k8s.io/v1", "HTTPRoute") && known("autoscaling.k8s.io/v1", "VerticalPodAutoscaler")
    );
    assert!(!known("autoscaling/v2beta2", "HorizontalPodAutoscaler") && !known("v2", "Service"));
}
