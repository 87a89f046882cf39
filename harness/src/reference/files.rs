//! The reference of the files that people write, from their schemas: what an editor shows beside a key is what the book says of it.

use std::fmt::Write;

use serde_json::Value;

use crate::schema::File;

/// What the types cannot say of scenarios.
const SCENARIO: &str = include_str!("scenario.md");
/// What the types cannot say of contracts.
const CONTRACT: &str = include_str!("contract.md");

/// What stands in a scenario file.
pub fn scenario() -> String {
    page("Scenario files", "scenario", File::Scenario, SCENARIO)
}

/// What stands in a contract file.
pub fn contract() -> String {
    page("Contract files", "contract", File::Contract, CONTRACT)
}

fn page(title: &str, name: &str, file: File, more: &str) -> String {
    let schema = file.schema().to_value();
    let source = format!("the comments in harness/scenario/src/, or harness/src/reference/{name}.md,");
    let mut out = super::heading(title, name, &source);
    // Writing to a String cannot fail.
    section(&mut out, &schema).unwrap_or_default();
    let mut known = Vec::new();
    collect(&schema, &schema["definitions"], &mut known);
    for name in known {
        writeln!(out, "## {}\n", heading(&name)).unwrap_or_default();
        section(&mut out, &schema["definitions"][&name]).unwrap_or_default();
    }
    out + more
}

/// Names of definitions, in the order in which a reader meets them.
fn collect(schema: &Value, definitions: &Value, known: &mut Vec<String>) {
    let mut met = Vec::new();
    references(schema, &mut met);
    for name in met {
        if !known.contains(&name) {
            known.push(name.clone());
            collect(&definitions[&name], definitions, known);
        }
    }
}

fn references(value: &Value, met: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            met.extend(map.get("$ref").and_then(Value::as_str).and_then(last).map(str::to_owned));
            map.iter().filter(|(key, _)| *key != "definitions").for_each(|(_, value)| references(value, met));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, met)),
        _ => {}
    }
}

/// `RunHook` as `run hook`.
fn heading(name: &str) -> String {
    let mut words = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            words.push(' ');
        }
        if index == 0 { words.push(letter) } else { words.extend(letter.to_lowercase()) }
    }
    words
}

/// What a type means, and the table of its keys or forms.
fn section(out: &mut String, schema: &Value) -> std::fmt::Result {
    if let Some(text) = schema["description"].as_str() {
        writeln!(out, "{text}\n")?;
    }
    if let Some(properties) = schema["properties"].as_object() {
        writeln!(out, "| key | value | meaning |\n| --- | --- | --- |")?;
        let required: Vec<&str> = items(&schema["required"]).filter_map(Value::as_str).collect();
        let is_required = |key: &String| required.contains(&key.as_str());
        let (first, others): (Vec<_>, Vec<_>) = properties.iter().partition(|(key, _)| is_required(key));
        for (key, value) in first.into_iter().chain(others) {
            let must = if is_required(key) { ", required" } else { "" };
            let meaning = value["description"].as_str().unwrap_or_default();
            writeln!(out, "| `{key}` | {}{must} | {} |", cell(&kind(value)), cell(meaning))?;
        }
        return writeln!(out);
    }
    let forms: Vec<&Value> = forms(schema).collect();
    if forms.is_empty() {
        let examples: Vec<String> = items(&schema["examples"]).filter_map(Value::as_str).map(code).collect();
        return writeln!(out, "Written as {}.\n", examples.join(", "));
    }
    writeln!(out, "| value | meaning |\n| --- | --- |")?;
    for form in forms {
        let meaning = form["description"].as_str().unwrap_or_default();
        writeln!(out, "| {} | {} |", cell(&kind(form)), cell(meaning))?;
    }
    writeln!(out)
}

/// What a value is, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().or(schema["allOf"][0]["$ref"].as_str()).and_then(last) {
        let heading = heading(name);
        return format!("[{}](#{})", heading.to_lowercase(), anchor(&heading));
    }
    if let Some(one) = schema["const"].as_str() {
        return code(one);
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().filter_map(Value::as_str).map(code).collect::<Vec<_>>().join(", ");
    }
    if let (Some((key, value)), true) = (only_entry(&schema["properties"]), schema["oneOf"].is_null()) {
        return format!("`{key}:` {}", kind(value));
    }
    let forms: Vec<String> = forms(schema).filter(|form| form["type"] != "null").map(kind).collect();
    if !forms.is_empty() {
        return forms.join(" or ");
    }
    let types: Vec<&str> = items(&schema["type"]).chain([&schema["type"]]).filter_map(Value::as_str).collect();
    match types.into_iter().find(|kind| *kind != "null") {
        Some("array") => format!("list of {}", kind(&schema["items"])),
        Some("object") if schema["properties"].is_object() => inline_map(schema),
        Some("object") => match &schema["additionalProperties"] {
            inner @ Value::Object(_) => {
                let none = if is_nullable(inner) { ", or `null`" } else { "" };
                format!("map of names to {}{none}", kind(inner))
            }
            _ => "map".to_owned(),
        },
        Some("string") => pattern_start(schema).unwrap_or("text".to_owned()),
        Some("integer") => "number".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        other => other.unwrap_or("any").to_owned(),
    }
}

fn inline_map(schema: &Value) -> String {
    let entries = schema["properties"].as_object().into_iter().flatten();
    let entries: Vec<String> = entries.map(|(key, value)| format!("`{key}:` {}", kind(value))).collect();
    format!("map of {}", entries.join(" and "))
}

/// What a text with a pattern begins with, where that says it all.
fn pattern_start(schema: &Value) -> Option<String> {
    items(&schema["examples"]).find_map(Value::as_str).map(|example| format!("text such as `{example}`"))
}

fn is_nullable(schema: &Value) -> bool {
    items(&schema["type"]).chain(items(&schema["anyOf"]).map(|form| &form["type"])).any(|kind| kind == "null")
}

/// The alternatives of a type.
fn forms(schema: &Value) -> impl Iterator<Item = &Value> {
    items(&schema["oneOf"]).chain(items(&schema["anyOf"]))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn only_entry(map: &Value) -> Option<(&String, &Value)> {
    map.as_object().filter(|map| map.len() == 1)?.iter().next()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A bar would end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace("\n\n", "<br>").replace('\n', " ")
}

fn last(reference: &str) -> Option<&str> {
    reference.rsplit('/').next()
}

/// As mdBook and GitHub name a heading.
fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}
