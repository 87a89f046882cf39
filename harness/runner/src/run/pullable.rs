//! Whether a cluster that pulls all images by itself can: asked before the first step, by a pod of chartgate's own that names them all.
//!
//! Its containers have a command that no image has, so that nothing of the image runs: the kubelet pulls it, and then says that there is no
//! such program.

use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_cluster::MissingImage;
use chartgate_k8s::typed::OrEmpty;
use chartgate_process::wait::{Check, until};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

/// A large image takes minutes on a slow line.
const LIMIT: Duration = Duration::from_secs(900);
const NAME: &str = "pulls-images";

/// Those of the images that the cluster cannot pull, with what the kubelet says.
///
/// # Errors
/// If the pod cannot be made, or the kubelet says nothing in time.
pub async fn missing(client: &Client, ns: &str, images: &[String]) -> Result<Vec<MissingImage>> {
    if images.is_empty() {
        return Ok(Vec::new());
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), ns);
    let described: Pod = serde_json::from_value(pod(images)).context("describe a pod that pulls images")?;
    pods.create(&PostParams::default(), &described).await.with_context(|| format!("create pod/{NAME}"))?;
    let found = until("the cluster to pull the images", LIMIT, || async {
        let live = match pods.get(NAME).await {
            Ok(live) => live,
            Err(error) => return Check::NotYet(error.to_string()),
        };
        let states: Vec<(&String, State)> =
            images.iter().enumerate().map(|(at, image)| (image, state(&live, at))).collect();
        if let Some((image, _)) = states.iter().find(|(_, state)| *state == State::Pulling) {
            return Check::NotYet(format!("image {image} is being pulled"));
        }
        let missing = states.into_iter().filter_map(|(image, state)| match state {
            State::Refused(said) => Some(MissingImage { reference: image.clone(), said: vec![said] }),
            State::Pulling | State::There => None,
        });
        Check::Ready(missing.collect())
    })
    .await;
    // It goes with its namespace, too.
    pods.delete(NAME, &DeleteParams::default().grace_period(0)).await.ok();
    found
}

/// How far the kubelet is with an image.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Pulling,
    There,
    Refused(String),
}

fn state(pod: &Pod, container: usize) -> State {
    let name = format!("image-{container}");
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let Some(state) = statuses.filter(|status| status.name == name).find_map(|status| status.state.as_ref()) else {
        return State::Pulling;
    };
    let waiting = state.waiting.as_ref();
    match waiting.and_then(|waiting| waiting.reason.as_deref()) {
        // The second attempt says the same, and this one the words of the registry.
        Some("ErrImagePull" | "InvalidImageName") => {
            State::Refused(waiting.map_or("", |waiting| waiting.message.or_empty()).to_owned())
        }
        Some("ContainerCreating" | "PodInitializing" | "ImagePullBackOff") => State::Pulling,
        None if state.terminated.is_none() && state.running.is_none() => State::Pulling,
        _ => State::There,
    }
}

fn pod(images: &[String]) -> Value {
    let container = |(at, image): (usize, &String)| {
        json!({
            "name": format!("image-{at}"),
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["/chartgate/no-such-program"],
            "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false, "runAsNonRoot": true, "runAsUser": 65532,
                "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
            },
        })
    };
    json!({
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/name": "chartgate-pulls-images"}},
        "spec": {
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "containers": images.iter().enumerate().map(container).collect::<Vec<_>>(),
        },
    })
}

#[cfg(test)]
mod tests {
    use chartgate_k8s::typed::decode;

    use super::*;

    fn at(state: &Value) -> State {
        let status = json!({"containerStatuses": [{"name": "image-0", "state": state}]});
        super::state(&decode(&json!({"kind": "Pod", "status": status})), 0)
    }

    /// A failure would mean that a run begins that no image can be pulled for, or that one which was pulled is called missing.
    #[test]
    fn what_the_kubelet_says_tells_whether_an_image_was_pulled() {
        let refused = json!({"waiting": {"reason": "ErrImagePull", "message": "dial tcp: no such host"}});
        assert_eq!(at(&refused), State::Refused("dial tcp: no such host".to_owned()));
        assert_eq!(at(&json!({"waiting": {"reason": "ContainerCreating"}})), State::Pulling);
        assert_eq!(at(&json!({})), State::Pulling);
        assert_eq!(at(&json!({"terminated": {"reason": "StartError", "exitCode": 128}})), State::There);
        assert_eq!(at(&json!({"waiting": {"reason": "CreateContainerConfigError"}})), State::There);
        assert_eq!(super::state(&Pod::default(), 0), State::Pulling);
    }

    /// A failure would mean that a program of somebody's image runs before the first step.
    #[test]
    fn no_program_of_an_image_is_run() {
        let pod = pod(&["a:1".to_owned(), "b:1".to_owned()]);
        let containers = pod["spec"]["containers"].as_array().unwrap();
        assert!(containers.iter().all(|it| it["command"] == json!(["/chartgate/no-such-program"])), "{pod}");
    }
}
