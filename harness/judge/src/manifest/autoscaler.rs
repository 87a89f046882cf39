//! What scales a workload.

use chartgate_k8s::typed::{Object, OrEmpty};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use serde::Deserialize;

/// An autoscaler, of Kubernetes' own or KEDA's.
pub(crate) struct Autoscaler<'a> {
    pub(crate) object: &'a Object,
    pub(crate) target_kind: &'a str,
    pub(crate) target_name: &'a str,
    /// Group and version of the target; empty where nothing is said.
    pub(crate) target_version: &'a str,
    /// How many pods it keeps at least.
    pub(crate) least: u64,
}

/// KEDA's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ScaledObject {
    spec: ScaledObjectSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ScaledObjectSpec {
    scale_target_ref: Target,
    min_replica_count: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Target {
    api_version: String,
    kind: Option<String>,
    name: String,
}

impl<'a> Autoscaler<'a> {
    pub(crate) fn of(object: &'a Object) -> Option<Self> {
        if object.kind() == "ScaledObject" {
            let spec = &object.custom::<ScaledObject>()?.spec;
            let Target { api_version, kind, name } = &spec.scale_target_ref;
            let target_kind = kind.as_deref().unwrap_or("Deployment");
            let (target_name, target_version) = (name.as_str(), api_version.as_str());
            return Some(Self { object, target_kind, target_name, target_version, least: spec.min_replica_count });
        }
        let spec = object.typed::<HorizontalPodAutoscaler>()?.spec.as_ref()?;
        let (target, least) = (&spec.scale_target_ref, spec.min_replicas.unwrap_or(1));
        Some(Self {
            object,
            target_kind: if target.kind.is_empty() { "Deployment" } else { &target.kind },
            target_name: &target.name,
            target_version: target.api_version.or_empty(),
            least: least.try_into().unwrap_or_default(),
        })
    }
}
