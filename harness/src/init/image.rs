//! The images of a chart, and the values that set them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::found::{Found, Names};
use super::render::Render;
use chartgate_k8s::object::repository;
use chartgate_k8s::typed::{Object, OrEmpty};

/// Value paths of an image, and what they are by default.
pub struct Image {
    /// Path of the repository; of the whole reference where there is no tag's.
    pub repository: String,
    /// Path of the tag.
    pub tag: Option<String>,
    /// The repository, where the contract must name it.
    pub r#use: Option<String>,
    /// The tag that is rendered.
    pub default_tag: String,
    /// Roles and hooks whose pods run it.
    pub roles: Vec<String>,
}

/// Finds the values that set an image, and who runs it.
pub fn find(values: &Value, renders: &[Render], found: &Found, names: &Names) -> BTreeMap<String, Image> {
    let mut run: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for object in renders.iter().flat_map(|render| &render.objects) {
        let user = names.get(&(object.kind().to_owned(), object.name().to_owned()));
        let user = user.filter(|user| found.roles.contains_key(*user) || found.hooks.contains_key(*user));
        // What stands beside the first container has an image of its own.
        if let (Some(user), Some(reference)) = (user, images(object).next()) {
            let users = run.entry(reference.to_owned()).or_default();
            if !users.contains(user) {
                users.push(user.clone());
            }
        }
    }
    let mut all = BTreeMap::new();
    look(values, "", &run, &mut all);
    all
}

/// Maps with a `repository` and a `tag` (the convention of `helm create`), and texts that are a whole reference.
fn look(values: &Value, path: &str, run: &BTreeMap<String, Vec<String>>, all: &mut BTreeMap<String, Image>) {
    if let Some((reference, users)) = values.as_str().and_then(|text| run.get_key_value(text)) {
        let Some(tag) = tag_of(reference) else { return };
        let r#use = Some(repository(reference).to_owned());
        let image = Image { repository: path.to_owned(), tag: None, r#use, default_tag: tag, roles: users.clone() };
        all.insert(name_of(path, all), image);
    }
    let Some(map) = values.as_object() else { return };
    let own = map.get("repository").and_then(Value::as_str).filter(|own| !own.is_empty() && map.contains_key("tag"));
    let is_own = |reference: &&String| {
        own.is_some_and(|own| repository(reference) == own || repository(reference).ends_with(&format!("/{own}")))
    };
    let users: Vec<String> =
        run.iter().filter(|(reference, _)| is_own(reference)).flat_map(|(_, users)| users.clone()).collect();
    if let Some(tag) = run.keys().find(is_own).and_then(|reference| tag_of(reference)) {
        let (repository, tag_path) = (format!("{path}.repository"), Some(format!("{path}.tag")));
        all.insert(
            name_of(path, all),
            Image { repository, tag: tag_path, r#use: None, default_tag: tag, roles: users },
        );
    }
    // A key with a dot in it is no part of a path.
    for (key, value) in map.iter().filter(|(key, _)| !key.contains('.')) {
        let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        look(value, &below, run, all);
    }
}

fn tag_of(reference: &str) -> Option<String> {
    let tag = reference.strip_prefix(repository(reference))?.strip_prefix(':')?;
    (!reference.contains('@')).then(|| tag.to_owned())
}

/// `web.image` is `web`; `image` alone is `app`.
fn name_of(path: &str, taken: &BTreeMap<String, Image>) -> String {
    let parent = path.trim_end_matches("image").trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let short = if parent.is_empty() || parent == "global" { "app" } else { parent };
    if taken.contains_key(short) { path.replace('.', "-") } else { short.to_owned() }
}

/// The container images of a pod's containers, the first one's first, without those that only prepare it.
fn images(workload: &Object) -> impl Iterator<Item = &str> {
    let pod = workload.template().filter(|_| workload.kind() != "Pod");
    pod.into_iter().flat_map(|pod| &pod.spec.containers).map(|container| container.image.or_empty())
}
