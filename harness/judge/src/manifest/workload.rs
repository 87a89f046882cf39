//! What makes pods: a workload and its pod template.

use serde_json::Value;

use chartgate_k8s::object::{containers, is_hook, items, kind, name, template, text};

/// An object with a pod template; a Pod is its own.
#[derive(Clone, Copy)]
pub(crate) struct Workload<'a> {
    pub(crate) object: &'a Value,
    /// `metadata` and `spec` of its pods.
    pub(crate) pod: &'a Value,
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
    pub(super) fn of(object: &'a Value, namespace: &'a str) -> Option<Self> {
        let own = if super::is_custom(object) { Some(&object["spec"]["template"]) } else { template(object) };
        let pod = own.filter(|pod| items(&pod["spec"]["containers"]).next().is_some())?;
        Some(Self { object, pod, namespace })
    }

    /// The labels of its pods.
    pub(crate) fn labels(&self) -> &'a Value {
        &self.pod["metadata"]["labels"]
    }

    /// Whether it runs until somebody ends it.
    pub(crate) fn is_lasting(&self) -> bool {
        !is_hook(self.object) && !["Job", "CronJob", "Pod"].contains(&kind(self.object))
    }

    /// Whether Kubernetes sets a label on its pods when it makes them.
    pub(super) fn has_label_at_run_time(&self, key: &str) -> bool {
        let own: &[&str] = match kind(self.object) {
            "Deployment" | "ReplicaSet" => &["pod-template-hash"],
            "StatefulSet" => {
                &["statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "controller-revision-hash"]
            }
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
        let strategy = &self.object["spec"]["strategy"];
        if !super::is_kind(self.object, "Deployment") || strategy["type"] == "Recreate" {
            return None;
        }
        let rolling = &strategy["rollingUpdate"];
        let surge = scaled(&rolling["maxSurge"], replicas, true).unwrap_or_else(|| replicas.div_ceil(4));
        let unavailable = scaled(&rolling["maxUnavailable"], replicas, false).unwrap_or(replicas / 4);
        // Kubernetes lets one pod go where both come out as nothing.
        Some(Rollout { surge, unavailable: if surge == 0 { unavailable.max(1) } else { unavailable } })
    }

    /// Names of the claims that its pods mount.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &'a str> {
        let volumes = items(&self.pod["spec"]["volumes"]);
        volumes.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
    }

    /// The containers that run as long as the pod: sidecars among the init containers, too.
    pub(crate) fn lasting_containers(&self) -> impl Iterator<Item = &'a Value> {
        let sidecars = items(&self.pod["spec"]["initContainers"]).filter(|it| it["restartPolicy"] == "Always");
        sidecars.chain(items(&self.pod["spec"]["containers"]))
    }

    /// All its containers, init containers first.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &'a Value> {
        containers(self.pod)
    }

    /// The ports that its containers declare.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &'a Value> {
        self.lasting_containers().flat_map(|container| items(&container["ports"]))
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        kind(self.object) == kind(other.object)
            && name(self.object) == name(other.object)
            && self.namespace == other.namespace
    }

    /// `deployment/x`
    pub(crate) fn title(&self) -> String {
        super::title(self.object)
    }
}

/// A number or a percentage of this many pods; Kubernetes rounds a surge up and what may be missing down.
pub(crate) fn scaled(value: &Value, of: u64, rounds_up: bool) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let percent: u64 = text(value).strip_suffix('%')?.parse().ok()?;
    Some(if rounds_up { (percent * of).div_ceil(100) } else { percent * of / 100 })
}
