//! What an upgrade must leave as it is: selectors, claims, Secrets.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PodTemplateSpec, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use chartgate_base::random;

use crate::objects::Objects;
use crate::operator::MARK;

/// The version is that of the image, so that it changes with an upgrade to another one.
fn select_version(selector: &mut LabelSelector, pod: &mut PodTemplateSpec) {
    let image = pod.spec.as_ref().and_then(|spec| spec.containers.first()?.image.as_deref()).unwrap_or_default();
    let tag = image.rsplit(['/', ':', '@']).next().unwrap_or_default();
    let version: String = tag.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    let labels = pod.metadata.get_or_insert_default().labels.get_or_insert_with(BTreeMap::new);
    labels.insert(MARK.to_owned(), version.clone());
    selector.match_labels.get_or_insert_with(BTreeMap::new).insert(MARK.to_owned(), version);
}

pub(crate) fn selected_by_version(objects: &mut Objects) {
    objects.each::<Deployment>(|it| {
        it.spec.iter_mut().for_each(|spec| select_version(&mut spec.selector, &mut spec.template));
    });
    objects.each::<StatefulSet>(|it| {
        it.spec.iter_mut().for_each(|spec| select_version(&mut spec.selector, &mut spec.template));
    });
    objects.each::<DaemonSet>(|it| {
        it.spec.iter_mut().for_each(|spec| select_version(&mut spec.selector, &mut spec.template));
    });
}

/// Each render has claims of other names, and its pods use them.
pub(crate) fn claimed_anew(objects: &mut Objects) {
    let end = format!("-{}", random::text(5));
    let mut renamed = Vec::new();
    objects.each::<PersistentVolumeClaim>(|it| {
        if let Some(name) = &mut it.metadata.name {
            renamed.push(name.clone());
            name.push_str(&end);
        }
    });
    objects.pods(|pod| {
        let volumes = pod.spec.iter_mut().flat_map(|spec| spec.volumes.iter_mut().flatten());
        let claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_mut());
        claims.filter(|claim| renamed.contains(&claim.claim_name)).for_each(|claim| claim.claim_name.push_str(&end));
    });
    objects.each::<StatefulSet>(|it| {
        let Some(spec) = &mut it.spec else { return };
        let templates = spec.volume_claim_templates.iter_mut().flatten();
        let names = templates.filter_map(|claim| claim.metadata.name.as_mut());
        let own: Vec<String> = names.map(|name| std::mem::replace(name, format!("{name}{end}"))).collect();
        let pod = spec.template.spec.iter_mut();
        let mounts = pod.flat_map(|pod| pod.containers.iter_mut().chain(pod.init_containers.iter_mut().flatten()));
        let mounts = mounts.flat_map(|container| container.volume_mounts.iter_mut().flatten());
        mounts.filter(|mount| own.contains(&mount.name)).for_each(|mount| mount.name.push_str(&end));
    });
}

/// One value of each Secret is another in each render.
pub(crate) fn made_anew(objects: &mut Objects) {
    objects.each::<Secret>(|it| {
        if let Some(value) = it.string_data.as_mut().and_then(|data| data.values_mut().next()) {
            *value = random::text(value.len().max(16));
        } else if let Some(value) = it.data.as_mut().and_then(|data| data.values_mut().next()) {
            *value = ByteString(random::text(value.0.len().max(16)).into_bytes());
        }
    });
}

/// What reads a key of the Secret finds it under another name.
pub(crate) fn with_renamed_keys(objects: &mut Objects) {
    objects.each::<Secret>(|it| {
        it.data = it.data.take().map(|data| data.into_iter().map(|(key, value)| (key + "x", value)).collect());
        it.string_data =
            it.string_data.take().map(|data| data.into_iter().map(|(key, value)| (key + "x", value)).collect());
    });
}
