//! The variations of a chart's values: each boolean the other way, each other value of an enumeration, each optional map left out.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Exploration;

/// One value in another state than by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variation {
    path: Vec<String>,
    /// `null`: helm leaves the default out.
    value: Value,
}

impl Variation {
    /// In words, as it may be given to `--set`.
    pub fn label(&self) -> String {
        format!("{}={}", self.path.join("."), self.value.as_str().map_or_else(|| self.value.to_string(), str::to_owned))
    }

    /// The values that a user writes for it.
    pub fn values(&self) -> Value {
        self.path.iter().rev().fold(self.value.clone(), |inner, key| json!({key.as_str(): inner}))
    }
}

/// All variations, in the order of the values.
pub fn variations(values: &Value, schema: &Value) -> Vec<Variation> {
    let mut space = Space { root: schema, found: Vec::new() };
    space.map(values, schema, &[]);
    space.found
}

/// As many of them as are wanted: the same seed chooses the same.
pub fn chosen(all: Vec<Variation>, exploration: &Exploration) -> Vec<Variation> {
    if all.len() <= exploration.most {
        return all;
    }
    let rank = |variation: &Variation| Sha256::digest(format!("{} {}", exploration.seed, variation.label()));
    let mut ranked: Vec<_> = all.iter().enumerate().map(|(index, variation)| (rank(variation), index)).collect();
    ranked.sort();
    let mut indexes: Vec<usize> = ranked.into_iter().take(exploration.most).map(|(_, index)| index).collect();
    indexes.sort_unstable();
    indexes.into_iter().map(|index| all[index].clone()).collect()
}

struct Space<'a> {
    root: &'a Value,
    found: Vec<Variation>,
}

impl<'a> Space<'a> {
    fn map(&mut self, values: &Value, schema: &'a Value, path: &[String]) {
        let schema = self.resolved(schema);
        let described: Vec<&String> = schema["properties"].as_object().into_iter().flat_map(Map::keys).collect();
        let empty = Map::new();
        let own = values.as_object().unwrap_or(&empty);
        let beyond = described.iter().filter(|key| !own.contains_key(**key)).copied();
        for key in own.keys().chain(beyond) {
            let at = [path, std::slice::from_ref(key)].concat();
            let is_required =
                schema["required"].as_array().is_some_and(|required| required.iter().any(|name| name == key));
            let is_described = described.contains(&key);
            self.value(
                own.get(key).unwrap_or(&Value::Null),
                &schema["properties"][key],
                &at,
                is_described && !is_required,
            );
        }
    }

    fn value(&mut self, value: &Value, schema: &'a Value, path: &[String], is_optional: bool) {
        let schema = self.resolved(schema);
        let mut add = |value: Value| self.found.push(Variation { path: path.to_vec(), value });
        let allowed = schema["enum"].as_array().into_iter().flatten();
        allowed.filter(|other| *other != value && !other.is_null()).for_each(|other| add(other.clone()));
        match value {
            Value::Bool(is_set) if schema["enum"].is_null() && !stands_for_a_name(path) => add(json!(!is_set)),
            Value::Null if schema["type"] == "boolean" => add(json!(schema["default"] != true)),
            Value::Object(fields) => {
                // Without a schema, only what is empty is known to be optional: a user who comments all of it out leaves `null`.
                if is_optional || fields.is_empty() {
                    add(Value::Null);
                }
                self.map(value, schema, path);
            }
            _ => {}
        }
    }

    /// A schema with its reference followed.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        reference.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }
}

/// Whether a `false` stands there for the name of an object that the user has not given: `existingSecret: false`.
fn stands_for_a_name(path: &[String]) -> bool {
    path.last().is_some_and(|key| key.starts_with("existing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &Value, schema: &Value) -> Vec<String> {
        variations(values, schema).iter().map(Variation::label).collect()
    }

    /// A failure would mean that a switch of the values is never tried.
    #[test]
    fn each_switch_is_varied_alone() {
        let a = json!({"off": false, "name": "x", "existingSecret": false});
        let values = json!({"on": true, "a": a, "extra": {}, "list": [true]});
        assert_eq!(labels(&values, &Value::Null), ["a.off=true", "extra=null", "on=false"]);
        assert_eq!(variations(&values, &Value::Null)[0].values(), json!({"a": {"off": true}}));
    }

    /// A failure would mean that what the schema allows is never tried, or that what it requires is left out.
    #[test]
    fn the_schema_tells_enumerations_and_what_is_optional() {
        let properties = json!({
            "mode": {"$ref": "#/$defs/mode"}, "image": {"type": "object"}, "probe": {"type": "object"}, "debug": {"type": "boolean"},
        });
        let schema = json!({
            "$defs": {"mode": {"enum": ["one", "two", null]}}, "required": ["image"], "properties": properties,
        });
        let values = json!({"mode": "one", "image": {"tag": "1"}, "probe": {"path": "/"}});
        assert_eq!(labels(&values, &schema), ["mode=two", "probe=null", "debug=true"]);
    }

    /// A failure would mean that two runs look at different values, and a finding comes and goes.
    #[test]
    fn the_same_seed_chooses_the_same() {
        let values: Value = (0..50).map(|number| (format!("v{number}"), json!(true))).collect::<Map<_, _>>().into();
        let with = |seed| chosen(variations(&values, &Value::Null), &Exploration { most: 10, seed });
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
        assert_eq!(with(1).len(), 10);
    }
}
