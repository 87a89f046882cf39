//! The only user of `serde_yaml`: files of ours with their mistakes located, and manifests as helm prints them.

pub mod manifest;
mod mend;
mod mistake;
mod source;
mod tree;
mod words;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

pub use mistake::{Mistake, Mistakes};
pub use source::{Source, Spot, unknown};

/// A scenario, a contract or an argument is wrong: the caller exits with 2, and nothing has run.
#[derive(Debug)]
pub struct Invalid(pub String);

impl std::fmt::Display for Invalid {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// What YAML 1.1 makes of a plain scalar that YAML 1.2 reads differently (helm reads values with sigs.k8s.io/yaml).
fn helms_reading(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if ["y", "n", "yes", "no", "on", "off"].contains(&lower.as_str()) {
        return Some("a boolean");
    }
    let digits = text.trim_start_matches(['-', '+']);
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit());
    let only = |allowed: &str| digits.chars().all(|c| allowed.contains(c));
    let is_octal = digits.len() > 1 && digits.starts_with('0') && only("01234567_");
    let is_grouped = digits.contains('_') && only("0123456789_.");
    (is_number && (is_octal || is_grouped || digits.starts_with("0b"))).then_some("a number")
}

/// The candidate that a person who typed `word` probably meant.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.map(|known| (strsim::damerau_levenshtein(word, known), known));
    scored.filter(|(distance, known)| *distance <= known.len().max(word.len()).div_ceil(3)).min().map(|best| best.1)
}

/// The objects of a manifest: its non-empty documents, `List`s opened. As in helm, the last of two equal keys counts.
pub fn objects(manifest: &str) -> Result<Vec<Value>> {
    let is_merging = manifest.contains("<<:");
    let mut objects = Vec::new();
    for document in serde_yaml::Deserializer::from_str(manifest) {
        let mut object = Value::deserialize(document).context("parse a manifest")?;
        if is_merging {
            merge_keys(&mut object);
        }
        match object {
            Value::Null => {}
            list if is_list(&list) => objects.extend(list["items"].as_array().cloned().unwrap_or_default()),
            object => objects.push(object),
        }
    }
    Ok(objects)
}

/// Whether an object stands for others: a `List`, or that of one kind, such as a `RoleBindingList`.
fn is_list(object: &Value) -> bool {
    object["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && object["items"].is_array()
}

/// Resolves merge keys (`<<: *anchor`, `<<: [*one, *other]`), as helm does it: YAML 1.2 knows them no more.
fn merge_keys(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let merged = match map.remove("<<") {
                Some(Value::Array(maps)) => maps,
                Some(one @ Value::Object(_)) => vec![one],
                // It is a key like another.
                Some(other) => {
                    map.insert("<<".to_owned(), other);
                    Vec::new()
                }
                None => Vec::new(),
            };
            // What is there already wins, and the first of several.
            for (key, value) in merged.into_iter().filter_map(|one| one.as_object().cloned()).flatten() {
                map.entry(key).or_insert(value);
            }
            map.values_mut().for_each(merge_keys);
        }
        Value::Array(items) => items.iter_mut().for_each(merge_keys),
        _ => {}
    }
}

/// Reads `Chart.yaml`, values files and other YAML that is not ours: unknown keys are no mistakes there.
pub fn value(text: &str) -> Result<Value> {
    Ok(serde_yaml::from_str(text)?)
}

/// An object as YAML, for people.
pub fn text(object: &Value) -> String {
    serde_yaml::to_string(object).unwrap_or_else(|_| object.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that labels which a chart writes once and refers to are not seen, or a key that looks like a number.
    #[test]
    fn a_manifest_with_anchors_means_what_it_means_to_helm() {
        let text = "spec: {selector: &own {app: a}}\nlabels: {<<: *own, 8080: b}\n---\nkind: Service\n";
        let objects = objects(text).unwrap();
        assert_eq!(objects[0]["labels"], serde_json::json!({"app": "a", "8080": "b"}));
        assert_eq!(objects[1]["kind"], "Service");
    }

    /// A failure would mean that a chart is refused which helm installs, because a key is there twice or a script holds `<<:`.
    #[test]
    fn the_last_of_two_equal_keys_counts() {
        let text = "data:\n  script: \"cat <<: x\"\n  a: '1'\n  a: '2'\n";
        let expected = serde_json::json!({"script": "cat <<: x", "a": "2"});
        assert_eq!(objects(text).unwrap()[0]["data"], expected);
        let text = "one: &one {a: 1}\nother: &other {a: 2, b: 3}\nall: {<<: [*one, *other], c: 4}\n";
        assert_eq!(objects(text).unwrap()[0]["all"], serde_json::json!({"a": 1, "b": 3, "c": 4}));
    }

    /// A failure would mean that a chart's empty templates count as objects.
    #[test]
    fn empty_documents_are_no_objects() {
        let manifest = "---\n# only a comment\n---\nkind: Service\n---\nkind: RoleList\nitems: [{kind: Role}]\n---\nkind: List\nitems: [{kind: Pod}]\n";
        let kinds: Vec<_> = objects(manifest).unwrap().iter().map(|object| object["kind"].clone()).collect();
        assert_eq!(kinds, ["Service", "Role", "Pod"]);
    }
}
