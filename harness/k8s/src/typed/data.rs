//! What ConfigMaps and Secrets hold.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Object, decode};

/// The data of a ConfigMap or Secret. A recording holds a Secret's values as digests, which Kubernetes' own type does not take; a value
/// that is no text is refused by the API server, and is a key all the same.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Data {
    pub data: BTreeMap<String, Value>,
    pub string_data: BTreeMap<String, Value>,
    pub binary_data: BTreeMap<String, Value>,
    /// The type of a Secret.
    #[serde(rename = "type")]
    pub type_: String,
}

impl Object {
    pub fn data(&self) -> &Data {
        self.data.get_or_init(|| decode(&self.raw))
    }
}

impl Data {
    /// Every key that has a value, whatever part it stands in.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let parts = [&self.data, &self.string_data, &self.binary_data];
        parts.into_iter().flatten().filter(|(_, value)| !value.is_null()).map(|(key, _)| key.as_str())
    }

    pub fn has_key(&self, key: &str) -> bool {
        self.keys().any(|known| known == key)
    }

    /// Whether two hold the same.
    pub fn differs(&self, other: &Self) -> bool {
        let same_text = self.string_data == other.string_data;
        !(same_text && self.data == other.data && self.binary_data == other.binary_data)
    }

    /// The values that are texts, as they stand in a ConfigMap.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.data.iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
    }
}
