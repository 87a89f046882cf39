//! The only user of `serde_yaml`: files of ours with their mistakes located, and manifests as helm prints them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A scenario, a contract or an argument is wrong: the caller exits with 2, and nothing has run.
#[derive(Debug)]
pub struct Invalid(pub String);

impl std::fmt::Display for Invalid {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

/// A file that a person wrote, kept so that a mistake can be shown where it stands.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it was read from.
    pub path: PathBuf,
    text: String,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Invalid`] if it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Invalid(format!("cannot read `{}`: {error}", path.display())))?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// Parses the file.
    ///
    /// # Errors
    /// [`Invalid`] with the line, and for a mis-spelled key with what was probably meant.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        self.refuse_ambiguous()?;
        serde_yaml::from_str(&self.text).map_err(|error| {
            let message = error.to_string();
            let position = error.location().map_or(String::new(), |at| format!(":{}:{}", at.line(), at.column()));
            let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
            Invalid(format!("{}{position}: {message}{}", self.path.display(), suggestion(&message))).into()
        })
    }

    /// Helm reads YAML 1.1, we read 1.2: a plain scalar that means one thing here and another there is refused.
    fn refuse_ambiguous(&self) -> Result<()> {
        for event in Parser::new_from_str(&self.text) {
            // What does not parse is reported by the real reader, which knows what was expected.
            let Ok((event, span)) = event else { return Ok(()) };
            let Event::Scalar(text, ScalarStyle::Plain, _, None) = event else { continue };
            if let Some(helms) = helms_reading(&text) {
                let (path, line, column) = (self.path.display(), span.start.line(), span.start.col() + 1);
                let message = format!("{path}:{line}:{column}: `{text}` is a text here and {helms} to helm");
                return Err(Invalid(format!("{message}\nhint: write `\"{text}\"`, or what you mean")).into());
            }
        }
        Ok(())
    }

    /// An [`Invalid`] that points at the first line that holds `word` as a whole word.
    pub fn error(&self, word: &str, message: &str) -> anyhow::Error {
        let is_part = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let line = self.text.lines().position(|line| line.split(|c| !is_part(c)).any(|part| part == word));
        let position = line.map_or(String::new(), |index| format!(":{}", index + 1));
        Invalid(format!("{}{position}: {message}", self.path.display())).into()
    }
}

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

/// ` did you mean …?` for serde's "unknown field `x`, expected one of `a`, `b`".
fn suggestion(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (quoted.next(), message.contains("unknown ")) else { return String::new() };
    nearest(unknown, quoted).map_or(String::new(), |known| format!("\nhint: did you mean `{known}`?"))
}

/// The candidate that a person who typed `word` probably meant.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.map(|known| (strsim::damerau_levenshtein(word, known), known));
    scored.filter(|(distance, known)| *distance <= known.len().max(word.len()).div_ceil(3)).min().map(|best| best.1)
}

/// The objects of a manifest: its non-empty documents, `List`s opened.
pub fn objects(manifest: &str) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for document in serde_yaml::Deserializer::from_str(manifest) {
        match Value::deserialize(document).context("parse a manifest")? {
            Value::Null => {}
            list if list["kind"] == "List" => objects.extend(list["items"].as_array().cloned().unwrap_or_default()),
            object => objects.push(object),
        }
    }
    Ok(objects)
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

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[expect(dead_code, reason = "parsed only to be refused")]
        release: String,
    }

    fn source(text: &str) -> Source {
        Source { path: "scenario.yaml".into(), text: text.into() }
    }

    /// A failure would mean that a mis-spelled key is ignored, or refused without a place to look.
    #[test]
    fn a_misspelled_key_is_refused_with_its_line_and_a_suggestion() {
        let error = source("# a comment\nrelaese: x\n").parse::<File>().unwrap_err().to_string();
        assert!(error.starts_with("scenario.yaml:2:1: unknown field `relaese`"), "{error}");
        assert!(error.ends_with("hint: did you mean `release`?"), "{error}");
    }

    /// A failure would mean that a chart is tested with other values than the ones in the file.
    #[test]
    fn a_scalar_that_helm_reads_differently_is_refused() {
        for (text, means) in [("yes", "a boolean"), ("Off", "a boolean"), ("010", "a number"), ("1_000", "a number")] {
            let error = source(&format!("release:\n  {text}\n")).parse::<File>().unwrap_err().to_string();
            assert!(error.starts_with("scenario.yaml:2:3: ") && error.contains(means), "{error}");
        }
        for text in ["\"yes\"", "'010'", "v1.2", "0.5", "nope", "2026-11-21"] {
            source(&format!("release: {text}\n")).refuse_ambiguous().unwrap();
        }
    }

    /// A failure would mean that a name that stands inside another one is pointed at.
    #[test]
    fn an_error_points_at_the_whole_word() {
        let error = source("workers: 1\nworker: 2\n").error("worker", "no such role").to_string();
        assert_eq!(error, "scenario.yaml:2: no such role");
    }

    /// A failure would mean that a chart's empty templates count as objects.
    #[test]
    fn empty_documents_are_no_objects() {
        let manifest = "---\n# only a comment\n---\nkind: Service\n---\nkind: List\nitems: [{kind: Pod}]\n";
        let kinds: Vec<_> = objects(manifest).unwrap().iter().map(|object| object["kind"].clone()).collect();
        assert_eq!(kinds, ["Service", "Pod"]);
    }
}
