//! Whether a cluster that pulls all images by itself can: asked before the first step, by a pod of chartgate's own that names them all.
//!
//! Its containers have a command that no image has, so that nothing of the image runs: the kubelet pulls it, and then says that there is no
//! such program.

use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_cluster::MissingImage;
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
    pods.create(&PostParams::default(), &described).await.with_context(|| format!("create the pod `{NAME}`"))?;
    let found = until("the cluster to pull the images", LIMIT, || async {
        let live = match pods.get(NAME).await.and_then(|pod| serde_json::to_value(pod).map_err(kube::Error::SerdeError))
        {
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

fn state(pod: &Value, container: usize) -> State {
    let name = format!("image-{container}");
    let statuses = pod["status"]["containerStatuses"].as_array();
    let Some(status) = statuses.into_iter().flatten().find(|status| status["name"] == name.as_str()) else {
        return State::Pulling;
    };
    let waiting = &status["state"]["waiting"];
    match waiting["reason"].as_str() {
        // The second attempt says the same, and this one the words of the registry.
        Some("ErrImagePull" | "InvalidImageName") => {
            State::Refused(waiting["message"].as_str().unwrap_or_default().to_owned())
        }
        Some("ContainerCreating" | "PodInitializing" | "ImagePullBackOff") => State::Pulling,
        None if !status["state"]["terminated"].is_object() && !status["state"]["running"].is_object() => State::Pulling,
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
    use super::*;

    fn at(state: &Value) -> State {
        super::state(&json!({"status": {"containerStatuses": [{"name": "image-0", "state": state}]}}), 0)
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
        assert_eq!(super::state(&json!({"status": {}}), 0), State::Pulling);
    }

    /// A failure would mean that a program of somebody's image runs before the first step.
    #[test]
    fn no_program_of_an_image_is_run() {
        let pod = pod(&["a:1".to_owned(), "b:1".to_owned()]);
        let containers = pod["spec"]["containers"].as_array().unwrap();
        assert!(containers.iter().all(|it| it["command"] == json!(["/chartgate/no-such-program"])), "{pod}");
    }
}
