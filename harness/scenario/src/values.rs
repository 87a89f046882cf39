//! Values: merging them as Helm does, setting one by its path, and filling in templates.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use chartgate_base::random;
use chartgate_process::home;
use chartgate_yaml::nearest;
use serde_json::{Map, Value};

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
    fill_and_tell(value, known, &mut |_| {})
}

/// The same, and tells each new text before anyone can use it: it may be a secret.
///
/// # Errors
/// As [`fill`].
pub fn fill_and_tell(value: &Value, known: &BTreeMap<String, String>, tell: &mut dyn FnMut(&str)) -> Result<Value> {
    Ok(match value {
        Value::String(text) => Value::String(fill_text(text, known, tell)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| fill_and_tell(item, known, tell)).collect::<Result<_>>()?)
        }
        Value::Object(map) => {
            let filled = map.iter().map(|(key, item)| Ok((key.clone(), fill_and_tell(item, known, tell)?)));
            Value::Object(filled.collect::<Result<_>>()?)
        }
        other => other.clone(),
    })
}

/// The names of the templates in a text.
///
/// # Errors
/// What is wrong, if one is never closed.
pub(super) fn names_in(text: &str) -> Result<Vec<&str>, String> {
    text.split("{{")
        .skip(1)
        .map(|after| match after.split_once("}}") {
            Some((name, _)) => Ok(name.trim()),
            None => Err(format!("`{text}` opens `{{{{` and never closes it")),
        })
        .collect()
}

fn fill_text(text: &str, known: &BTreeMap<String, String>, tell: &mut dyn FnMut(&str)) -> Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { bail!("`{text}` opens `{{{{` and never closes it") };
        let length = name.trim().strip_prefix("random.").and_then(|length| length.parse().ok());
        let new = length.map(random::text).inspect(|text| tell(text));
        let Some(value) = new.or_else(|| known.get(name.trim()).cloned()) else {
            let possible = known.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let near = nearest(name.trim(), known.keys().map(String::as_str));
            let image = name.trim().strip_prefix("image.").map(home::variable_of);
            let hint = match (near, image) {
                (Some(near), _) => format!("\nhint: did you mean `{{{{{near}}}}}`?"),
                (None, Some(variable)) => {
                    format!("\nhint: `make setup` in a checkout makes some images, and `{variable}` names one")
                }
                (None, None) => String::new(),
            };
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
    use chartgate_model::values::merge;
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

    /// A failure would mean that a generated secret can be read in the evidence of a step that applies it.
    #[test]
    fn what_is_generated_is_told() {
        let mut told = Vec::new();
        let template = json!({"a": "x-{{random.8}}", "b": "{{url}}"});
        let known = BTreeMap::from([("url".to_owned(), "http://a".to_owned())]);
        let filled = fill_and_tell(&template, &known, &mut |text| told.push(text.to_owned())).unwrap();
        assert_eq!(filled, json!({"a": format!("x-{}", told[0]), "b": "http://a"}));
        assert_eq!(told.len(), 1);
    }
}
