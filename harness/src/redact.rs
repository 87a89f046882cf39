//! Keeps secret values out of everything that is written or shown, however they are encoded there.
//!
//! A secret is found as it is, and where something escaped it (JSON, URLs, HTML), encoded it (base64 of every alphabet and padding,
//! also of a text around it, also twice) or did both. What is shorter than six bytes is no secret to us: it would blot out
//! ordinary words. The same goes for what is public anyway, such as the release's name, even if a Secret holds it.

mod encoding;
mod learning;
mod view;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::AhoCorasick;
use serde_json::Value;

use encoding::is_of_base64;
pub use learning::is_credential;
use view::View;

/// Shorter values would blot out ordinary words.
const SHORTEST: usize = 6;
/// A key of an object is a name; only what is as long as this in one is no coincidence.
const SHORTEST_IN_KEYS: usize = 16;
/// What stands in a secret's place.
const REPLACEMENT: &str = "[redacted]";

/// Replaces secret values in texts; clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    known: Arc<RwLock<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    secrets: BTreeSet<Vec<u8>>,
    public: BTreeSet<Vec<u8>>,
    /// What finds them all; `None`: something was learned since.
    search: Option<Arc<Search>>,
}

/// What is looked for, in every form that it may have.
#[derive(Debug)]
struct Search {
    /// `None`: there is nothing to look for.
    automaton: Option<AhoCorasick>,
    /// Of each pattern, whether it is a piece of base64: then all that surrounds it belongs to it.
    is_encoded: Vec<bool>,
}

impl Redactor {
    /// Learns a secret, and the parts of it that are secrets of their own: the password in a URL, the lines of a key.
    pub fn add(&self, secret: &str) {
        for part in learning::parts(secret) {
            self.learn(part.into_bytes());
        }
    }

    /// Learns a secret that may be no text.
    pub fn add_bytes(&self, secret: &[u8]) {
        match std::str::from_utf8(secret) {
            Ok(text) => self.add(text),
            Err(_) => self.learn(secret.to_owned()),
        }
    }

    /// Learns what stands in values under a name such as `password`.
    pub fn add_credentials(&self, values: &Value) {
        for secret in learning::credentials(values) {
            self.add(secret);
        }
    }

    /// Says that a word is public, whoever may hold it as a secret.
    pub fn publish(&self, word: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.public.insert(word.as_bytes().to_owned()) && known.secrets.contains(word.as_bytes()) {
            known.search = None;
        }
    }

    /// The text without the secrets.
    pub fn redact(&self, text: &str) -> String {
        let search = self.search();
        let found = search.find(text.as_bytes());
        replaced(text, found)
    }

    /// Takes the secrets out of every text in a value. Names of fields stay, unless they are too long to be like a secret by chance.
    pub fn redact_value(&self, value: &mut Value) {
        self.search().clean(value);
    }

    /// How many secrets are known.
    pub fn count(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).secrets.len()
    }

    fn learn(&self, secret: Vec<u8>) {
        if secret.len() < SHORTEST {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.secrets.insert(secret) {
            known.search = None;
        }
    }

    fn search(&self) -> Arc<Search> {
        if let Some(search) = &self.known.read().unwrap_or_else(PoisonError::into_inner).search {
            return search.clone();
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let search = Arc::new(Search::of(known.secrets.difference(&known.public)));
        known.search = Some(search.clone());
        search
    }
}

impl Search {
    fn of<'a>(secrets: impl Iterator<Item = &'a Vec<u8>>) -> Self {
        let (mut patterns, mut is_encoded) = (Vec::new(), Vec::new());
        for secret in secrets {
            patterns.push(secret.clone());
            is_encoded.push(false);
            let pieces = encoding::pieces(secret);
            is_encoded.extend(pieces.iter().map(|_| true));
            patterns.extend(pieces);
        }
        // It fails where there are more patterns than memory: then nothing may be shown.
        let automaton = (!patterns.is_empty()).then(|| AhoCorasick::new(&patterns));
        let automaton = automaton.map(|built| built.unwrap_or_else(|error| panic!("look for secrets: {error}")));
        Self { automaton, is_encoded }
    }

    /// Where secrets stand in a text.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let Some(automaton) = &self.automaton else { return Vec::new() };
        let mut found = Vec::new();
        view::each(text, &mut |view: &View| {
            for hit in automaton.find_overlapping_iter(view.bytes()) {
                let mut range = hit.range();
                if self.is_encoded[hit.pattern().as_usize()] {
                    range = surrounding(view, range);
                }
                found.push(view.origin(range));
            }
        });
        found
    }

    fn clean(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                let found = self.find(text.as_bytes());
                if !found.is_empty() {
                    *text = replaced(text, found);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean(item)),
            Value::Object(map) => {
                map.values_mut().for_each(|item| self.clean(item));
                let is_telling =
                    |key: &&String| self.find(key.as_bytes()).iter().any(|range| range.len() >= SHORTEST_IN_KEYS);
                let telling: Vec<String> = map.keys().filter(is_telling).cloned().collect();
                for key in telling {
                    let item = map.remove(&key).unwrap_or_default();
                    let found = self.find(key.as_bytes());
                    map.insert(replaced(&key, found), item);
                }
            }
            _ => {}
        }
    }
}

/// An encoded text as a whole, of which a piece was found.
fn surrounding(view: &View, range: Range<usize>) -> Range<usize> {
    let bytes = view.bytes();
    let before = bytes[..range.start].iter().rev().take_while(|byte| is_of_base64(**byte)).count();
    let after = bytes[range.end..].iter().take_while(|byte| is_of_base64(**byte)).count();
    range.start - before..range.end + after
}

/// The text with each stretch replaced; stretches that meet are one.
fn replaced(text: &str, mut found: Vec<Range<usize>>) -> String {
    if found.is_empty() {
        return text.to_owned();
    }
    found.sort_by_key(|range| range.start);
    let (mut out, mut end) = (String::with_capacity(text.len()), 0);
    for range in found {
        if range.start > end || (end == 0 && range.start == 0) {
            out.push_str(text.get(end..range.start).unwrap_or_default());
            out.push_str(REPLACEMENT);
        }
        end = end.max(range.end);
    }
    out + text.get(end..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
