//! Images that cannot be pulled: what the registry answers decides, and that none answers is the machine's lack.

use chartgate_k8s::typed::{Object, OrEmpty, Said};
use k8s_openapi::api::batch::v1::Job;

use super::{Blame, Obstacle, Outlook, Scene, Waiting};

/// After so many attempts, which take the kubelet half a minute, a registry that does not answer is taken for one that is out of reach.
const ATTEMPTS: u64 = 3;

/// What came of asking a registry for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has no such image.
    Absent,
    /// It does not give it to who asked.
    Denied,
    /// None answered.
    Silent,
    /// Anything else, such as too many requests.
    Other,
}

/// Words of the network, of Go's resolver and of its HTTP client where nothing answers.
const SILENT: [&str; 14] = [
    "no such host",
    "dial tcp",
    "connection refused",
    "connection reset",
    "i/o timeout",
    "tls handshake timeout",
    "network is unreachable",
    "no route to host",
    "server misbehaving",
    "temporary failure in name resolution",
    "context deadline exceeded",
    "client.timeout exceeded",
    "request canceled while waiting",
    "proxyconnect",
];
/// Words of registries (the distribution specification's codes among them), of containerd and of Docker.
const ABSENT: [&str; 6] = [
    "manifest unknown",
    "manifest_unknown",
    "name unknown",
    "name_unknown",
    "repository does not exist",
    "code = notfound",
];
const DENIED: [&str; 6] =
    ["unauthorized", "authentication required", "authorization failed", "access denied", "denied:", "403 forbidden"];

/// What a container runtime's words say of the registry.
pub fn answer(said: &str) -> Answer {
    let said = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&SILENT) {
        Answer::Silent
    } else if has(&ABSENT) || said.trim_end().ends_with(": not found") {
        Answer::Absent
    } else if has(&DENIED) {
        Answer::Denied
    } else {
        Answer::Other
    }
}

/// The registry's own words: what stands behind the runtime's account of whom it asked.
pub fn words(said: &str) -> &str {
    said.rsplit_once("\": ").map_or(said, |(_, words)| words).trim()
}

/// An image that a container waits for and that is not available.
pub(super) fn unavailable(pod: &Object, container: &str, state: Waiting, scene: &Scene) -> Option<Obstacle> {
    let image = image_of(pod, container)?;
    let who = scene.container(pod, container);
    let said = state.message();
    let words = words(said);
    let obstacle = |why: String, hint, outlook, blame| Some(Obstacle::of(pod, why, hint, outlook, blame));
    match state.reason() {
        "InvalidImageName" => {
            let hint = "correct the values that make up the reference: repository, tag or digest";
            obstacle(
                format!("`{image}` is no reference of an image ({words}): {who}"),
                hint,
                Outlook::Certain,
                Blame::Chart,
            )
        }
        "ErrImageNeverPull" => {
            let hint =
                "leave out `imagePullPolicy: Never`, or build the image on this machine: it is loaded from its engine";
            let why =
                format!("image `{image}` is not on the node, and `imagePullPolicy: Never` forbids to pull it: {who}");
            obstacle(why, hint, Outlook::Certain, Blame::Chart)
        }
        "ErrImagePull" | "ImagePullBackOff" => match answer(said) {
            Answer::Absent => {
                let hint = "correct repository and tag, or push the image before the chart";
                let why = format!("image `{image}` does not exist, its registry answers (`{words}`): {who}");
                obstacle(why, hint, Outlook::Certain, Blame::Chart)
            }
            Answer::Denied => {
                let hint = "log in to the registry and pull the image (`docker pull`): it is loaded from the engine";
                let why =
                    format!("image `{image}` is not given to this machine, its registry answers (`{words}`): {who}");
                obstacle(why, hint, Outlook::Certain, Blame::Machine)
            }
            Answer::Silent => {
                let hint = "see to the network, or put the image on this machine's engine: it is loaded from there";
                let why = format!("image `{image}` cannot be pulled, since no registry answers (`{words}`): {who}");
                let is_certain = attempts(pod, image, scene) >= ATTEMPTS;
                obstacle(why, hint, if is_certain { Outlook::Certain } else { Outlook::MayPass }, Blame::Machine)
            }
            Answer::Other => {
                let hint = "see what the registry says";
                let why = format!("image `{image}` could not be pulled yet (`{words}`): {who}");
                obstacle(why, hint, Outlook::MayPass, Blame::Chart)
            }
        },
        _ => None,
    }
}

fn image_of<'a>(pod: &'a Object, container: &str) -> Option<&'a str> {
    let declared = pod.pod()?.containers().find(|declared| declared.name == container)?;
    Some(declared.image.or_empty())
}

/// How often the kubelet has failed to pull an image for a pod.
fn attempts(pod: &Object, image: &str, scene: &Scene) -> u64 {
    let is_of_image = |said: &str| said.starts_with("Failed to pull image") && said.contains(image);
    scene.events(pod, "Failed").filter(|event| is_of_image(event.message())).map(Said::count).sum()
}

/// The images that nodes are pulling now.
pub fn being_pulled(objects: &[&Object]) -> Vec<String> {
    let scene = Scene { objects, release: &[], nodes: &[], has_other_controllers: true };
    let mut pulled = Vec::new();
    for pod in scene.of_kind("Pod") {
        let is_at = |reason, image: &str| {
            let quoted = format!("\"{image}\"");
            scene.events(pod, reason).any(|event| event.message().contains(&quoted))
        };
        for (container, state) in super::waiting(pod) {
            let image = image_of(pod, container).unwrap_or_default();
            if state.is_starting() && is_at("Pulling", image) && !is_at("Pulled", image) {
                pulled.push(image.to_owned());
            }
        }
    }
    pulled.sort();
    pulled.dedup();
    pulled
}

/// The images that a workload's pods surely run: not those of one without pods.
pub fn needed_by(object: &Object) -> Vec<String> {
    let is_idle = || {
        let spec = object.typed::<Job>()?.spec.as_ref()?;
        Some(spec.suspend == Some(true) || spec.parallelism == Some(0))
    };
    let has_pods = match object.kind() {
        "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" => {
            object.common().spec.replicas != Some(0)
        }
        "DaemonSet" | "Pod" => true,
        "Job" => is_idle() != Some(true),
        _ => false,
    };
    let images = if has_pods { object.images() } else { Vec::new() };
    images.into_iter().filter(|image| !image.is_empty()).map(str::to_owned).collect()
}
