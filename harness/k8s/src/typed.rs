//! An object as it was given, and beside it in Kubernetes' own types.
//!
//! The types are those of one version of Kubernetes, and know no newer field: what compares objects, or is strict about them, reads the
//! raw value. What reads one field reads the types, so that the compiler knows it.

mod data;
mod decode;
mod event;
mod hook;
mod pod;
pub mod rbac;
mod service;
mod spec;
mod webhook;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use k8s_openapi::Resource;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::object;

pub use data::Data;
pub use decode::decode;
pub use event::Said;
pub use pod::{Reference, ReferredFrom, is_running};
pub use service::{is_ready, written};
pub use spec::{Common, Condition, PodTemplate, is_sidecar};
pub use webhook::{Webhook, webhooks};

/// Groups of the API that Kubernetes serves itself; every other group is that of a custom resource.
const BUILT_IN: [&str; 22] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// A Kubernetes object: its raw value, and its parts in Kubernetes' types, each decoded when it is first asked for, and kept.
///
/// A value of a wrong type is left out of the typed parts (see [`decode`]), so that one of them hides no other: that it is wrong is for
/// what checks objects against Kubernetes' schemas to say.
#[derive(Default)]
pub struct Object {
    raw: Arc<Value>,
    metadata: OnceLock<ObjectMeta>,
    common: OnceLock<Common>,
    data: OnceLock<Data>,
    typed: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Object {
    /// The object that is not there: JSON `null`.
    pub fn none() -> &'static Self {
        static NONE: LazyLock<Object> = LazyLock::new(Object::default);
        &NONE
    }

    /// Whether it is the object that is not there.
    pub fn is_none(&self) -> bool {
        self.raw.is_null()
    }

    /// As it was given.
    pub fn raw(&self) -> &Value {
        &self.raw
    }

    /// The raw value of its `spec`, for what compares it or walks over it.
    pub fn raw_spec(&self) -> &Value {
        self.raw.get("spec").unwrap_or(&Value::Null)
    }

    /// In the type of its kind; `None`: it is of another kind. Versions are not told apart, nor are the groups that Kubernetes serves
    /// itself, since a kind moved from one to another. Each kind has one type in this program.
    pub fn typed<K: Kind>(&self) -> Option<&K> {
        if self.is::<K>() { self.custom() } else { None }
    }

    /// In a type of this program, for the kinds of custom resources, which the caller has told apart. `None`: it was read in another one before.
    pub fn custom<T: DeserializeOwned + Default + Any + Send + Sync>(&self) -> Option<&T> {
        let decoded: &(dyn Any + Send + Sync) = &**self.typed.get_or_init(|| Box::new(decode::<T>(&self.raw)));
        decoded.downcast_ref()
    }

    /// Whether it is of a kind; other groups than Kubernetes' own have a `Service` and an `Ingress`, too.
    pub fn is<K: Resource>(&self) -> bool {
        self.kind() == K::KIND && (self.group() == K::GROUP || !(self.is_custom() || is_custom_group(K::GROUP)))
    }

    /// What objects of most kinds have at the same place, custom resources among them.
    pub fn common(&self) -> &Common {
        self.common.get_or_init(|| decode(&self.raw))
    }

    pub fn metadata(&self) -> &ObjectMeta {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct WithMetadata {
            metadata: ObjectMeta,
        }
        self.metadata.get_or_init(|| decode::<WithMetadata>(&self.raw).metadata)
    }

    /// Empty where it has none, as are the name and the uid.
    pub fn kind(&self) -> &str {
        object::kind(&self.raw)
    }

    /// Group and version.
    pub fn api_version(&self) -> &str {
        object::api_version(&self.raw)
    }

    /// The group of its `apiVersion`; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// Whether Kubernetes does not know its kind without a definition.
    pub fn is_custom(&self) -> bool {
        is_custom_group(self.group())
    }

    pub fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// The namespace that it names.
    pub fn namespace(&self) -> Option<&str> {
        self.metadata().namespace.as_deref().filter(|namespace| !namespace.is_empty())
    }

    pub fn uid(&self) -> &str {
        self.metadata().uid.as_deref().unwrap_or_default()
    }

    pub fn labels(&self) -> &BTreeMap<String, String> {
        labels_of(self.metadata())
    }

    pub fn annotations(&self) -> &BTreeMap<String, String> {
        self.metadata().annotations.as_ref().unwrap_or(NO_LABELS)
    }

    /// A text of its annotations; empty where it has none of that name.
    pub fn annotation(&self, key: &str) -> &str {
        self.annotations().get(key).map_or("", String::as_str)
    }

    pub fn owners(&self) -> impl Iterator<Item = &OwnerReference> {
        self.metadata().owner_references.iter().flatten()
    }

    /// `deployment/x`, as kubectl takes it.
    pub fn slashed(&self) -> String {
        object::slashed(self.kind(), self.name())
    }

    /// Whether two objects have one kind and one name.
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.name() == other.name()
    }
}

/// A type of Kubernetes for the objects of a kind.
pub trait Kind: Resource + DeserializeOwned + Default + Any + Send + Sync {}

impl<K: Resource + DeserializeOwned + Default + Any + Send + Sync> Kind for K {}

/// A text that may be missing, which is then empty: most fields of Kubernetes' types are such.
pub trait OrEmpty {
    fn or_empty(&self) -> &str;
}

impl OrEmpty for Option<String> {
    fn or_empty(&self) -> &str {
        self.as_deref().unwrap_or_default()
    }
}

static NO_LABELS: &BTreeMap<String, String> = &BTreeMap::new();

/// Labels; none where there are none.
pub fn labels_of(metadata: &ObjectMeta) -> &BTreeMap<String, String> {
    metadata.labels.as_ref().unwrap_or(NO_LABELS)
}

fn is_custom_group(group: &str) -> bool {
    !BUILT_IN.contains(&group)
}

impl From<Arc<Value>> for Object {
    fn from(raw: Arc<Value>) -> Self {
        Self { raw, ..Self::default() }
    }
}

impl From<Value> for Object {
    fn from(raw: Value) -> Self {
        Arc::new(raw).into()
    }
}

impl serde::Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw.serialize(serializer)
    }
}

impl Clone for Object {
    fn clone(&self) -> Self {
        Arc::clone(&self.raw).into()
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.raw.fmt(out)
    }
}

/// The raw values decide.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

#[cfg(test)]
mod tests;
