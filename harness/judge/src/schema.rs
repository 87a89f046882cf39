//! Schemas of objects: Kubernetes' own, which the command carries, and those of custom resource definitions.
//!
//! Only what the API server refuses, or drops in silence, is a mistake. Both kinds of schema are read as they are written: the former
//! come from Kubernetes' `OpenAPI` document (`harness/setup/embedded-schemas`), the latter from the definitions themselves.

mod custom;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::OnceLock;

use chartgate_k8s::typed::Object;
use flate2::read::GzDecoder;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde::Deserialize;
use serde_json::Value;

pub(super) use custom::Definitions;
pub(super) use walk::{Mistake, Wrong};

/// For each minor version of Kubernetes, its kinds and what they consist of.
const EMBEDDED: &[u8] = include_bytes!("../../schemas/kubernetes.json.gz");

/// The schemas of one minor version of Kubernetes.
#[derive(Debug, Deserialize)]
pub(super) struct Kubernetes {
    /// The name of the schema of each kind, by `GROUP/VERSION/KIND`, without a group `VERSION/KIND`.
    kinds: BTreeMap<String, String>,
    definitions: BTreeMap<String, JSONSchemaProps>,
}

/// What Kubernetes itself makes of a kind.
pub(super) enum Known<'a> {
    /// It is served, and looks so.
    Schema(&'a JSONSchemaProps),
    /// Its group is Kubernetes' own, but this kind or version of it is not served.
    NotServed,
    /// It is of another group: a custom resource, if it is anything.
    Foreign,
}

impl Kubernetes {
    /// The schemas for a version such as `1.34.4` or `v1.34.4+k3s1`; `None`: none are embedded for it.
    pub(super) fn of(version: &str) -> Option<&'static Self> {
        static ALL: OnceLock<BTreeMap<String, Kubernetes>> = OnceLock::new();
        let all = ALL.get_or_init(|| {
            let mut text = String::new();
            // Ours, and a test reads it: it always decodes.
            let read = GzDecoder::new(EMBEDDED).read_to_string(&mut text);
            read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default()
        });
        let mut numbers = version.trim_start_matches('v').split('.');
        all.get(&format!("{}.{}", numbers.next()?, numbers.next()?))
    }

    /// Its groups, versions and kinds, each once: `apps/v1`, `apps/v1/Deployment`.
    pub(super) fn served(&self) -> Vec<String> {
        let versions =
            self.kinds.keys().filter_map(|kind| kind.rsplit_once('/').map(|(version, _)| version.to_owned()));
        versions.chain(self.kinds.keys().cloned()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What it knows of an object's kind.
    pub(super) fn kind_of(&self, object: &Object) -> Known<'_> {
        let (version, kind) = (object.api_version(), object.kind());
        if let Some(name) = self.kinds.get(&format!("{version}/{kind}")) {
            return self.definitions.get(name).map_or(Known::Foreign, Known::Schema);
        }
        let group = |known: &str| {
            known.split_once('/').map_or("", |(group, rest)| if rest.contains('/') { group } else { "" }).to_owned()
        };
        let own = version.split_once('/').map_or("", |(group, _)| group);
        if self.kinds.keys().any(|known| group(known) == own) { Known::NotServed } else { Known::Foreign }
    }

    /// What is wrong with an object of a kind that it serves.
    pub(super) fn mistakes(&self, schema: &JSONSchemaProps, object: &Value) -> Vec<Mistake> {
        // The API server leaves a `status` out where it is not asked for one.
        walk::mistakes(schema, object, &["status"], &|name| self.definitions.get(name))
    }
}

#[cfg(test)]
mod tests;
