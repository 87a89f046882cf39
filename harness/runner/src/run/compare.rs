//! Live objects beside what the API server would make of the release's manifest.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use chartgate_cluster::api;
use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject};
use kube::discovery::Scope;
use serde::Deserialize;
use serde_json::Value;

use super::apply::Kinds;
use super::dry_run::{self, AT_ONCE, HELM, marked};
use super::stage::Stage;
use crate::record::{Compared, Moment, Timeline};
use chartgate_k8s::object::{kind, name, namespace};
use chartgate_model::recording::NOT_COMPARED;

/// Notes each object of the manifest as it is and as it should be. What cannot be asked is left out: it proves nothing.
pub async fn note(step: usize, release: &str, manifest: &[Value], stage: &Stage, timeline: &Timeline) -> Result<()> {
    let kinds = Kinds::ask(&stage.client).await?;
    let marked: Vec<Value> = manifest.iter().map(|object| marked(object, release, &stage.ns)).collect();
    let objects = marked.iter().filter(|object| !NOT_COMPARED.contains(&kind(object)));
    let known = objects.filter_map(|object| Some((object, kinds.of_object(object)?)));
    let asked: Vec<_> = known.map(|(object, known)| compare(object, known, stage)).collect();
    let compared: Vec<_> = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
    for (live, applied) in compared.into_iter().flatten() {
        let others = others(&live);
        let refusal = applied.as_ref().err().map(ToString::to_string);
        let applied = applied.ok().map(|applied| store(applied, timeline)).transpose()?;
        let live = store(live, timeline)?;
        timeline.append(Moment::Compared(Compared { step, live, applied, refusal, others }));
    }
    Ok(())
}

/// An object as it is, and what the API server would make of its manifest; `None`: it is not there.
async fn compare(
    object: &Value,
    known: &(ApiResource, Scope),
    stage: &Stage,
) -> Option<(DynamicObject, Result<DynamicObject, kube::Error>)> {
    let own = namespace(object).unwrap_or(&stage.ns);
    let api = api(&stage.client, known, own);
    let live = api.get_opt(name(object)).await.ok().flatten()?;
    Some((live, dry_run::apply(&api, object).await))
}

fn store(mut object: DynamicObject, timeline: &Timeline) -> Result<String> {
    object.metadata.managed_fields = None;
    // What changes with each write says nothing.
    object.metadata.resource_version = None;
    object.metadata.generation = None;
    let object = serde_json::to_value(object).context("encode an object")?;
    timeline.learn(&object);
    Ok(timeline.store(&object))
}

/// The paths of the fields that another manager than helm has set, but for the status.
fn others(object: &DynamicObject) -> Vec<String> {
    let mut paths = BTreeSet::new();
    let managed = object.metadata.managed_fields.iter().flatten();
    let foreign = managed
        .filter(|entry| entry.manager.as_deref() != Some(HELM) && entry.subresource.as_deref() != Some("status"));
    for fields in foreign.filter_map(|entry| entry.fields_v1.as_ref()) {
        collect(&fields.0, String::new(), &mut paths);
    }
    paths.into_iter().collect()
}

/// What tells the items of a list apart, where that is a name.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Key {
    name: Option<String>,
}

/// Walks `fieldsV1`: `f:NAME` is a field, `k:{…}` an item of a list by its key, `v:…` one by its value, `.` the thing itself.
fn collect(fields: &Value, path: String, paths: &mut BTreeSet<String>) {
    let inner: Vec<(&String, &Value)> =
        fields.as_object().into_iter().flatten().filter(|(key, _)| *key != ".").collect();
    if inner.is_empty() {
        paths.insert(path);
        return;
    }
    for (key, below) in inner {
        let next = match key.split_once(':') {
            Some(("f", name)) => format!("{path}.{}", chartgate_k8s::difference::segment(name)),
            Some(("k", item)) => {
                let item: Key = serde_json::from_str(item).unwrap_or_default();
                match item.name {
                    Some(name) => format!("{path}[{name}]"),
                    // Where items have no names, the list is compared as a whole.
                    None => path.clone(),
                }
            }
            _ => path.clone(),
        };
        collect(below, next, paths);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that a chart is blamed for what an autoscaler or an injector set.
    #[test]
    fn fields_of_other_managers_have_the_paths_of_differences() {
        let fields = json!({"f:spec": {
            "f:replicas": {},
            "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}},
        }});
        let entry = |manager: &str, subresource: Option<&str>| json!({"manager": manager, "operation": "Update", "subresource": subresource, "fieldsType": "FieldsV1", "fieldsV1": fields});
        let object = |entries: Value| -> DynamicObject {
            let metadata = json!({"name": "web", "managedFields": entries});
            serde_json::from_value(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}))
                .unwrap()
        };
        let scaled = others(&object(json!([entry("autoscaler", Some("scale"))])));
        assert_eq!(scaled, [".spec.replicas", ".spec.template.spec.containers[web].image"]);
        assert!(others(&object(json!([entry("helm", None), entry("controller", Some("status"))]))).is_empty());
    }
}
