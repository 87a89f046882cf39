//! Hooks: Jobs that helm runs before or after a change, and what belongs to them.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use chartgate_k8s::object::{is_hook, kind};

use crate::objects::{Objects, edit};

const EVENTS: &str = "helm.sh/hook";
const WEIGHT: &str = "helm.sh/hook-weight";
const POLICY: &str = "helm.sh/hook-delete-policy";
/// The events before which nothing of the release runs.
const BEFORE: [&str; 2] = ["pre-install", "pre-upgrade"];

fn annotation<'a>(metadata: &'a ObjectMeta, name: &str) -> &'a str {
    metadata.annotations.as_ref().and_then(|all| all.get(name)).map_or("", String::as_str)
}

fn is_before(metadata: &ObjectMeta) -> bool {
    annotation(metadata, EVENTS).split(',').any(|event| BEFORE.contains(&event.trim()))
}

fn set(metadata: &mut ObjectMeta, name: &str, value: String) {
    metadata.annotations.get_or_insert_with(BTreeMap::new).insert(name.to_owned(), value);
}

pub(crate) fn after_the_release(objects: &mut Objects) {
    objects.hooks(|of_kind, metadata| {
        if of_kind == "Job" && is_before(metadata) {
            let events = annotation(metadata, EVENTS).replace("pre-", "post-");
            set(metadata, EVENTS, events);
        }
    });
}

pub(crate) fn removed(objects: &mut Objects) {
    for object in objects.0.iter_mut().filter(|object| is_hook(object) && kind(object) == "Job") {
        let mut metadata = ObjectMeta::default();
        edit(&mut object["metadata"].clone(), |it: &mut ObjectMeta| metadata = it.clone());
        if is_before(&metadata) {
            *object = Value::Null;
        }
    }
}

pub(crate) fn weights_swapped(objects: &mut Objects) {
    let mut weights: Vec<i64> = Vec::new();
    let weight = |metadata: &ObjectMeta| annotation(metadata, WEIGHT).parse().unwrap_or(0);
    objects.hooks(|_, metadata| weights.extend(is_before(metadata).then(|| weight(metadata))));
    let (Some(first), Some(last)) = (weights.iter().min().copied(), weights.iter().max().copied()) else { return };
    objects.hooks(|_, metadata| {
        let swapped = match weight(metadata) {
            it if it == first => last,
            it if it == last => first,
            _ => return,
        };
        if first != last && is_before(metadata) {
            set(metadata, WEIGHT, swapped.to_string());
        }
    });
}

/// Helm then removes a hook's objects when it made the next ones, and not when it has ended.
pub(crate) fn kept_after_success(objects: &mut Objects) {
    objects.hooks(|_, metadata| {
        let policy = annotation(metadata, POLICY).to_owned();
        let rest: Vec<&str> = policy.split(',').map(str::trim).filter(|it| *it != "hook-succeeded").collect();
        if !rest.is_empty() && policy.contains("hook-succeeded") {
            set(metadata, POLICY, rest.join(","));
        }
    });
}

/// What an interrupted or failed run of the hook leaves is then in the next one's way.
pub(crate) fn kept_before_creation(objects: &mut Objects) {
    objects.hooks(|of_kind, metadata| {
        if of_kind == "Job" && annotation(metadata, POLICY).contains("before-hook-creation") {
            set(metadata, POLICY, "hook-succeeded".to_owned());
        }
    });
}

/// Every pod does what the hook was there for, before it starts.
pub(crate) fn run_by_every_pod(objects: &mut Objects) {
    let jobs = objects.0.iter().filter(|object| is_hook(object) && kind(object) == "Job");
    let jobs = jobs.filter_map(|object| serde_json::from_value::<Job>(object.clone()).ok());
    let migrating: Vec<Container> = jobs
        .filter(|job| is_before(&job.metadata))
        .filter_map(|job| job.spec?.template.spec?.containers.pop())
        .collect();
    let mut has_moved = false;
    objects.pods(|pod| {
        let Some(spec) = &mut pod.spec else { return };
        let images: Vec<Option<String>> = spec.containers.iter().map(|it| it.image.clone()).collect();
        let own = migrating.iter().filter(|it| images.contains(&it.image));
        // The hook's volumes are not the pod's.
        let own: Vec<Container> = own.map(|it| Container { volume_mounts: None, ..it.clone() }).collect();
        if !own.is_empty() {
            spec.init_containers.get_or_insert_default().extend(own);
            has_moved = true;
        }
    });
    if has_moved {
        removed(objects);
    }
}
