//! The schemas of custom resource definitions.

use chartgate_k8s::typed::Object;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::walk::{self, Mistake};

/// The definitions that are known, and with them the schemas of custom resources.
pub(crate) struct Definitions<'a>(Vec<(&'a Object, &'a CustomResourceDefinition)>);

/// What no definition describes: the fields of every object, and what a controller writes.
const OF_EVERY_OBJECT: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

impl<'a> Definitions<'a> {
    /// Those among objects.
    pub(crate) fn of(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        Self(objects.into_iter().filter_map(|object| Some((object, object.typed()?))).collect())
    }

    /// That of a kind.
    pub(crate) fn of_kind(&self, group: &str, kind: &str) -> Option<(&'a Object, &'a CustomResourceDefinition)> {
        self.0.iter().copied().find(|(_, it)| it.spec.group == group && it.spec.names.kind == kind)
    }

    /// What is wrong with a custom resource; `None`: no definition of its kind and version is known.
    pub(crate) fn mistakes(&self, object: &Object) -> Option<Vec<Mistake>> {
        let (group, version) = object.api_version().split_once('/')?;
        let (_, definition) = self.of_kind(group, object.kind())?;
        let version = definition.spec.versions.iter().find(|known| known.name == version)?;
        let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
        let is_open = definition.spec.preserve_unknown_fields == Some(true);
        Some(
            schema
                .filter(|_| !is_open)
                .map_or_else(Vec::new, |schema| walk::mistakes(schema, object.raw(), &OF_EVERY_OBJECT, &|_| None)),
        )
    }
}
