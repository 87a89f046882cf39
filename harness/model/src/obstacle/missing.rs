//! Secrets, ConfigMaps, keys and claims that a pod needs and that nothing makes.

use chartgate_k8s::object::is_custom_group;
use chartgate_k8s::typed::rbac::{role_of, rules};
use chartgate_k8s::typed::{Object, ReferredFrom};
use k8s_openapi::api::rbac::v1::{PolicyRule, RoleRef};

use super::{Blame, Obstacle, Outlook, Scene, waiting};

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
pub(super) fn unmade(pod: &Object, scene: &Scene) -> Option<Obstacle> {
    let refused: Vec<&str> = waiting(pod)
        .filter(|(_, state)| state.reason() == "CreateContainerConfigError")
        .map(|(container, _)| container)
        .collect();
    let is_not_mounted =
        scene.events(pod, "FailedMount").next().is_some() && waiting(pod).any(|(_, state)| state.is_starting());
    let is_waited_for = |need: &Need| need.container.map_or(is_not_mounted, |container| refused.contains(&container));
    let need = needs(pod).into_iter().filter(is_waited_for).find(|need| is_lacking(need, scene))?;
    Some(obstacle(pod, &need, scene))
}

/// A claim that a pod waits for and that is not there: it is not scheduled without.
pub(super) fn unmade_claim(pod: &Object, scene: &Scene) -> Option<Obstacle> {
    let claims = pod.pod().into_iter().flat_map(|pod| pod.claims());
    let mut claims = claims.map(|name| Need { kind: "PersistentVolumeClaim", name, key: None, container: None });
    let need = claims.find(|need| is_lacking(need, scene))?;
    Some(obstacle(pod, &need, scene))
}

fn obstacle(pod: &Object, need: &Need, scene: &Scene) -> Obstacle {
    let Need { kind, name, key, container } = need;
    let what = format!("{}/{name}", kind.to_lowercase());
    let lack = match key {
        Some(key) if scene.find(kind, name).is_some() => format!("{what} has no key `{key}`"),
        _ => format!("{what} does not exist"),
    };
    let who = container.map_or_else(|| scene.subject(pod), |container| scene.container(pod, container));
    let outlook = if can_be_made(kind, name, *key, scene) { Outlook::MayPass } else { Outlook::Certain };
    let makers = if outlook == Outlook::Certain { ", and nothing in the release makes it" } else { "" };
    let why = format!("{lack}{makers}: {who} needs it");
    let hint = "let the chart make it, mark it `optional`, or let the contract's `secrets` or `requires` stand for what users make before";
    Obstacle::of(pod, why, hint, outlook, Blame::Chart)
}

/// Every Secret and ConfigMap that a pod cannot start without, with the keys that it names.
fn needs(pod: &Object) -> Vec<Need<'_>> {
    let references = pod.pod().map(|pod| pod.references()).unwrap_or_default();
    let required = references.into_iter().filter(|reference| !reference.is_optional);
    required
        .flat_map(|reference| {
            let container = match reference.from {
                ReferredFrom::Variable { container, .. } | ReferredFrom::Environment { container } => Some(container),
                ReferredFrom::Volume { .. } => None,
            };
            let need = Need { kind: reference.kind, name: reference.name, key: None, container };
            let keys = reference.keys.into_iter().map(move |key| Need { key: Some(key), ..need });
            std::iter::once(need).chain(keys)
        })
        .collect()
}

fn is_lacking(need: &Need, scene: &Scene) -> bool {
    let Some(live) = scene.find(need.kind, need.name) else { return true };
    need.key.is_some_and(|key| !live.data().has_key(key))
}

/// Whether something may still make an object, or add a key to it: helm itself, a pod of the release that may write objects of this
/// kind, an operator that a custom resource of the release is for, or someone else in the cluster.
pub(super) fn can_be_made(of_kind: &str, with_name: &str, key: Option<&str>, scene: &Scene) -> bool {
    let has_key = |made: &Object| key.is_none_or(|key| made.data().has_key(key));
    let is_it = |made: &Object| made.kind() == of_kind && made.name() == with_name && has_key(made);
    scene.has_other_controllers
        || ["kube-root-ca.crt", "default"].contains(&with_name)
        || scene
            .release
            .iter()
            .any(|made| is_it(made) || is_custom_group(made.group()) || lets_write(of_kind, made, scene))
}

/// Whether a role, or a binding to a role that the release does not bring, lets an account write objects of a kind.
fn lets_write(of_kind: &str, object: &Object, scene: &Scene) -> bool {
    let plural = format!("{}s", of_kind.to_lowercase());
    let names = |list: &[String], wanted: &[&str]| list.iter().any(|item| wanted.contains(&item.as_str()));
    let writes = |rule: &PolicyRule| {
        names(rule.resources.as_deref().unwrap_or_default(), &["*", &plural])
            && names(&rule.verbs, &["*", "create", "update", "patch"])
    };
    let is_unknown = |role: &RoleRef| {
        let is_released = scene.release.iter().any(|made| made.kind() == role.kind && made.name() == role.name);
        !is_released && !HARMLESS.contains(&role.name.as_str()) && !role.name.starts_with("system:")
    };
    rules(object).iter().any(writes) || role_of(object).is_some_and(is_unknown)
}
