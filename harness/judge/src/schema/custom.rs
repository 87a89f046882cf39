//! The schemas of custom resource definitions.

use serde_json::Value;

use super::walk::{self, Mistake};
use chartgate_k8s::object::items;

/// The definitions that are known, and with them the schemas of custom resources.
pub(crate) struct Definitions<'a>(Vec<&'a Value>);

/// What no definition describes: the fields of every object, and what a controller writes.
const OF_EVERY_OBJECT: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

impl<'a> Definitions<'a> {
    /// Those among objects.
    pub(crate) fn of(objects: impl IntoIterator<Item = &'a Value>) -> Self {
        Self(objects.into_iter().filter(|object| object["kind"] == "CustomResourceDefinition").collect())
    }

    /// That of a kind.
    pub(crate) fn of_kind(&self, group: &str, kind: &str) -> Option<&'a Value> {
        let is_it = |spec: &Value| spec["group"] == group && spec["names"]["kind"] == kind;
        self.0.iter().copied().find(|definition| is_it(&definition["spec"]))
    }

    /// What is wrong with a custom resource; `None`: no definition of its kind and version is known.
    pub(crate) fn mistakes(&self, object: &Value) -> Option<Vec<Mistake>> {
        let (group, version) = object["apiVersion"].as_str()?.split_once('/')?;
        let definition = self.of_kind(group, object["kind"].as_str()?)?;
        let version = items(&definition["spec"]["versions"]).find(|known| known["name"] == version)?;
        let schema = &version["schema"]["openAPIV3Schema"];
        if !schema.is_object() || definition["spec"]["preserveUnknownFields"] == true {
            return Some(Vec::new());
        }
        Some(walk::mistakes(schema, object, &OF_EVERY_OBJECT, &|_| None))
    }
}
