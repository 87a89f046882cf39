//! What keeps pods from being ready, or from being made at all, and what a person can do about it.

use std::fmt;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Container, ContainerState, ContainerStatus};

use super::typed::{Object, OrEmpty, is_running, is_sidecar};

/// A command that a message shows is cut after this many characters.
const COMMAND: usize = 160;

/// What a container waits for if its image cannot be had.
pub const NO_IMAGE: [&str; 4] = ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"];

/// What keeps a pod from being ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No node takes it.
    Unscheduled(String),
    /// An init container runs, and the others wait for it.
    Initializing {
        /// Name of the container.
        container: String,
        /// What it runs; empty: what its image says.
        command: String,
    },
    /// A container ended, and not well.
    Ended {
        /// Name of the container.
        container: String,
        /// With which code, and why.
        how: String,
    },
    /// A container cannot be started.
    Waits {
        /// Name of the container.
        container: String,
        /// Kubernetes' word, for example `CreateContainerConfigError`.
        reason: String,
        /// The word, what it is about, and how the container ended before.
        why: String,
    },
    /// A container runs, and its readiness probe does not succeed.
    Unready(String),
    /// Nothing is known but its phase.
    Phase(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unscheduled(why) => write!(out, "is not scheduled: {why}"),
            Self::Initializing { container, command } if command.is_empty() => {
                write!(out, "init container `{container}` still runs, and the others wait for it")
            }
            Self::Initializing { container, command } => {
                write!(out, "init container `{container}` still runs `{command}`, and the others wait for it")
            }
            Self::Ended { container, how } => write!(out, "container `{container}` {how}"),
            Self::Waits { container, why, .. } => write!(out, "container `{container}` waits: {why}"),
            Self::Unready(container) => write!(out, "container `{container}` runs but is not ready"),
            Self::Phase(phase) => write!(out, "is {phase}"),
        }
    }
}

impl Trouble {
    /// Whether it will not pass by itself.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Waits { .. })
    }

    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unscheduled(_) => {
                "compare what the pod requests and selects with the nodes, and its claims with the volumes"
            }
            Self::Initializing { .. } => {
                "its log says what the init container waits for: let the chart or its user provide that"
            }
            Self::Ended { .. } => "the end of the container's log says why it ended",
            Self::Waits { reason, .. } => match reason.as_str() {
                "CreateContainerConfigError" => {
                    "make the Secret or ConfigMap with this key, or correct the name or key in the pod's template"
                }
                reason if NO_IMAGE.contains(&reason) => {
                    "correct the image's name and tag, or let the cluster reach its registry"
                }
                _ => "the end of the container's log says why it does not stay up",
            },
            Self::Unready(_) => "compare port, path and scheme of the readiness probe with what the container serves",
            Self::Phase(_) => "compare probes, image and environment of the pod with what its log says",
        }
    }
}

/// What keeps a pod from being ready; `None`: nothing does.
pub fn trouble(pod: &Object) -> Option<Trouble> {
    if pod.is_terminating() || pod.is_ready_pod() || pod.phase() == "Succeeded" {
        return None;
    }
    if let Some(unscheduled) = pod.condition("PodScheduled").filter(|found| found.is_false()) {
        return Some(Trouble::Unscheduled(said(&unscheduled.reason, &unscheduled.message)));
    }
    let of_init = pod.init_statuses().find_map(|status| of_init_container(pod, status));
    let of_containers = || pod.container_statuses().find_map(of_container);
    let phase = || Trouble::Phase(pod.phase().to_lowercase());
    Some(of_init.or_else(of_containers).unwrap_or_else(phase))
}

fn of_init_container(pod: &Object, status: &ContainerStatus) -> Option<Trouble> {
    if !is_running(status) {
        return of_container(status);
    }
    let container = pod.pod().and_then(|pod| pod.init_containers().find(|container| container.name == status.name));
    // A sidecar runs as long as the pod, and holds the others back only until it has started.
    if container.is_some_and(is_sidecar) && status.started != Some(false) {
        return None;
    }
    let command = container.map(command).unwrap_or_default();
    Some(Trouble::Initializing { container: status.name.clone(), command })
}

/// Command and arguments in one line.
fn command(container: &Container) -> String {
    let words = container.command.iter().flatten().chain(container.args.iter().flatten());
    let line = words.flat_map(|word| word.split_whitespace()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(COMMAND) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn of_container(status: &ContainerStatus) -> Option<Trouble> {
    let container = status.name.clone();
    if let Some(how) = ended(status.state.as_ref()) {
        return Some(Trouble::Ended { container, how });
    }
    let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
    let waiting = waiting.map(|waiting| (waiting.reason.or_empty(), waiting.message.or_empty()));
    if let Some((reason, message)) = waiting.filter(|(reason, _)| is_in_vain(reason)) {
        let before = ended(status.last_state.as_ref()).map_or(String::new(), |ended| format!("; before, it {ended}"));
        let why = format!("{}{before}", said(reason, message));
        return Some(Trouble::Waits { container, reason: reason.to_owned(), why });
    }
    (is_running(status) && !status.ready).then_some(Trouble::Unready(container))
}

/// Whether a container that waits for this will not start by itself.
pub fn is_in_vain(reason: &str) -> bool {
    !["ContainerCreating", "PodInitializing"].contains(&reason)
}

fn ended(state: Option<&ContainerState>) -> Option<String> {
    let ended = state?.terminated.as_ref().filter(|ended| ended.exit_code != 0)?;
    let why = said(ended.reason.or_empty(), ended.message.or_empty());
    Some(format!("ended with exit code {} ({why})", ended.exit_code))
}

fn said(reason: &str, message: &str) -> String {
    if message.is_empty() { reason.to_owned() } else { format!("{reason} ({})", message.trim()) }
}

/// The Event that says why no pod of a workload can be made: one of the workload itself, or of a ReplicaSet of it. `among` are objects
/// of its namespace.
pub fn creation_failure<'a>(workload: &Object, among: &[&'a Object]) -> Option<&'a Object> {
    let is_own = |set: &&&Object| set.is::<ReplicaSet>() && set.is_owned_by(workload.uid());
    let sets: Vec<&str> = among.iter().filter(is_own).map(|set| set.name()).collect();
    among.iter().copied().rfind(|event| {
        event.warning().is_some_and(|said| {
            let about = (said.about_kind(), said.about_name());
            let is_of_set = about.0 == "ReplicaSet" && sets.contains(&about.1);
            said.reason() == "FailedCreate" && (about == (workload.kind(), workload.name()) || is_of_set)
        })
    })
}

/// What such an Event says, without the controller's words around it.
pub fn creation_message(event: &Object) -> &str {
    let around = ["(combined from similar events): ", "Error creating: "];
    let message = event.said().map_or("", |said| said.message());
    around.iter().fold(message, |message, words| message.strip_prefix(words).unwrap_or(message))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check_trouble(spec: &Value, status: &Value, says: &str) -> Trouble {
        let pod = Object::from(json!({"kind": "Pod", "spec": spec, "status": status}));
        let trouble = trouble(&pod).expect("it has trouble");
        assert_eq!(trouble.to_string(), says);
        trouble
    }

    fn waiting(reason: &str, message: &str) -> Value {
        json!({"containerStatuses": [{"name": "web", "state": {"waiting": {"reason": reason, "message": message}}}]})
    }

    /// A failure would mean that a pod which waits for its database is called pending, and nobody learns for what it waits.
    #[test]
    fn an_init_container_that_runs_is_named_with_what_it_runs() {
        let command = json!(["sh", "-c", "until nc -z db 5432; do\n  sleep 1\ndone"]);
        let spec = json!({"initContainers": [{"name": "wait", "command": command}]});
        let init = json!([{"name": "wait", "state": {"running": {}}, "ready": false}]);
        let status = json!({"phase": "Pending", "initContainerStatuses": init, "containerStatuses": waiting("PodInitializing", "")["containerStatuses"]});
        let says =
            "init container `wait` still runs `sh -c until nc -z db 5432; do sleep 1 done`, and the others wait for it";
        check_trouble(&spec, &status, says);
        let sidecar = json!({"initContainers": [{"name": "wait", "restartPolicy": "Always"}]});
        let status = json!({"phase": "Running", "initContainerStatuses": [{"name": "wait", "state": {"running": {}}, "started": true}],
            "containerStatuses": [{"name": "web", "state": {"running": {}}, "ready": false}]});
        check_trouble(&sidecar, &status, "container `web` runs but is not ready");
    }

    /// A failure would mean that a person is sent to the log of a container that never started.
    #[test]
    fn each_trouble_has_a_hint_of_its_own() {
        let none = json!({});
        let key = waiting("CreateContainerConfigError", "couldn't find key URL in Secret ns/web");
        let says = "container `web` waits: CreateContainerConfigError (couldn't find key URL in Secret ns/web)";
        assert!(check_trouble(&none, &key, says).hint().contains("with this key"));
        let pull = check_trouble(&none, &waiting("ImagePullBackOff", ""), "container `web` waits: ImagePullBackOff");
        assert!(pull.hint().contains("the image's name") && pull.is_failure());
    }

    /// A failure would mean that a quota, a webhook or a policy that refuses the pods of a workload stays unnamed.
    #[test]
    fn the_reason_for_a_missing_pod_is_that_of_what_makes_it() {
        let event = |of: &str, named: &str, message: &str| {
            Object::from(json!({"kind": "Event", "type": "Warning", "reason": "FailedCreate", "message": message,
                "involvedObject": {"kind": of, "name": named}}))
        };
        let deployment = Object::from(json!({"kind": "Deployment", "metadata": {"name": "web", "uid": "d"}}));
        let set =
            json!({"kind": "ReplicaSet", "metadata": {"name": "web-1", "ownerReferences": [{"uid": "d"}]}}).into();
        let other = event("ReplicaSet", "other-1", "no");
        let own = event(
            "ReplicaSet",
            "web-1",
            "(combined from similar events): Error creating: pods \"web-1-\" is forbidden: exceeded quota: small",
        );
        let found = creation_failure(&deployment, &[&set, &own, &other]).map(creation_message);
        assert_eq!(found, Some("pods \"web-1-\" is forbidden: exceeded quota: small"));
        let (job, of_job) =
            (Object::from(json!({"kind": "Job", "metadata": {"name": "web-1"}})), event("Job", "web-1", "denied"));
        assert_eq!(creation_failure(&job, &[&own, &of_job]).map(creation_message), Some("denied"));
        assert_eq!(creation_failure(&job, &[&own]), None);
    }
}
