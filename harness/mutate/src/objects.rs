//! The objects of a release, changed through their Kubernetes types: what a type does not know stays as it was rendered.

use std::collections::BTreeSet;

use chartgate_k8s::object::{is_hook, kind, text};
use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a chart rendered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objects(pub Vec<Value>);

impl Objects {
    /// The objects of a kind that are no hooks; one that does not fit its type is left out.
    pub(crate) fn all<K: Resource + DeserializeOwned>(&self) -> Vec<K> {
        let own = self.0.iter().filter(|object| is_of::<K>(object) && !is_hook(object));
        own.filter_map(|object| serde_json::from_value(object.clone()).ok()).collect()
    }

    /// Changes each object of a kind that is no hook.
    pub(crate) fn each<K: Resource + DeserializeOwned + Serialize>(&mut self, mut change: impl FnMut(&mut K)) {
        for object in self.0.iter_mut().filter(|object| is_of::<K>(object) && !is_hook(object)) {
            edit(object, &mut change);
        }
    }

    /// Changes the pods of each Deployment, StatefulSet and DaemonSet.
    pub(crate) fn pods(&mut self, mut change: impl FnMut(&mut PodTemplateSpec)) {
        self.each::<Deployment>(|it| it.spec.iter_mut().for_each(|spec| change(&mut spec.template)));
        self.each::<StatefulSet>(|it| it.spec.iter_mut().for_each(|spec| change(&mut spec.template)));
        self.each::<DaemonSet>(|it| it.spec.iter_mut().for_each(|spec| change(&mut spec.template)));
    }

    /// The pods of each Deployment, StatefulSet and DaemonSet.
    pub(crate) fn templates(&self) -> Vec<PodTemplateSpec> {
        let deployments = self.all::<Deployment>().into_iter().filter_map(|it| Some(it.spec?.template));
        let stateful = self.all::<StatefulSet>().into_iter().filter_map(|it| Some(it.spec?.template));
        let daemons = self.all::<DaemonSet>().into_iter().filter_map(|it| Some(it.spec?.template));
        deployments.chain(stateful).chain(daemons).collect()
    }

    /// The hooks: each one's kind, and its metadata to be changed.
    pub(crate) fn hooks(&mut self, mut change: impl FnMut(&str, &mut ObjectMeta)) {
        for object in self.0.iter_mut().filter(|object| is_hook(object)) {
            let of_kind = kind(object).to_owned();
            edit(&mut object["metadata"], |metadata: &mut ObjectMeta| change(&of_kind, metadata));
        }
    }
}

fn is_of<K: Resource>(object: &Value) -> bool {
    kind(object) == K::KIND && text(&object["apiVersion"]) == K::API_VERSION
}

/// Changes a value through its type. Of the value itself only what the change changed is another.
pub(crate) fn edit<K: DeserializeOwned + Serialize>(value: &mut Value, mut change: impl FnMut(&mut K)) {
    let Ok(mut typed) = serde_json::from_value::<K>(value.clone()) else { return };
    let Ok(before) = serde_json::to_value(&typed) else { return };
    change(&mut typed);
    if let Ok(after) = serde_json::to_value(&typed) {
        transfer(value, &before, &after);
    }
}

/// Brings what differs between two states of a value to another one that is like the first.
fn transfer(value: &mut Value, before: &Value, after: &Value) {
    if before == after {
        return;
    }
    match (&mut *value, before, after) {
        (Value::Object(own), Value::Object(old), Value::Object(new)) => {
            for key in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                match (old.get(key), new.get(key)) {
                    (Some(_), None) => drop(own.remove(key)),
                    (Some(old), Some(new)) if old == new => {}
                    (Some(old), Some(new)) => transfer(own.entry(key.clone()).or_insert(Value::Null), old, new),
                    (None, Some(new)) => drop(own.insert(key.clone(), new.clone())),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(own), Value::Array(old), Value::Array(new))
            if own.len() == new.len() && old.len() == new.len() =>
        {
            own.iter_mut().zip(old.iter().zip(new)).for_each(|(own, (old, new))| transfer(own, old, new));
        }
        _ => *value = after.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that a mutant differs from its chart by more than the harm it stands for.
    #[test]
    fn a_change_leaves_what_its_type_does_not_know() {
        let deployment = |replicas: i32| {
            let container = json!({"name": "web", "image": "web:1", "unknown": {"kept": true}});
            let template = json!({"metadata": {"creationTimestamp": null}, "spec": {"containers": [container]}});
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "extra": [1],
                "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}})
        };
        let mut objects = Objects(vec![deployment(1), json!({"kind": "Deployment", "apiVersion": "other/v1"})]);
        objects.each::<Deployment>(|it| it.spec.iter_mut().for_each(|spec| spec.replicas = Some(2)));
        assert_eq!(objects.0, [deployment(2), json!({"kind": "Deployment", "apiVersion": "other/v1"})]);
    }
}
