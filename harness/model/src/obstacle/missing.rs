//! Secrets, ConfigMaps, keys and claims that a pod needs and that nothing makes.

use serde_json::Value;

use super::{Blame, Obstacle, Outlook, Scene, waiting};
use chartgate_k8s::object::{containers, is_custom, items, kind, name, text};

/// Cluster roles of Kubernetes' own that create no object of these kinds.
const HARMLESS: [&str; 2] = ["view", "extension-apiserver-authentication-reader"];

/// What a pod needs by name.
#[derive(Clone, Copy)]
struct Need<'a> {
    kind: &'static str,
    name: &'a str,
    /// `None`: any of its keys.
    key: Option<&'a str>,
    /// The container whose environment it is; `None`: a volume of the pod.
    container: Option<&'a str>,
}

/// Something that a pod waits for, by the kubelet's own word, and that is not there.
pub(super) fn unmade(pod: &Value, scene: &Scene) -> Option<Obstacle> {
    let refused: Vec<&str> = waiting(pod)
        .filter(|(_, state)| state["reason"] == "CreateContainerConfigError")
        .map(|(container, _)| container)
        .collect();
    let is_not_mounted = scene.events(pod, "FailedMount").next().is_some()
        && waiting(pod).any(|(_, state)| ["ContainerCreating", "PodInitializing"].contains(&text(&state["reason"])));
    let is_waited_for = |need: &Need| need.container.map_or(is_not_mounted, |container| refused.contains(&container));
    let need = needs(pod).into_iter().filter(is_waited_for).find(|need| is_lacking(need, scene))?;
    Some(obstacle(pod, &need, scene))
}

/// A claim that a pod waits for and that is not there: it is not scheduled without.
pub(super) fn unmade_claim(pod: &Value, scene: &Scene) -> Option<Obstacle> {
    let claims =
        items(&pod["spec"]["volumes"]).filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str());
    let claims = claims.map(|name| Need { kind: "PersistentVolumeClaim", name, key: None, container: None });
    let need = claims.into_iter().find(|need| is_lacking(need, scene))?;
    Some(obstacle(pod, &need, scene))
}

fn obstacle(pod: &Value, need: &Need, scene: &Scene) -> Obstacle {
    let Need { kind, name, key, container } = need;
    let what = format!("{}/{name}", kind.to_lowercase());
    let lack = match key {
        Some(key) if scene.find(kind, name).is_some() => format!("{what} has no key `{key}`"),
        _ => format!("{what} does not exist"),
    };
    let who = container.map_or_else(|| scene.subject(pod), |container| scene.container(pod, container));
    let outlook = if can_be_made(kind, name, scene) { Outlook::MayPass } else { Outlook::Certain };
    let makers = if outlook == Outlook::Certain { ", and nothing in the release makes it" } else { "" };
    let why = format!("{lack}{makers}: {who} needs it");
    let hint = "let the chart make it, mark it `optional`, or let the contract's `secrets` or `requires` stand for what users make before";
    Obstacle::of(pod, why, hint, outlook, Blame::Chart)
}

/// Every Secret and ConfigMap that a pod cannot start without.
fn needs(pod: &Value) -> Vec<Need<'_>> {
    let mut found = Vec::new();
    for container in containers(pod) {
        let of = Some(text(&container["name"]));
        for variable in items(&container["env"]) {
            let from = &variable["valueFrom"];
            found.push(("ConfigMap", &from["configMapKeyRef"], "name", from["configMapKeyRef"]["key"].as_str(), of));
            found.push(("Secret", &from["secretKeyRef"], "name", from["secretKeyRef"]["key"].as_str(), of));
        }
        for source in items(&container["envFrom"]) {
            found.push(("ConfigMap", &source["configMapRef"], "name", None, of));
            found.push(("Secret", &source["secretRef"], "name", None, of));
        }
    }
    for volume in items(&pod["spec"]["volumes"]) {
        let projected = items(&volume["projected"]["sources"]);
        let sources = projected
            .flat_map(|source| [("ConfigMap", &source["configMap"], "name"), ("Secret", &source["secret"], "name")]);
        let own = [("ConfigMap", &volume["configMap"], "name"), ("Secret", &volume["secret"], "secretName")];
        for (kind, source, field) in own.into_iter().chain(sources) {
            found.push((kind, source, field, None, None));
            let keys = items(&source["items"]).map(|item| item["key"].as_str());
            found.extend(keys.map(|key| (kind, source, field, key, None)));
        }
    }
    let required = found.into_iter().filter(|(_, source, ..)| source["optional"] != true);
    required
        .filter_map(|(kind, source, field, key, container)| {
            Some(Need { kind, name: source[field].as_str()?, key, container })
        })
        .collect()
}

fn is_lacking(need: &Need, scene: &Scene) -> bool {
    let Some(live) = scene.find(need.kind, need.name) else { return true };
    need.key.is_some_and(|key| ["data", "stringData", "binaryData"].iter().all(|part| live[*part][key].is_null()))
}

/// Whether something may still make an object, or add a key to it: helm itself, a pod of the release that may write objects of this
/// kind, an operator that a custom resource of the release is for, or someone else in the cluster.
pub(super) fn can_be_made(of_kind: &str, with_name: &str, scene: &Scene) -> bool {
    let is_it = |made: &Value| kind(made) == of_kind && name(made) == with_name;
    scene.has_other_controllers
        || ["kube-root-ca.crt", "default"].contains(&with_name)
        || scene.release.iter().any(|made| is_it(made) || is_custom(made) || lets_write(of_kind, made, scene))
}

/// Whether a role, or a binding to a role that the release does not bring, lets an account write objects of a kind.
fn lets_write(of_kind: &str, object: &Value, scene: &Scene) -> bool {
    let plural = format!("{}s", of_kind.to_lowercase());
    let names = |list: &Value, wanted: &[&str]| items(list).any(|item| wanted.contains(&text(item)));
    match kind(object) {
        "Role" | "ClusterRole" => items(&object["rules"]).any(|rule| {
            names(&rule["resources"], &["*", &plural]) && names(&rule["verbs"], &["*", "create", "update", "patch"])
        }),
        "RoleBinding" | "ClusterRoleBinding" => {
            let (role_kind, role) = (text(&object["roleRef"]["kind"]), text(&object["roleRef"]["name"]));
            let is_released = scene.release.iter().any(|made| kind(made) == role_kind && name(made) == role);
            !is_released && !HARMLESS.contains(&role) && !role.starts_with("system:")
        }
        _ => false,
    }
}
