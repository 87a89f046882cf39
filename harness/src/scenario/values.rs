//! Values: merging them as Helm does, setting one by its path, and filling in templates.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use crate::random;
use crate::yaml::nearest;

/// Merges `above` into `below`, as Helm merges values: maps by key, everything else is replaced.
pub fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// Sets the value at a dotted path, making the maps on the way.
pub fn set_path(values: &mut Value, path: &str, value: Value) {
    let mut place = values;
    for key in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        // Indexing a JSON object by a missing key inserts it.
        place = &mut place[key];
    }
    *place = value;
}

/// Fills in every `{{name}}` in the strings of a value; `{{random.32}}` is a new text of 32 letters and digits each time.
///
/// # Errors
/// If a template names nothing that is known.
pub fn fill(value: &Value, known: &BTreeMap<String, String>) -> Result<Value> {
    Ok(match value {
        Value::String(text) => Value::String(fill_text(text, known)?),
        Value::Array(items) => Value::Array(items.iter().map(|item| fill(item, known)).collect::<Result<_>>()?),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, item)| Ok((key.clone(), fill(item, known)?))).collect::<Result<_>>()?)
        }
        other => other.clone(),
    })
}

fn fill_text(text: &str, known: &BTreeMap<String, String>) -> Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { bail!("`{text}` opens `{{{{` and never closes it") };
        let length = name.trim().strip_prefix("random.").and_then(|length| length.parse().ok());
        let Some(value) = length.map(random::text).or_else(|| known.get(name.trim()).cloned()) else {
            let possible = known.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let near = nearest(name.trim(), known.keys().map(String::as_str));
            let hint = near.map_or(String::new(), |near| format!("\nhint: did you mean `{{{{{near}}}}}`?"));
            bail!("`{text}` names the unknown template `{}`; known are {possible}{hint}", name.trim());
        };
        filled.push_str(before);
        filled.push_str(&value);
        rest = after;
    }
    Ok(filled + rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A failure would mean that a scenario's values replace a whole section of the chart's.
    #[test]
    fn maps_are_merged_and_the_rest_replaced() {
        let mut below = json!({"image": {"tag": "v1", "repository": "a"}, "list": [1, 2]});
        merge(&mut below, json!({"image": {"tag": "v2"}, "list": [3]}));
        assert_eq!(below, json!({"image": {"tag": "v2", "repository": "a"}, "list": [3]}));
    }

    /// A failure would mean that a mis-spelled template reaches a Secret as text.
    #[test]
    fn an_unknown_template_is_refused_with_what_is_known() {
        let known = BTreeMap::from([("postgres.url".to_owned(), "postgres://x".to_owned())]);
        assert_eq!(fill(&json!(["a {{postgres.url}} b"]), &known).unwrap(), json!(["a postgres://x b"]));
        let error = fill(&json!("{{postgres.ulr}}"), &known).unwrap_err().to_string();
        assert!(error.contains("did you mean `{{postgres.url}}`"), "{error}");
    }

    /// A failure would mean that generated Secrets can be guessed, or have the wrong length for a key.
    #[test]
    fn a_random_text_has_its_length_and_is_new_each_time() {
        let filled = fill(&json!(["{{random.32}}", "{{random.32}}"]), &BTreeMap::new()).unwrap();
        assert_eq!(filled[0].as_str().map(str::len), Some(32));
        assert_ne!(filled[0], filled[1]);
    }
}
