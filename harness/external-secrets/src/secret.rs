//! An `ExternalSecret`'s Secret: whether it is as it should be, and how it should be.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::api::api_version;
use crate::condition;
use crate::spec::{CreationPolicy, ExternalSecretSpec, RefreshPolicy};

/// Label of every Secret that an operator looks after.
pub const MANAGED: &str = "reconcile.external-secrets.io/managed";
/// Label of the Secrets that go with their `ExternalSecret`.
const CREATED_BY: &str = "reconcile.external-secrets.io/created-by";
/// Annotation by which a Secret is known that somebody else changed.
const DATA_HASH: &str = "reconcile.external-secrets.io/data-hash";

/// The name of an `ExternalSecret`'s Secret.
pub fn name_of(object: &DynamicObject, spec: &ExternalSecretSpec) -> String {
    spec.target.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| object.name_any())
}

/// The owner of the fields that an `ExternalSecret` sets.
pub fn manager(object: &DynamicObject) -> String {
    format!("externalsecrets.external-secrets.io/{}", object.name_any())
}

/// Tells one state of an `ExternalSecret` from another: its status does not count.
pub fn version_of(object: &DynamicObject) -> String {
    let described = json!([object.metadata.labels, object.metadata.annotations]).to_string();
    format!("{}-{}", object.metadata.generation.unwrap_or_default(), hash([described.as_bytes()].into_iter()))
}

/// How long until the store is to be asked again: at once for what was never asked, or is another since; `None`: not before a change.
pub fn due_in(object: &DynamicObject, spec: &ExternalSecretSpec, now: Timestamp) -> Result<Option<Duration>> {
    let status = condition::status(object);
    let asked = status.refresh_time.parse::<Timestamp>().ok();
    let Some(asked) = asked.filter(|asked| *asked <= now) else { return Ok(Some(Duration::ZERO)) };
    let is_other = status.synced_resource_version != version_of(object);
    if is_other && spec.refresh_policy != RefreshPolicy::CreatedOnce {
        return Ok(Some(Duration::ZERO));
    }
    let since = Duration::try_from(now.duration_since(asked)).unwrap_or_default();
    Ok(spec.interval()?.map(|interval| interval.saturating_sub(since)))
}

/// Whether the Secret is there, and as it was made.
pub fn is_as_made(secret: Option<&Secret>, spec: &ExternalSecretSpec) -> bool {
    if matches!(spec.target.creation_policy, CreationPolicy::Orphan | CreationPolicy::None) {
        return true;
    }
    secret.is_some_and(|secret| {
        secret.labels().contains_key(MANAGED)
            && secret.annotations().get(DATA_HASH) == Some(&hash_of(secret.data.as_ref().unwrap_or(&BTreeMap::new())))
    })
}

/// The Secret as it is to be applied.
///
/// # Errors
/// If it is somebody else's.
pub fn desired(
    object: &DynamicObject,
    spec: &ExternalSecretSpec,
    data: &BTreeMap<String, String>,
    existing: Option<&Secret>,
) -> Result<Secret> {
    let is_owner = spec.target.creation_policy == CreationPolicy::Owner;
    let owners = existing.map(ResourceExt::owner_references).unwrap_or_default();
    if let Some(owner) = owners.iter().find(|owner| owner.controller == Some(true)) {
        let is_ours = owner.kind == "ExternalSecret" && owner.name == object.name_any();
        if !is_ours && (is_owner || owner.kind == "ExternalSecret") {
            bail!("target is owned by another: {}/{}", owner.kind.to_lowercase(), owner.name);
        }
    }
    // Without a template, what describes the ExternalSecret describes its Secret, too.
    let mut labels = object.labels().clone();
    let mut annotations = object.annotations().clone();
    labels.insert(MANAGED.to_owned(), "true".to_owned());
    if is_owner {
        let title = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        labels.insert(CREATED_BY.to_owned(), hash([title.as_bytes()].into_iter()));
    }
    let own = data.iter().map(|(key, value)| (key.clone(), ByteString(value.clone().into_bytes())));
    let own: BTreeMap<String, ByteString> = own.collect();
    let mut whole = existing.filter(|_| !is_owner).and_then(|secret| secret.data.clone()).unwrap_or_default();
    whole.extend(own.clone());
    annotations.insert(DATA_HASH.to_owned(), hash_of(&whole));
    let metadata = ObjectMeta {
        name: Some(name_of(object, spec)),
        namespace: object.namespace(),
        labels: Some(labels),
        annotations: Some(annotations),
        owner_references: is_owner.then(|| vec![owned_by(object)]),
        ..ObjectMeta::default()
    };
    Ok(Secret { metadata, data: Some(own), immutable: spec.target.immutable.then_some(true), ..Secret::default() })
}

fn owned_by(object: &DynamicObject) -> OwnerReference {
    OwnerReference {
        api_version: api_version(),
        kind: "ExternalSecret".to_owned(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

fn hash_of(data: &BTreeMap<String, ByteString>) -> String {
    hash(data.iter().flat_map(|(key, value)| [key.as_bytes(), value.0.as_slice()]))
}

/// Hexadecimal digits that differ where the parts do; few enough for a label.
fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().iter().take(16).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests;
