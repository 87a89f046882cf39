//! Pods: whose they are, how they do, and what they use.

use k8s_openapi::api::core::v1::{ContainerStatus, KeyToPath, Pod, PodStatus};

use super::{Object, PodTemplate};
use crate::selector::selects;

impl Object {
    /// Whether its deletion has begun.
    pub fn is_terminating(&self) -> bool {
        self.metadata().deletion_timestamp.is_some()
    }

    /// Whether one of its owners has this uid.
    pub fn is_owned_by(&self, uid: &str) -> bool {
        !uid.is_empty() && self.owners().any(|owner| owner.uid == uid)
    }

    /// Whether its own labels fit a selector.
    pub fn is_selected(&self, selector: &str) -> bool {
        selects(selector, self.labels())
    }

    /// A pod that takes traffic: Ready, and not on its way out.
    pub fn is_ready_pod(&self) -> bool {
        !self.is_terminating() && self.has_condition("Ready")
    }

    /// The status of a pod, where it has one.
    pub fn pod_status(&self) -> Option<&PodStatus> {
        self.typed::<Pod>()?.status.as_ref()
    }

    /// `Pending`, `Running`, `Succeeded`, `Failed`; empty for what is no pod.
    pub fn phase(&self) -> &str {
        self.pod_status().and_then(|status| status.phase.as_deref()).unwrap_or_default()
    }

    /// Whether a pod's containers have ended for good.
    pub fn is_finished_pod(&self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed")
    }

    /// The status of each init container of a pod.
    pub fn init_statuses(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.pod_status().and_then(|status| status.init_container_statuses.as_ref()).into_iter().flatten()
    }

    /// The status of each container of a pod that is no init container.
    pub fn container_statuses(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.pod_status().and_then(|status| status.container_statuses.as_ref()).into_iter().flatten()
    }

    /// The status of each container of a pod, init containers first.
    pub fn statuses(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.init_statuses().chain(self.container_statuses())
    }

    /// Whether a container of a pod runs. A pod on its way out still does.
    pub fn is_running(&self) -> bool {
        self.container_statuses().any(is_running)
    }

    /// What pods made from one template have in common and others do not: the controller's hash, or the owning Job.
    pub fn template_of(&self) -> &str {
        let hash = |key| self.labels().get(key).map(String::as_str);
        let hash = ["pod-template-hash", "controller-revision-hash"].into_iter().find_map(hash);
        hash.or_else(|| self.owners().map(|owner| owner.uid.as_str()).next()).unwrap_or_else(|| self.uid())
    }
}

/// Whether a container runs.
pub fn is_running(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|state| state.running.is_some())
}

/// A pod's use of a ConfigMap or Secret.
pub struct Reference<'a> {
    /// `ConfigMap` or `Secret`.
    pub kind: &'static str,
    pub name: &'a str,
    /// The keys that are read; none: all that there are.
    pub keys: Vec<&'a str>,
    pub is_optional: bool,
    pub from: ReferredFrom<'a>,
}

impl Reference<'_> {
    /// A volume follows changes by itself; the environment and what is mounted with a `subPath` do not.
    pub fn is_followed(&self) -> bool {
        matches!(self.from, ReferredFrom::Volume { is_followed: true, .. })
    }
}

/// Where a pod uses a ConfigMap or Secret.
#[derive(Clone, Copy, Debug)]
pub enum ReferredFrom<'a> {
    /// A variable of a container.
    Variable { container: &'a str, variable: &'a str },
    /// All variables of a container, from `envFrom`.
    Environment { container: &'a str },
    Volume {
        volume: &'a str,
        /// It follows changes by itself; what is mounted with a `subPath` does not.
        is_followed: bool,
    },
}

impl<'a> PodTemplate<'a> {
    /// Whether its labels fit a selector.
    pub fn is_selected(&self, selector: &str) -> bool {
        selects(selector, self.labels())
    }

    /// The numbers of the ports that containers declare.
    pub fn declared_ports(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.ports().filter_map(|port| port.container_port.try_into().ok())
    }

    /// The number of a container port, which is given by name or number.
    pub fn port_of(&self, port: &str) -> Option<u16> {
        let named =
            || self.ports().find(|declared| declared.name.as_deref() == Some(port))?.container_port.try_into().ok();
        port.parse().ok().or_else(named)
    }

    /// Every ConfigMap and Secret that is used.
    pub fn references(&self) -> Vec<Reference<'a>> {
        let mut found = Vec::new();
        let mut add = |kind, name: Option<&'a str>, keys, is_optional: Option<bool>, from| {
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                found.push(Reference { kind, name, keys, is_optional: is_optional == Some(true), from });
            }
        };
        for it in self.containers() {
            let container = it.name.as_str();
            for variable in it.env.iter().flatten() {
                let Some(source) = &variable.value_from else { continue };
                let from = ReferredFrom::Variable { container, variable: &variable.name };
                if let Some(key) = &source.config_map_key_ref {
                    add("ConfigMap", Some(&key.name), vec![key.key.as_str()], key.optional, from);
                }
                if let Some(key) = &source.secret_key_ref {
                    add("Secret", Some(&key.name), vec![key.key.as_str()], key.optional, from);
                }
            }
            for source in it.env_from.iter().flatten() {
                let from = ReferredFrom::Environment { container };
                if let Some(map) = &source.config_map_ref {
                    add("ConfigMap", Some(&map.name), Vec::new(), map.optional, from);
                }
                if let Some(secret) = &source.secret_ref {
                    add("Secret", Some(&secret.name), Vec::new(), secret.optional, from);
                }
            }
        }
        for it in self.volumes() {
            let from = ReferredFrom::Volume { volume: &it.name, is_followed: self.is_followed(&it.name) };
            if let Some(map) = &it.config_map {
                add("ConfigMap", Some(&map.name), keys(map.items.as_ref()), map.optional, from);
            }
            if let Some(secret) = &it.secret {
                add("Secret", secret.secret_name.as_deref(), keys(secret.items.as_ref()), secret.optional, from);
            }
            for source in it.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
                if let Some(map) = &source.config_map {
                    add("ConfigMap", Some(&map.name), keys(map.items.as_ref()), map.optional, from);
                }
                if let Some(secret) = &source.secret {
                    add("Secret", Some(&secret.name), keys(secret.items.as_ref()), secret.optional, from);
                }
            }
        }
        found
    }

    fn is_followed(&self, volume: &str) -> bool {
        let mut mounts = self.containers().flat_map(|container| container.volume_mounts.iter().flatten());
        !mounts.any(|mount| mount.name == volume && mount.sub_path.is_some())
    }
}

fn keys(items: Option<&Vec<KeyToPath>>) -> Vec<&str> {
    items.into_iter().flatten().map(|item| item.key.as_str()).collect()
}
