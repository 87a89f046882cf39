//! The reference of the files that people write, from their schemas: what an editor shows beside a key is what the book says of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

use super::shape::Shape;
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
    let definitions = &schema["definitions"];
    collect(&schema, definitions, &mut known);
    for name in known {
        writeln!(out, "## {}\n", heading(&name)).unwrap_or_default();
        section(&mut out, &definitions[&name]).unwrap_or_default();
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
    // Each schema of this program is one: a test compares what comes of it.
    let schema = Shape::deserialize(schema).unwrap_or_default();
    if let Some(text) = &schema.description {
        writeln!(out, "{text}\n")?;
    }
    if let Some(properties) = &schema.properties {
        writeln!(out, "| key | value | meaning |\n| --- | --- | --- |")?;
        let (first, others): (Vec<_>, Vec<_>) = properties.iter().partition(|(key, _)| schema.required.contains(key));
        for (key, value) in first.into_iter().chain(others) {
            let must = if schema.required.contains(key) { ", required" } else { "" };
            let meaning = value.description.as_deref().unwrap_or_default();
            writeln!(out, "| `{key}` | {}{must} | {} |", cell(&kind(value)), cell(meaning))?;
        }
        return writeln!(out);
    }
    let forms: Vec<&Shape> = schema.forms().collect();
    if forms.is_empty() {
        let examples: Vec<String> = schema.texts().map(code).collect();
        return writeln!(out, "Written as {}.\n", examples.join(", "));
    }
    writeln!(out, "| value | meaning |\n| --- | --- |")?;
    for form in forms {
        let meaning = form.description.as_deref().unwrap_or_default();
        writeln!(out, "| {} | {} |", cell(&kind(form)), cell(meaning))?;
    }
    writeln!(out)
}

/// What a value is, in a few words.
fn kind(schema: &Shape) -> String {
    if let Some(name) = schema.reference().and_then(last) {
        let heading = heading(name);
        return format!("[{}](#{})", heading.to_lowercase(), anchor(&heading));
    }
    if let Some(one) = schema.only.as_ref().and_then(Value::as_str) {
        return code(one);
    }
    if let Some(values) = &schema.allowed {
        return values.iter().filter_map(Value::as_str).map(code).collect::<Vec<_>>().join(", ");
    }
    if let (Some((key, value)), None) = (only_entry(schema), &schema.one_of) {
        return format!("`{key}:` {}", kind(value));
    }
    let is_null = |form: &&Shape| form.types() == ["null"];
    let forms: Vec<String> = schema.forms().filter(|form| !is_null(form)).map(kind).collect();
    if !forms.is_empty() {
        return forms.join(" or ");
    }
    match schema.types().iter().map(String::as_str).find(|kind| *kind != "null") {
        Some("array") => format!("list of {}", schema.items.as_deref().map_or("any".to_owned(), kind)),
        Some("object") => match (&schema.properties, schema.values()) {
            (Some(properties), _) => inline_map(properties),
            (None, Some(values)) => {
                let none = if values.is_nullable() { ", or `null`" } else { "" };
                format!("map of names to {}{none}", kind(&values))
            }
            (None, None) => "map".to_owned(),
        },
        // What a text with a pattern begins with says it all.
        Some("string") => {
            schema.texts().next().map_or("text".to_owned(), |example| format!("text such as `{example}`"))
        }
        Some("integer") => "number".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        other => other.unwrap_or("any").to_owned(),
    }
}

fn inline_map(properties: &BTreeMap<String, Shape>) -> String {
    let entries: Vec<String> = properties.iter().map(|(key, value)| format!("`{key}:` {}", kind(value))).collect();
    format!("map of {}", entries.join(" and "))
}

fn only_entry(schema: &Shape) -> Option<(&String, &Shape)> {
    schema.properties.as_ref().filter(|properties| properties.len() == 1)?.first_key_value()
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
