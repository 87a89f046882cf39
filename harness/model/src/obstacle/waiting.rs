//! What a container waits for, by its status.

use chartgate_k8s::typed::{Object, OrEmpty};
use k8s_openapi::api::core::v1::ContainerStateWaiting;

/// The containers of a pod that wait, and for what.
pub(super) fn waiting(pod: &Object) -> impl Iterator<Item = (&str, Waiting<'_>)> {
    pod.statuses().filter_map(|status| Some((status.name.as_str(), Waiting(status.state.as_ref()?.waiting.as_ref()?))))
}

/// Why a container waits.
#[derive(Clone, Copy)]
pub(super) struct Waiting<'a>(&'a ContainerStateWaiting);

impl<'a> Waiting<'a> {
    pub(super) fn reason(self) -> &'a str {
        self.0.reason.or_empty()
    }

    pub(super) fn message(self) -> &'a str {
        self.0.message.or_empty()
    }

    /// Whether nothing is wrong yet: volumes are mounted, and images pulled.
    pub(super) fn is_starting(self) -> bool {
        ["ContainerCreating", "PodInitializing"].contains(&self.reason())
    }
}
