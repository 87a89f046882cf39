//! The only user of `serde_yaml`: the files that people write for chartgate, with their mistakes located, and manifests as helm prints them.

pub mod manifest;
mod recover;
mod mistake;
mod source;
mod templates;
mod tree;
mod words;

use anyhow::Result;
use serde_json::Value;

pub use mistake::{Mistake, Mistakes};
pub use source::{Source, Spot};
pub use templates::Manifest;
pub use words::unknown;

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

/// The objects of a manifest: its non-empty documents, `List`s opened.
///
/// # Errors
/// If a document is not YAML.
pub fn objects(manifest: &str) -> Result<Vec<Value>> {
    Ok(Manifest::read(manifest)?.objects)
}

/// Reads `Chart.yaml`, values files and other YAML that is not ours: unknown keys are no mistakes there.
pub fn value(text: &str) -> Result<Value> {
    // A byte order mark is no part of it, as helm sees it, too.
    Ok(serde_yaml::from_str(text.trim_start_matches('\u{feff}'))?)
}

/// An object as YAML, for people.
pub fn text(object: &Value) -> String {
    serde_yaml::to_string(object).unwrap_or_else(|_| object.to_string())
}
