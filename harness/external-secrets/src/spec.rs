//! What an `ExternalSecret` asks for. A field that stands in no struct here is refused, and so is a value that changes what is made.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::jiff::SignedDuration;
use serde::Deserialize;

/// `spec` of an `ExternalSecret`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalSecretSpec {
    /// The store that is asked.
    pub secret_store_ref: StoreRef,
    /// The Secret that is made.
    #[serde(default)]
    pub target: Target,
    /// When the store is asked again.
    #[serde(default)]
    pub refresh_policy: RefreshPolicy,
    /// How long after the last time, as Go writes durations.
    #[serde(default = "hour")]
    pub refresh_interval: String,
    /// One key of the Secret each.
    #[serde(default)]
    pub data: Vec<Data>,
    /// Many keys of the Secret each; `data` wins over them.
    #[serde(default)]
    pub data_from: Vec<DataFrom>,
}

/// A store by kind and name.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoreRef {
    /// Its name.
    pub name: String,
    /// In which namespace it is: the `ExternalSecret`'s, or none.
    #[serde(default)]
    pub kind: StoreKind,
}

/// The kind of a store.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum StoreKind {
    /// In the `ExternalSecret`'s namespace.
    #[default]
    SecretStore,
    /// For all namespaces.
    ClusterSecretStore,
}

/// The Secret that is made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Its name; the `ExternalSecret`'s by default.
    pub name: Option<String>,
    /// Whose it is.
    #[serde(default)]
    pub creation_policy: CreationPolicy,
    /// What becomes of it when the store has nothing for it any more.
    #[serde(default, rename = "deletionPolicy")]
    _deletion: DeletionPolicy,
    /// It never changes.
    #[serde(default)]
    pub immutable: bool,
}

/// Whose a Secret is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum CreationPolicy {
    /// The `ExternalSecret`'s: it goes with it.
    #[default]
    Owner,
    /// Nobody's: it stays.
    Orphan,
    /// Somebody else's, who made it: only its keys are set.
    Merge,
    /// None is made.
    None,
}

/// What becomes of a Secret when the store has nothing for it any more.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum DeletionPolicy {
    /// It stays as it is, and the `ExternalSecret` says that it failed.
    #[default]
    Retain,
}

/// When the store is asked again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum RefreshPolicy {
    /// After each interval, and when the `ExternalSecret` changes.
    #[default]
    Periodic,
    /// When the `ExternalSecret` changes.
    OnChange,
    /// Never, once it was answered.
    CreatedOnce,
}

/// A key of the Secret, and where its value is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Data {
    /// The key.
    pub secret_key: String,
    /// Where its value is.
    pub remote_ref: RemoteRef,
}

/// Keys of the Secret, and where they are.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataFrom {
    /// A JSON object in the store: its keys become the Secret's.
    pub extract: RemoteRef,
}

/// A value in a store.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoteRef {
    /// Its name.
    pub key: String,
    /// Its version; by default the one that has none.
    #[serde(default)]
    pub version: String,
    #[serde(default, rename = "conversionStrategy")]
    _conversion: Conversion,
    #[serde(default, rename = "decodingStrategy")]
    _decoding: Plain,
    #[serde(default, rename = "metadataPolicy")]
    _metadata: Plain,
    #[serde(default, rename = "nullBytePolicy")]
    _null_bytes: NullBytes,
}

/// The definitions' defaults, which the API server fills in: they change nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum Conversion {
    #[default]
    Default,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum Plain {
    #[default]
    None,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum NullBytes {
    #[default]
    Ignore,
}

impl ExternalSecretSpec {
    /// The time between two looks; `None`: there is no second one.
    ///
    /// # Errors
    /// If it is no duration.
    pub fn interval(&self) -> Result<Option<Duration>> {
        if self.refresh_policy != RefreshPolicy::Periodic {
            return Ok(None);
        }
        let text = self.refresh_interval.as_str();
        // Go takes a zero without a unit.
        let parsed = if text == "0" { Ok(SignedDuration::ZERO) } else { text.parse::<SignedDuration>() };
        let parsed = parsed.with_context(|| format!("read the refreshInterval `{text}`"))?;
        Ok(Duration::try_from(parsed).ok().filter(|interval| !interval.is_zero()))
    }
}

fn hour() -> String {
    "1h".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(changes: &Value) -> Result<ExternalSecretSpec> {
        // As the API server returns it, with what the definition fills in.
        let remote = json!({"key": "prod/key", "conversionStrategy": "Default", "decodingStrategy": "None",
            "metadataPolicy": "None", "nullBytePolicy": "Ignore"});
        let mut spec = json!({
            "secretStoreRef": {"name": "platform-secrets", "kind": "ClusterSecretStore"},
            "refreshInterval": "1h0m0s",
            "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain", "name": "starter-api"},
            "data": [{"secretKey": "KEY", "remoteRef": remote}],
        });
        for (key, value) in changes.as_object().into_iter().flatten() {
            spec[key.as_str()] = value.clone();
        }
        Ok(serde_json::from_value(spec)?)
    }

    /// A failure would mean that an object as users write it is refused.
    #[test]
    fn what_the_definition_fills_in_is_taken() {
        let spec = read(&json!({})).unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(spec.interval().ok().flatten(), Some(Duration::from_secs(3600)));
    }

    /// A failure would mean that a Secret lacks what the operator would put into it, and nobody is told.
    #[test]
    fn what_is_not_known_is_refused_by_name() {
        let template = json!({"target": {"template": {"data": {}}}});
        let find = json!({"dataFrom": [{"find": {"name": {"regexp": "x"}}}]});
        let decoded = json!({"data": [{"secretKey": "K", "remoteRef": {"key": "k", "decodingStrategy": "Base64"}}]});
        let deleted = json!({"target": {"deletionPolicy": "Delete"}});
        for (changes, named) in [(template, "template"), (find, "find"), (decoded, "Base64"), (deleted, "Delete")] {
            let refusal = read(&changes).map_or_else(|error| error.to_string(), |_| String::new());
            assert!(refusal.contains(named), "`{named}` is not in: {refusal}");
        }
    }

    /// A failure would mean that a rotated value is awaited which never comes, or that the store is asked without end.
    #[test]
    fn a_store_is_asked_again_after_the_interval_only() {
        let interval = |changes: Value| read(&changes).and_then(|spec| spec.interval());
        let of = |text: &str| interval(json!({"refreshInterval": text}));
        assert_eq!(of("90s").ok(), Some(Some(Duration::from_secs(90))));
        assert_eq!(of("1m30s").ok(), Some(Some(Duration::from_secs(90))));
        assert_eq!((of("0").ok(), of("0s").ok()), (Some(None), Some(None)));
        assert!(of("soon").is_err());
        assert_eq!(interval(json!({"refreshPolicy": "OnChange"})).ok(), Some(None));
    }
}
