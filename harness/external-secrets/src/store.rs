//! Stores of the provider `fake`: what is in them, and whether they are valid.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use kube::Api;
use kube::api::DynamicObject;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api;
use crate::condition;
use crate::controller::Context as Operator;
use crate::spec::{ExternalSecretSpec, RemoteRef, StoreKind};

/// `spec` of a store.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoreSpec {
    provider: Provider,
    /// How often the store itself is looked at; it is watched here.
    #[serde(default, rename = "refreshInterval")]
    _refresh_interval: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    fake: Fake,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fake {
    data: Vec<Entry>,
}

/// A value, by name and version.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    value: String,
    #[serde(default)]
    version: String,
}

/// What a store holds.
#[derive(Clone, Debug)]
pub struct Store(Vec<Entry>);

impl Store {
    /// Reads a store.
    ///
    /// # Errors
    /// If it is of another provider, or has what is not known here.
    pub fn read(object: &DynamicObject) -> Result<Self> {
        let spec: StoreSpec = serde_json::from_value(object.data["spec"].clone()).context("read the store")?;
        Ok(Self(spec.provider.fake.data))
    }

    /// Finds the store that an `ExternalSecret` names.
    ///
    /// # Errors
    /// If there is none, or it is not ready.
    pub async fn of(spec: &ExternalSecretSpec, ns: &str, operator: &Operator) -> Result<Self> {
        let reference = &spec.secret_store_ref;
        let resource = api::resource(&format!("{:?}", reference.kind));
        let stores: Api<DynamicObject> = match reference.kind {
            StoreKind::SecretStore => Api::namespaced_with(operator.client.clone(), ns, &resource),
            StoreKind::ClusterSecretStore => Api::all_with(operator.client.clone(), &resource),
        };
        let title = format!("{:?} `{}`", reference.kind, reference.name);
        let found = stores.get_opt(&reference.name).await.with_context(|| format!("get {title}"))?;
        let store = found.with_context(|| format!("there is no {title}"))?;
        if !condition::is_ready(&store) {
            bail!("{title} is not ready");
        }
        Self::read(&store)
    }

    /// The data of a Secret: `dataFrom` first, then `data`.
    ///
    /// # Errors
    /// If the store lacks something, or it is no JSON object where one is needed.
    pub fn data(&self, spec: &ExternalSecretSpec) -> Result<BTreeMap<String, String>> {
        let mut data = BTreeMap::new();
        for from in &spec.data_from {
            let text = self.value(&from.extract)?;
            let map: Map<String, Value> =
                serde_json::from_str(text).with_context(|| format!("read the keys of `{}`", from.extract.key))?;
            // What is no text stays JSON.
            let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            data.extend(map.into_iter().map(|(key, value)| (key, text(value))));
        }
        for item in &spec.data {
            data.insert(item.secret_key.clone(), self.value(&item.remote_ref)?.to_owned());
        }
        Ok(data)
    }

    fn value(&self, reference: &RemoteRef) -> Result<&str> {
        let found = self.0.iter().rev().find(|it| it.key == reference.key && it.version == reference.version);
        let version =
            if reference.version.is_empty() { String::new() } else { format!(" of version `{}`", reference.version) };
        found.map(|it| it.value.as_str()).with_context(|| format!("the store has no `{}`{version}", reference.key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::api_version;

    fn store(spec: &Value) -> Result<Store> {
        let object =
            json!({"apiVersion": api_version(), "kind": "SecretStore", "metadata": {"name": "x"}, "spec": spec});
        Store::read(&serde_json::from_value(object)?)
    }

    fn filled() -> Store {
        let data = json!([
            {"key": "prod/url", "value": "postgres://old"},
            {"key": "prod/url", "value": "postgres://next", "version": "2"},
            {"key": "prod/all", "value": "{\"A\": \"1\", \"B\": 2}"},
        ]);
        store(&json!({"provider": {"fake": {"data": data}}})).unwrap_or_else(|error| panic!("{error:#}"))
    }

    fn data(spec: &Value) -> Result<BTreeMap<String, String>> {
        let mut spec = spec.clone();
        spec["secretStoreRef"] = json!({"name": "x"});
        filled().data(&serde_json::from_value(spec)?)
    }

    /// A failure would mean that pods get another value than the store's.
    #[test]
    fn each_key_gets_its_value_and_its_version() {
        let one = |key: &str, remote: Value| json!({"secretKey": key, "remoteRef": remote});
        let next = json!({"key": "prod/url", "version": "2"});
        let spec = json!({"data": [one("URL", json!({"key": "prod/url"})), one("NEXT", next)]});
        let expected = [("URL", "postgres://old"), ("NEXT", "postgres://next")];
        assert_eq!(data(&spec).ok(), Some(expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into()));
    }

    /// A failure would mean that a chart which takes a whole object from the store gets none of its keys, or the wrong one.
    #[test]
    fn an_object_gives_all_its_keys_and_single_ones_win() {
        let spec = json!({
            "dataFrom": [{"extract": {"key": "prod/all"}}],
            "data": [{"secretKey": "A", "remoteRef": {"key": "prod/url"}}],
        });
        let expected = [("A", "postgres://old"), ("B", "2")];
        assert_eq!(data(&spec).ok(), Some(expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into()));
    }

    /// A failure would mean that a mis-spelled name makes an empty Secret, and the pods say something else.
    #[test]
    fn what_the_store_lacks_is_named() {
        for (remote, named) in [
            (json!({"key": "prod/ulr"}), "no `prod/ulr`"),
            (json!({"key": "prod/url", "version": "3"}), "no `prod/url` of version `3`"),
        ] {
            let spec = json!({"data": [{"secretKey": "URL", "remoteRef": remote}]});
            let refusal = data(&spec).map_or_else(|error| format!("{error:#}"), |_| String::new());
            assert!(refusal.contains(named), "`{named}` is not in: {refusal}");
        }
        let extract = data(&json!({"dataFrom": [{"extract": {"key": "prod/url"}}]}));
        assert!(extract.is_err_and(|error| error.to_string().contains("the keys of `prod/url`")));
    }

    /// A failure would mean that a store of another provider seems to be there and holds nothing.
    #[test]
    fn a_store_of_another_provider_is_refused() {
        let refusal = store(&json!({"provider": {"vault": {"server": "x"}}}));
        assert!(refusal.is_err_and(|error| format!("{error:#}").contains("vault")));
        let limited = json!({"provider": {"fake": {"data": []}}, "conditions": [{"namespaces": ["a"]}]});
        assert!(store(&limited).is_err_and(|error| format!("{error:#}").contains("conditions")));
    }
}
