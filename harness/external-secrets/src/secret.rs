//! An `ExternalSecret`'s Secret: whether it is as it should be, and how it should be.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::controller::api_version;
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
    let status = &object.data["status"];
    let asked = status["refreshTime"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let Some(asked) = asked.filter(|asked| *asked <= now) else { return Ok(Some(Duration::ZERO)) };
    let is_other = status["syncedResourceVersion"] != version_of(object);
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
        secret.labels().contains_key(MANAGED) && secret.annotations().get(DATA_HASH) == Some(&hash_of(secret))
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
            bail!("target is owned by another: {} `{}`", owner.kind, owner.name);
        }
    }
    // Without a template, what describes the ExternalSecret describes its Secret, too.
    let mut labels = object.labels().clone();
    let mut annotations = object.annotations().clone();
    labels.insert(MANAGED.to_owned(), "true".to_owned());
    let mut secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name_of(object, spec), "namespace": object.namespace()},
        "stringData": data,
    });
    if spec.target.immutable {
        secret["immutable"] = json!(true);
    }
    if is_owner {
        let title = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        labels.insert(CREATED_BY.to_owned(), hash([title.as_bytes()].into_iter()));
        secret["metadata"]["ownerReferences"] = owned_by(object);
    }
    let mut secret: Secret = serde_json::from_value(secret)?;
    // `stringData` is never read back: the hash is of what will be.
    let own = std::mem::take(&mut secret.string_data).unwrap_or_default();
    let own = own.into_iter().map(|(key, value)| (key, k8s_openapi::ByteString(value.into_bytes())));
    secret.data = Some(own.collect());
    let mut whole = existing.filter(|_| !is_owner).and_then(|secret| secret.data.clone()).unwrap_or_default();
    whole.extend(secret.data.clone().unwrap_or_default());
    annotations.insert(DATA_HASH.to_owned(), hash_of(&Secret { data: Some(whole), ..Secret::default() }));
    secret.metadata.labels = Some(labels);
    secret.metadata.annotations = Some(annotations);
    Ok(secret)
}

fn owned_by(object: &DynamicObject) -> Value {
    json!([{
        "apiVersion": api_version(),
        "kind": "ExternalSecret",
        "name": object.name_any(),
        "uid": object.uid(),
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

fn hash_of(secret: &Secret) -> String {
    let data = secret.data.iter().flatten();
    hash(data.flat_map(|(key, value)| [key.as_bytes(), value.0.as_slice()]))
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
