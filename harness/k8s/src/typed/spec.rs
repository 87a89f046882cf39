//! What objects of several kinds have in common: conditions, replicas, and the template of their pods.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{Container, ContainerPort, Pod, PodSpec, PodTemplateSpec, Toleration, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Deserialize;

use super::{Object, OrEmpty, labels_of};

/// What objects of most kinds have at the same place.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Common {
    pub spec: CommonSpec,
    pub status: CommonStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CommonSpec {
    /// How many pods it asks for.
    pub replicas: Option<i64>,
    /// A Job or `CronJob` that is to make no pods for now.
    pub suspend: bool,
    /// What a workload knows its pods by; that of a Service has another form.
    pub selector: Option<LabelSelector>,
    /// What its pods are made from.
    pub template: Option<PodTemplateSpec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CommonStatus {
    pub conditions: Vec<Condition>,
    /// The generation that its controller has seen; not every controller says.
    pub observed_generation: Option<i64>,
    /// How many of its pods are ready, and have been for long enough.
    pub available_replicas: i64,
}

/// A condition of a status; each kind has a type of its own for it, all with these fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    pub reason: String,
    pub message: String,
}

impl Condition {
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }

    pub fn is_false(&self) -> bool {
        self.status == "False"
    }
}

/// A pod, or what pods are made from.
#[derive(Clone, Copy, Debug)]
pub struct PodTemplate<'a> {
    pub metadata: &'a ObjectMeta,
    pub spec: &'a PodSpec,
}

impl Object {
    /// A condition of its status.
    pub fn condition(&self, of_type: &str) -> Option<&Condition> {
        self.common().status.conditions.iter().find(|condition| condition.type_ == of_type)
    }

    /// Whether a condition of its status is `True`.
    pub fn has_condition(&self, of_type: &str) -> bool {
        self.condition(of_type).is_some_and(Condition::is_true)
    }

    /// The template of a workload's pods; a pod is its own.
    pub fn template(&self) -> Option<PodTemplate<'_>> {
        match self.kind() {
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
                Some(self.common().spec.template.as_ref().into())
            }
            "CronJob" => {
                let job = self.typed::<CronJob>()?.spec.as_ref().and_then(|spec| spec.job_template.spec.as_ref());
                Some(job.map(|job| &job.template).into())
            }
            "Pod" => self.pod(),
            _ => None,
        }
    }

    /// The images of its pods' containers, init containers first; none where it has no pods.
    pub fn images(&self) -> Vec<&str> {
        let containers = self.template().into_iter().flat_map(|pod| pod.containers());
        containers.map(|container| container.image.or_empty()).collect()
    }

    /// Metadata and specification of a pod.
    pub fn pod(&self) -> Option<PodTemplate<'_>> {
        let pod = self.typed::<Pod>()?;
        Some(PodTemplate { metadata: &pod.metadata, spec: pod.spec.as_ref().unwrap_or(&NOTHING.1) })
    }
}

static NOTHING: LazyLock<(ObjectMeta, PodSpec)> = LazyLock::new(Default::default);

impl<'a> From<Option<&'a PodTemplateSpec>> for PodTemplate<'a> {
    fn from(template: Option<&'a PodTemplateSpec>) -> Self {
        let metadata = template.and_then(|template| template.metadata.as_ref()).unwrap_or(&NOTHING.0);
        let spec = template.and_then(|template| template.spec.as_ref()).unwrap_or(&NOTHING.1);
        Self { metadata, spec }
    }
}

impl<'a> PodTemplate<'a> {
    /// What has nothing: no container, no label.
    pub fn empty() -> Self {
        None.into()
    }

    pub fn labels(&self) -> &'a BTreeMap<String, String> {
        labels_of(self.metadata)
    }

    /// The ServiceAccount that it names, by the old field or the new; empty where it names none.
    pub fn account(&self) -> &'a str {
        let named = self.spec.service_account_name.as_deref().filter(|name| !name.is_empty());
        named.or(self.spec.service_account.as_deref()).unwrap_or_default()
    }

    /// A text of its annotations; empty where it has none of that name.
    pub fn annotation(&self, key: &str) -> &'a str {
        self.metadata.annotations.as_ref().and_then(|all| all.get(key)).map_or("", String::as_str)
    }

    /// All containers, init containers first.
    pub fn containers(&self) -> impl Iterator<Item = &'a Container> + use<'a> {
        self.init_containers().chain(&self.spec.containers)
    }

    pub fn init_containers(&self) -> impl Iterator<Item = &'a Container> + use<'a> {
        self.spec.init_containers.iter().flatten()
    }

    /// The containers that run as long as the pod: sidecars among the init containers, too.
    pub fn lasting_containers(&self) -> impl Iterator<Item = &'a Container> + use<'a> {
        self.init_containers().filter(|container| is_sidecar(container)).chain(&self.spec.containers)
    }

    /// The tolerations of its pods.
    pub fn tolerations(&self) -> &'a [Toleration] {
        self.spec.tolerations.as_deref().unwrap_or_default()
    }

    /// The ports that are declared; the API server counts those of sidecars as well.
    pub fn ports(&self) -> impl Iterator<Item = &'a ContainerPort> + use<'a> {
        self.lasting_containers().flat_map(|container| container.ports.iter().flatten())
    }

    pub fn volumes(&self) -> impl Iterator<Item = &'a Volume> + use<'a> {
        self.spec.volumes.iter().flatten()
    }

    /// Names of the claims that are mounted.
    pub fn claims(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.volumes().filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()))
    }
}

/// Whether an init container runs as long as its pod.
pub fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}
