//! What a JSON Schema of this program says of a value: the words that `schemars` writes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Shape {
    pub description: Option<String>,
    examples: Vec<Value>,
    #[serde(rename = "type")]
    types: Types,
    #[serde(deserialize_with = "properties")]
    pub properties: Option<BTreeMap<String, Shape>>,
    pub required: Vec<String>,
    pub items: Option<Box<Shape>>,
    additional_properties: Value,
    #[serde(rename = "$ref")]
    reference: Option<String>,
    #[serde(rename = "const")]
    pub only: Option<Value>,
    #[serde(rename = "enum")]
    pub allowed: Option<Vec<Value>>,
    all_of: Vec<Shape>,
    any_of: Vec<Shape>,
    pub one_of: Option<Vec<Shape>>,
}

/// `true` and `false` are schemas, too: of anything, and of what must not be there.
fn properties<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<BTreeMap<String, Shape>>, D::Error> {
    let written = BTreeMap::<String, Value>::deserialize(reader)?.into_iter();
    let shape = |value: Value| if value.is_boolean() { Ok(Shape::default()) } else { Shape::deserialize(value) };
    let shapes = written.map(|(key, value)| Ok((key, shape(value).map_err(Error::custom)?)));
    shapes.collect::<Result<_, _>>().map(Some)
}

/// One type, or several; none: a value of any.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Types {
    One(String),
    Several(Vec<String>),
}

impl Default for Types {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Shape {
    pub(super) fn types(&self) -> &[String] {
        match &self.types {
            Types::One(one) => std::slice::from_ref(one),
            Types::Several(several) => several,
        }
    }

    /// The path of the definition that it stands for.
    pub(super) fn reference(&self) -> Option<&str> {
        self.reference.as_deref().or_else(|| self.all_of.first()?.reference.as_deref())
    }

    /// The alternatives.
    pub(super) fn forms(&self) -> impl Iterator<Item = &Self> {
        self.one_of.iter().flatten().chain(&self.any_of)
    }

    /// What the values of a map are whose keys have no names; `None`: anything, or there are no such keys.
    pub(super) fn values(&self) -> Option<Self> {
        Self::deserialize(&self.additional_properties).ok()
    }

    pub(super) fn is_nullable(&self) -> bool {
        let mut all = std::iter::once(self).chain(&self.any_of);
        all.any(|shape| shape.types().iter().any(|kind| kind == "null"))
    }

    /// The examples that are texts.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.examples.iter().filter_map(Value::as_str)
    }
}
