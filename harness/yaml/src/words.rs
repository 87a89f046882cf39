//! What serde says, in words of the file's.

use super::Mistake;
use super::nearest;

/// A mistake in a person's words, for what serde says of a value: under the nearest key above it, as it is written.
pub(super) fn worded(message: &str, key: &str, written: &str) -> Mistake {
    if let Some(name) = message.strip_prefix("unknown variant `").and_then(|rest| rest.split('`').next()) {
        let known: Vec<&str> = message.split('`').skip(3).step_by(2).collect();
        return unknown(key.strip_suffix('s').unwrap_or(key), name, known);
    }
    let types = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, expected)) = types.and_then(|types| types.split_once(", expected ")) else {
        return Mistake::new(message);
    };
    match (found, expected) {
        ("unit variant", _) => {
            Mistake::new(&format!("`{written}` needs a value")).with_hint(format!("write `{{{written}: VALUE}}`"))
        }
        (_, "unit" | "unit variant") => Mistake::new(&format!("`{key}` takes no value")),
        _ => {
            let mistake = Mistake::new(&format!("expected {}, found {}", kind(expected), kind(found)));
            let is_scalar = ["integer", "floating", "boolean"].iter().any(|kind| found.starts_with(kind));
            if expected == "a string" && is_scalar {
                mistake.with_hint(format!("quote it: `\"{written}\"`"))
            } else {
                mistake
            }
        }
    }
}

/// serde's and Rust's words for types, in YAML's.
fn kind(serdes: &str) -> String {
    match serdes {
        "a string" => "a text".to_owned(),
        "a sequence" | "sequence" => "a list".to_owned(),
        "map" => "a map".to_owned(),
        "null" | "unit value" => "nothing".to_owned(),
        "map with a single key" => "one name, or a map with one key".to_owned(),
        "u8" => format!("a number from 0 to {}", u8::MAX),
        "u16" => format!("a number from 0 to {}", u16::MAX),
        "u32" | "u64" | "usize" => "a number that is not negative".to_owned(),
        other if other.starts_with("struct ") => "a map".to_owned(),
        other if other.starts_with("string \"") => {
            format!("the text `{}`", other.trim_start_matches("string \"").trim_end_matches('"'))
        }
        other => other.to_owned(),
    }
}

/// `known are …`
pub(super) fn listed<'a>(known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    if known.is_empty() { "there is none".to_owned() } else { format!("known are {}", known.join(", ")) }
}

/// The candidate that a person who typed `word` probably meant, as a hint.
pub(super) fn with_nearest<'a>(mistake: Mistake, word: &str, candidates: impl Iterator<Item = &'a str>) -> Mistake {
    match nearest(word, candidates) {
        Some(near) => mistake.with_hint(format!("did you mean `{near}`?")),
        None => mistake,
    }
}

/// A mistake for a name that is not among the known ones.
pub fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Mistake {
    let known: Vec<&str> = known.into_iter().collect();
    let mistake = Mistake::new(&format!("unknown {what} `{name}`")).with_note(listed(known.iter().copied()));
    with_nearest(mistake, name, known.into_iter())
}
