//! An object against its schema: what the API server refuses or drops.

use std::collections::BTreeMap;

use chartgate_k8s::typed::OrEmpty;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

use chartgate_yaml::nearest;

/// Something that does not fit a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Where, as kubectl writes it: `spec.containers[0].image`.
    pub(crate) path: String,
    /// What is wrong there.
    pub(crate) what: Wrong,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// No such field exists; the nearest one that does.
    Unknown(Option<String>),
    /// A field that must be there is not.
    Missing,
    /// Its value is of another type, or not one of those that are allowed.
    Value {
        /// What is allowed.
        expected: String,
        /// What is there.
        seen: String,
    },
}

/// Finds the schema that a reference names.
type Find<'a> = dyn Fn(&str) -> Option<&'a JSONSchemaProps> + 'a;

/// Everything of an object that does not fit its schema, but for some fields of the object itself.
pub(super) fn mistakes<'a>(schema: &'a JSONSchemaProps, object: &Value, but: &[&str], find: &Find<'a>) -> Vec<Mistake> {
    let mut walk = Walk { find, mistakes: Vec::new() };
    walk.properties(schema, object, "", but);
    walk.mistakes
}

struct Walk<'a, 'f> {
    find: &'f Find<'a>,
    mistakes: Vec<Mistake>,
}

impl<'a> Walk<'a, '_> {
    fn value(&mut self, schema: &'a JSONSchemaProps, value: &Value, path: &str) {
        // The API server takes what is null for absent.
        if value.is_null() {
            return;
        }
        if let Some(name) = &schema.ref_path {
            if let Some(referred) = (self.find)(name) {
                self.value(referred, value, path);
            }
            return;
        }
        if !fits(schema, value) {
            return self.wrong(path, expected(schema), value);
        }
        match (value, &schema.items) {
            (Value::Object(_), _) => self.properties(schema, value, path, &[]),
            (Value::Array(items), Some(JSONSchemaPropsOrArray::Schema(schema))) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(schema, item, &format!("{path}[{index}]"));
                }
            }
            _ => self.limits(schema, value, path),
        }
    }

    fn properties(&mut self, schema: &'a JSONSchemaProps, value: &Value, path: &str, but: &[&str]) {
        let Some(fields) = value.as_object() else { return };
        let known = |name: &str| schema.properties.as_ref()?.get(name);
        let required = schema.required.iter().flatten().map(String::as_str);
        for name in required.filter(|name| fields.get(*name).is_none_or(Value::is_null) && !but.contains(name)) {
            // What has a default is filled in.
            if known(name).is_none_or(|schema| schema.default.is_none()) {
                self.mistakes.push(Mistake { path: join(path, name), what: Wrong::Missing });
            }
        }
        let names = || schema.properties.iter().flat_map(BTreeMap::keys);
        let is_open = names().next().is_none()
            || schema.x_kubernetes_preserve_unknown_fields == Some(true)
            || schema.x_kubernetes_embedded_resource == Some(true);
        for (name, field) in fields.iter().filter(|(name, _)| !but.contains(&name.as_str())) {
            let at = join(path, name);
            if let Some(schema) = known(name) {
                self.value(schema, field, &at);
                continue;
            }
            match &schema.additional_properties {
                Some(JSONSchemaPropsOrBool::Schema(schema)) => self.value(schema, field, &at),
                Some(JSONSchemaPropsOrBool::Bool(true)) => {}
                _ if is_open => {}
                _ => {
                    let near = nearest(name, names().map(String::as_str)).map(str::to_owned);
                    self.mistakes.push(Mistake { path: at, what: Wrong::Unknown(near) });
                }
            }
        }
    }

    /// What else a value of the right type must hold to.
    fn limits(&mut self, schema: &JSONSchemaProps, value: &Value, path: &str) {
        if let Some(allowed) = &schema.enum_
            && !allowed.iter().any(|JSON(allowed)| allowed == value)
        {
            let all: Vec<String> = allowed.iter().map(|JSON(allowed)| shown(allowed)).collect();
            return self.wrong(path, format!("one of {}", all.join(", ")), value);
        }
        let Some(number) = value.as_f64() else { return };
        if schema.format.as_deref() == Some("int32") && number.abs() > f64::from(i32::MAX) {
            return self.wrong(path, "an integer of 32 bits".to_owned(), value);
        }
        if let Some(least) = schema.minimum.filter(|least| number < *least) {
            return self.wrong(path, format!("at least {least}"), value);
        }
        if let Some(most) = schema.maximum.filter(|most| number > *most) {
            self.wrong(path, format!("at most {most}"), value);
        }
    }

    fn wrong(&mut self, path: &str, expected: String, value: &Value) {
        self.mistakes.push(Mistake { path: path.to_owned(), what: Wrong::Value { expected, seen: seen(value) } });
    }
}

/// Whether a value is of a schema's type.
fn fits(schema: &JSONSchemaProps, value: &Value) -> bool {
    if schema.x_kubernetes_int_or_string == Some(true) {
        return value.is_string() || is_integer(value);
    }
    match schema.type_.as_deref() {
        Some("string") => value.is_string(),
        Some("integer") => is_integer(value),
        Some("number") => value.is_number(),
        Some("quantity") => value.is_number() || value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    }
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// A schema's type, in words.
fn expected(schema: &JSONSchemaProps) -> String {
    if schema.x_kubernetes_int_or_string == Some(true) {
        return "an integer or a string".to_owned();
    }
    match schema.type_.or_empty() {
        "integer" => "an integer".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "a map".to_owned(),
        "quantity" => "a quantity".to_owned(),
        other => format!("a {other}"),
    }
}

/// A value with its type, in words.
fn seen(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => format!("the boolean {value}"),
        Value::Number(_) => format!("the number {value}"),
        Value::String(text) if text.is_empty() => "an empty string".to_owned(),
        Value::String(_) => format!("the string {}", shown(value)),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(fields) => format!("a map of {}", fields.len()),
    }
}

/// A value as it may be shown: a long one may be a whole file.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), |text| format!("`{text}`"));
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…`", &text[..end]),
        None => text,
    }
}

fn join(path: &str, name: &str) -> String {
    match (path.is_empty(), name.contains(['.', '/'])) {
        (true, _) => name.to_owned(),
        (false, false) => format!("{path}.{name}"),
        (false, true) => format!("{path}[{name}]"),
    }
}
