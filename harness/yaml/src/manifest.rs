//! A manifest as helm prints it, read as helm reads it: YAML 1.1's scalars, merge keys, and the last of two equal keys.
//!
//! Helm reads with `sigs.k8s.io/yaml`, which turns YAML 1.1 into JSON. Beside the objects stands what their text alone shows: the template
//! that made each, and the keys that a mapping has twice.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Value};

/// What helm writes before what a template made.
const SOURCE: &str = "# Source: ";
/// Deeper than any object, and no danger for the stack.
const DEEPEST: usize = 200;

/// An object, and what its text shows beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Printed {
    /// The object.
    pub object: Value,
    /// The file of the chart that it came from, for example `app/templates/deployment.yaml`.
    pub source: Option<String>,
    /// Keys that a mapping of it has twice.
    pub repeated: Vec<RepeatedKey>,
}

/// A key that a mapping has twice; helm keeps the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedKey {
    /// Where it is, for example `spec.template.spec.restartPolicy`.
    pub path: String,
    /// Whether both have the same value.
    pub is_same: bool,
}

/// Reads a manifest: its non-empty documents.
///
/// # Errors
/// If it is no YAML.
pub fn printed(manifest: &str) -> Result<Vec<Printed>> {
    let mut all = Vec::new();
    let mut definitions: Option<String> = None;
    for document in documents(manifest) {
        let named = document.lines().find_map(|line| line.strip_prefix(SOURCE)).map(|source| source.trim().to_owned());
        // Helm names a template above each of its documents, but a file of `crds/` once, and the file may begin with a `---` of its own.
        if named.is_some() {
            definitions = named.clone().filter(|source| is_of_crds(source));
        }
        let source = named.or_else(|| definitions.clone());
        // Helm's reader is of libyaml's kind; what both refuse is broken.
        let read = read(document)
            .or_else(|error| serde_yaml::from_str(document).map(|object| (object, Vec::new())).map_err(|_| error));
        let (object, repeated) = read.with_context(|| match &source {
            Some(template) => format!("parse what `{template}` renders"),
            None => "parse a manifest".to_owned(),
        })?;
        if !object.is_null() {
            all.push(Printed { object, source, repeated });
        }
    }
    Ok(all)
}

/// Whether a file of a chart, as helm names it, is one of `crds/`.
pub fn is_of_crds(file: &str) -> bool {
    file.contains("/crds/")
}

/// The documents of a manifest: what stands between lines that begin with `---`.
fn documents(manifest: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in manifest.split_inclusive('\n') {
        let is_mark =
            line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if is_mark {
            documents.push(&manifest[start..at]);
            start = at + "---".len();
        }
        at += line.len();
    }
    documents.push(&manifest[start..]);
    documents
}

/// Reads a document. Within brackets helm does not mind how far left a line begins; our parser does, so that such a line is indented.
fn read(document: &str) -> Result<(Value, Vec<RepeatedKey>)> {
    let mut text = document.to_owned();
    let mut indented = 0;
    loop {
        let parser = Parser::new_from_str(&text);
        let mut reader = Reader { parser, outdented: None, anchors: HashMap::new(), repeated: Vec::new() };
        let error = match reader.document() {
            Ok(object) => return Ok((object, reader.repeated)),
            Err(error) => error,
        };
        let Some(line) = reader.outdented.filter(|line| *line > indented) else { return Err(error) };
        let lines = text.split_inclusive('\n').enumerate();
        let spaces = |index| if index + 1 == line { " ".repeat(DEEPEST) } else { String::new() };
        text = lines.map(|(index, text)| spaces(index) + text).collect();
        indented = line;
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The line that begins further left than the parser allows.
    outdented: Option<usize>,
    anchors: HashMap<usize, Value>,
    repeated: Vec<RepeatedKey>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Value> {
        let mut root = Value::Null;
        loop {
            match self.next()? {
                Event::StreamEnd => return Ok(root),
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                event => root = self.node(event, &mut Vec::new())?,
            }
        }
    }

    fn next(&mut self) -> Result<Event<'a>> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => {
                let (line, why) = (error.marker().line(), error.info());
                self.outdented = why.starts_with("invalid indentation").then_some(line);
                bail!("line {line}: {why}")
            }
            None => Ok(Event::StreamEnd),
        }
    }

    fn node(&mut self, event: Event<'a>, path: &mut Vec<String>) -> Result<Value> {
        if path.len() > DEEPEST {
            bail!("`{}` is nested too deeply", path.join("."));
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                (anchor, if is_text { Value::String(text.into_owned()) } else { plain(&text) })
            }
            Event::SequenceStart(anchor, _) => (anchor, self.list(path)?),
            Event::MappingStart(anchor, _) => (anchor, self.map(path)?),
            Event::Alias(anchor) => (0, self.anchors.get(&anchor).cloned().unwrap_or_default()),
            other => bail!("a value is missing at `{}`: {other:?}", path.join(".")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn list(&mut self, path: &mut Vec<String>) -> Result<Value> {
        let mut items = Vec::new();
        loop {
            let event = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(items));
            }
            path.push(items.len().to_string());
            items.push(self.node(event, path)?);
            path.pop();
        }
    }

    fn map(&mut self, path: &mut Vec<String>) -> Result<Value> {
        let mut entries = Map::new();
        let mut merged = Map::new();
        loop {
            let event = self.next()?;
            if event == Event::MappingEnd {
                // What is written out wins over what is merged in.
                merged.into_iter().for_each(|(key, value)| _ = entries.entry(key).or_insert(value));
                return Ok(Value::Object(entries));
            }
            let is_plain = matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..));
            let key = self.key(event, path)?;
            path.push(key.clone());
            let event = self.next()?;
            let value = self.node(event, path)?;
            if is_plain && key == "<<" {
                merge(&mut merged, value);
            } else if let Some(first) = entries.get(&key) {
                let is_same = *first == value;
                self.repeated.push(RepeatedKey { path: path.join("."), is_same });
                entries.insert(key, value);
            } else {
                entries.insert(key, value);
            }
            path.pop();
        }
    }

    /// A key; JSON has texts alone.
    fn key(&mut self, event: Event<'a>, path: &mut Vec<String>) -> Result<String> {
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => Ok(match plain(&text) {
                Value::Bool(is_true) => is_true.to_string(),
                _ => text.into_owned(),
            }),
            Event::Scalar(text, ..) => Ok(text.into_owned()),
            other => match self.node(other, path)? {
                Value::String(text) => Ok(text),
                other => bail!("`{other}` is no key, at `{}`", path.join(".")),
            },
        }
    }
}

/// Takes over the keys of a mapping, or of a list of them, of which the first wins.
fn merge(into: &mut Map<String, Value>, value: Value) {
    match value {
        Value::Object(map) => map.into_iter().for_each(|(key, value)| _ = into.entry(key).or_insert(value)),
        Value::Array(list) => list.into_iter().for_each(|item| merge(into, item)),
        _ => {}
    }
}

/// What YAML 1.1 makes of a plain scalar.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => return true.into(),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => return false.into(),
        _ => {}
    }
    number(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A number as YAML 1.1 has it: with `_`, octal with a leading 0, binary and hexadecimal; what overflows is a fraction.
fn number(text: &str) -> Option<Value> {
    let first = text.bytes().next().filter(|first| first.is_ascii_digit() || b"+-.".contains(first))?;
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let based = [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8)];
    let base = based.iter().find(|(prefix, _)| digits.len() > prefix.len() && digits.starts_with(prefix));
    if let Some((prefix, base)) = base {
        if let Ok(value) = i64::from_str_radix(&format!("{sign}{}", &digits[prefix.len()..]), *base) {
            return Some(value.into());
        }
    } else if let Ok(value) = format!("{sign}{digits}").parse::<i64>() {
        return Some(value.into());
    } else if let Ok(value) = digits.parse::<u64>()
        && sign.is_empty()
    {
        return Some(value.into());
    }
    // Words such as `inf` are numbers to Rust, and `1.2.3` is none to anybody.
    let is_fraction = digits.bytes().all(|c| c.is_ascii_digit() || b".eE+-".contains(&c))
        && digits.bytes().any(|c| c.is_ascii_digit());
    let value = plain.parse::<f64>().ok().filter(|_| is_fraction && (first != b'.' || digits.len() > 1))?;
    serde_json::Number::from_f64(value).map(Value::Number)
}

#[cfg(test)]
mod tests;
