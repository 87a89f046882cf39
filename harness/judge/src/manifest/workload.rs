//! What makes pods: a workload and its pod template.

use std::collections::BTreeMap;

use chartgate_k8s::typed::{Object, PodTemplate};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, ContainerPort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// The label with its own name of a StatefulSet's pod.
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";

/// An object with a pod template; a Pod is its own.
#[derive(Clone, Copy)]
pub(crate) struct Workload<'a> {
    pub(crate) object: &'a Object,
    /// `metadata` and `spec` of its pods.
    pub(crate) pod: PodTemplate<'a>,
    pub(crate) namespace: &'a str,
}

/// How many pods a Deployment may have too many, or too few, while it rolls out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rollout {
    pub(crate) surge: u64,
    pub(crate) unavailable: u64,
}

impl<'a> Workload<'a> {
    /// An object that makes pods: one of Kubernetes' own, or a custom resource with a pod template.
    pub(super) fn of(object: &'a Object, namespace: &'a str) -> Option<Self> {
        let of_custom = || Some(object.common().spec.template.as_ref().into());
        let own = if object.is_custom() { of_custom() } else { object.template() };
        let pod = own.filter(|pod: &PodTemplate| !pod.spec.containers.is_empty())?;
        Some(Self { object, pod, namespace })
    }

    /// The labels of its pods.
    pub(crate) fn labels(&self) -> &'a BTreeMap<String, String> {
        self.pod.labels()
    }

    /// How many pods it asks for.
    pub(crate) fn replicas(&self) -> u64 {
        self.object.common().spec.replicas.map_or(1, |replicas| replicas.try_into().unwrap_or_default())
    }

    /// Whether it runs until somebody ends it.
    pub(crate) fn is_lasting(&self) -> bool {
        !self.object.is_hook() && !["Job", "CronJob", "Pod"].contains(&self.object.kind())
    }

    /// Whether Kubernetes sets a label on its pods when it makes them, and that may be this value of it.
    pub(super) fn may_have_label_at_run_time(&self, key: &str, value: Option<&str>) -> bool {
        if let (POD_NAME, Some(pod)) = (key, value) {
            let number = pod.strip_prefix(self.object.name()).and_then(|rest| rest.strip_prefix('-'));
            return self.object.kind() == "StatefulSet" && number.is_some_and(|number| number.parse::<u32>().is_ok());
        }
        let own: &[&str] = match self.object.kind() {
            "Deployment" | "ReplicaSet" => &["pod-template-hash"],
            "StatefulSet" => &[POD_NAME, "apps.kubernetes.io/pod-index", "controller-revision-hash"],
            "DaemonSet" => &["controller-revision-hash", "pod-template-generation"],
            "Job" | "CronJob" => {
                &["job-name", "controller-uid", "batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid"]
            }
            _ => &[],
        };
        own.contains(&key)
    }

    /// How a Deployment's pods are replaced with this many replicas; `None`: not by a rolling update.
    pub(crate) fn rollout(&self, replicas: u64) -> Option<Rollout> {
        let strategy = self.object.typed::<Deployment>()?.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
        if strategy.is_some_and(|strategy| strategy.type_.as_deref() == Some("Recreate")) {
            return None;
        }
        let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
        let surge = rolling.and_then(|rolling| scaled(rolling.max_surge.as_ref()?, replicas, true));
        let surge = surge.unwrap_or_else(|| replicas.div_ceil(4));
        let unavailable = rolling.and_then(|rolling| scaled(rolling.max_unavailable.as_ref()?, replicas, false));
        let unavailable = unavailable.unwrap_or(replicas / 4);
        // Kubernetes lets one pod go where both come out as nothing.
        Some(Rollout { surge, unavailable: if surge == 0 { unavailable.max(1) } else { unavailable } })
    }

    /// Names of the claims that its pods mount.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &'a str> {
        self.pod.claims()
    }

    /// The containers that run as long as the pod: sidecars among the init containers, too.
    pub(crate) fn lasting_containers(&self) -> impl Iterator<Item = &'a Container> {
        self.pod.lasting_containers()
    }

    /// All its containers, init containers first.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &'a Container> {
        self.pod.containers()
    }

    /// The ports that its containers declare.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &'a ContainerPort> {
        self.pod.ports()
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.object.kind() == other.object.kind()
            && self.object.name() == other.object.name()
            && self.namespace == other.namespace
    }

    /// `deployment/x`
    pub(crate) fn slashed(&self) -> String {
        self.object.slashed()
    }
}

/// A number or a percentage of this many pods; Kubernetes rounds a surge up and what may be missing down.
pub(crate) fn scaled(value: &IntOrString, of: u64, rounds_up: bool) -> Option<u64> {
    match value {
        IntOrString::Int(number) => (*number).try_into().ok(),
        IntOrString::String(text) => {
            let percent: u64 = text.strip_suffix('%')?.parse().ok()?;
            Some(if rounds_up { (percent * of).div_ceil(100) } else { percent * of / 100 })
        }
    }
}
