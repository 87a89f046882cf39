//! What keeps a release's pods from starting, and whether that passes by itself: the runner ends a step by it, and the check
//! `pods-start` judges by it.

mod admission;
pub mod image;
mod missing;
pub mod scheduling;
mod waiting;
#[cfg(test)]
mod tests;

use chartgate_k8s::typed::{Object, Said};

use crate::recording::Node;
use waiting::{Waiting, waiting};

/// What is known at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The objects of the release's namespace, Events included.
    pub objects: &'a [&'a Object],
    /// What the release consists of: its manifest and its hooks.
    pub release: &'a [&'a Object],
    /// The cluster's nodes; none: nothing is known of them.
    pub nodes: &'a [Node],
    /// The cluster has controllers besides Kubernetes' own and the release's: someone else may make objects and nodes.
    pub has_other_controllers: bool,
}

/// Something that keeps a pod from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The pod, or the controller that may not create one.
    pub uid: String,
    /// In one sentence: the cause, who says so, and whom it stops.
    pub why: String,
    /// What a person can do.
    pub hint: &'static str,
    /// Whether it passes by itself.
    pub outlook: Outlook,
    /// Whose doing it is.
    pub blame: Blame,
}

/// Whether something passes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It may: after a back-off, when another pod ends, when a controller has done its work.
    MayPass,
    /// It does not.
    Certain,
}

/// Whose doing an obstacle is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// A user who installs the chart with these values meets it, too.
    Chart,
    /// The machine's, its network's, or its credentials'.
    Machine,
}

impl Obstacle {
    fn of(subject: &Object, why: String, hint: &'static str, outlook: Outlook, blame: Blame) -> Self {
        Self { uid: subject.uid().to_owned(), why, hint, outlook, blame }
    }

    /// Whether it does not pass by itself.
    pub fn is_certain(&self) -> bool {
        self.outlook == Outlook::Certain
    }
}

/// What keeps the release's pods from starting. While a pod is on its way out, whatever it holds may become free, so nothing is certain.
pub fn obstacles(scene: &Scene) -> Vec<Obstacle> {
    let pods = || scene.of_kind("Pod");
    let waiting = pods().filter(|pod| has_to_start(pod) && scene.is_released(pod));
    let of_pods = waiting.filter_map(|pod| of_pod(pod, scene));
    let of_controllers = scene.objects.iter().copied().filter(|object| scene.is_released(object));
    let mut found: Vec<Obstacle> =
        of_pods.chain(of_controllers.filter_map(|controller| admission::refused(controller, scene))).collect();
    if pods().any(Object::is_terminating) {
        for obstacle in &mut found {
            obstacle.outlook = Outlook::MayPass;
        }
    }
    found
}

fn has_to_start(pod: &Object) -> bool {
    !pod.is_terminating() && !pod.is_finished_pod()
}

fn of_pod(pod: &Object, scene: &Scene) -> Option<Obstacle> {
    scheduling::unscheduled(pod, scene)
        .or_else(|| waiting(pod).find_map(|(container, state)| image::unavailable(pod, container, state, scene)))
        .or_else(|| missing::unmade(pod, scene))
        .or_else(|| waiting(pod).find_map(|(container, state)| refused_context(pod, container, state, scene)))
}

/// The kubelet does not start a container that is to run as another user than its image's.
fn refused_context(pod: &Object, container: &str, state: Waiting, scene: &Scene) -> Option<Obstacle> {
    let said = state.message();
    let is_refused = said.contains("runAsNonRoot") || said.contains("breaks non-root policy");
    (state.reason() == "CreateContainerConfigError" && is_refused).then(|| {
        let why = format!("{}: {}", scene.container(pod, container), without_place(said));
        let hint =
            "set `runAsUser` to a user other than 0 that the image can run as, or use an image with a numeric user";
        Obstacle::of(pod, why, hint, Outlook::Certain, Blame::Chart)
    })
}

/// The kubelet's words without the pod and the container in parentheses, which are told before.
fn without_place(said: &str) -> &str {
    said.split(" (pod: ").next().unwrap_or(said)
}

impl<'a> Scene<'a> {
    fn of_kind(&self, of_kind: &'static str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().copied().filter(move |object| object.kind() == of_kind)
    }

    fn find(&self, of_kind: &str, with_name: &str) -> Option<&'a Object> {
        self.objects.iter().copied().find(|object| object.kind() == of_kind && object.name() == with_name)
    }

    /// The Events about an object, by their reason.
    fn events(&self, about: &Object, reason: &'static str) -> impl Iterator<Item = Said<'a>> {
        let uid = about.uid().to_owned();
        let all = self.objects.iter().filter_map(|object| object.said());
        all.filter(move |said| said.reason() == reason && said.about_uid() == uid)
    }

    /// The controller of an object, which may have one itself.
    fn controller(&self, object: &Object) -> Option<&'a Object> {
        let owner = object.owners().find(|owner| owner.controller == Some(true))?;
        self.find(&owner.kind, &owner.name)
    }

    /// What of the release an object goes back to; the object itself where it has no controller.
    fn root<'o>(&self, object: &'o Object) -> &'o Object
    where
        'a: 'o,
    {
        // A pod goes back to its workload over one object at most; few operators put more than two on top.
        const OWNERS: usize = 5;
        let mut root = object;
        for _ in 0..OWNERS {
            let Some(controller) = self.controller(root) else { break };
            root = controller;
        }
        root
    }

    /// Whether helm or the harness waits for an object: it goes back to a workload or a hook of the release. What a `CronJob` or an
    /// operator starts is waited for by nobody.
    fn is_released(&self, object: &Object) -> bool {
        let root = self.root(object);
        let is_waited_for = matches!(
            root.kind(),
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" | "Pod"
        );
        is_waited_for && self.release.iter().any(|made| made.is_same(root))
    }

    /// A pod and what it belongs to, as messages show them.
    fn subject(&self, pod: &Object) -> String {
        let root = self.root(pod);
        if root.is_same(pod) {
            return pod.slashed();
        }
        format!("{} of {}", pod.slashed(), root.slashed())
    }

    /// A container, as messages show it.
    fn container(&self, pod: &Object, container: &str) -> String {
        format!("container `{container}` of {}", self.subject(pod))
    }
}
