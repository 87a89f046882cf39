//! Keeps secret values out of everything that is written or shown, however they are encoded there.
//!
//! A secret is found as it is, and where something escaped it (JSON, URLs, HTML), encoded it (base64 of every alphabet and padding,
//! also of a text around it, also twice) or did both. What is shorter than six bytes is no secret to us: it would blot out
//! ordinary words. The same goes for what is public anyway, such as the release's name, even if a Secret holds it.

mod encoding;
mod learning;
mod looks;
mod view;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::AhoCorasick;
use serde_json::Value;

use encoding::is_of_base64;
pub use learning::is_credential;
pub use looks::{is_ordinary, is_random, is_reference, passwords_of_urls};
use view::View;

/// Shorter values would blot out ordinary words.
const SHORTEST: usize = 6;
/// A key of an object is a name; only what is as long as this in one is no coincidence.
const SHORTEST_IN_KEYS: usize = 16;
/// What stands in a secret's place: nobody knows its form.
pub const REPLACEMENT: &str = "[redacted]";

/// Replaces secret values in texts; clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    known: Arc<RwLock<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    secrets: BTreeSet<Vec<u8>>,
    public: BTreeSet<Vec<u8>>,
    /// What was learned since the last search was made.
    fresh: BTreeSet<Vec<u8>>,
    /// What finds the others.
    search: Search,
}

/// What finds secrets in every form that they may have. A run learns new ones all the time: to make one automaton of all of them each time takes
/// longer than the run. So each layer is at least twice as large as the next one, and a secret is made part of a layer few times.
#[derive(Clone, Debug, Default)]
struct Search {
    layers: Vec<Arc<Layer>>,
}

#[derive(Debug)]
struct Layer {
    secrets: Vec<Vec<u8>>,
    automaton: AhoCorasick,
    /// Of each pattern, whether it is a piece of base64: then all that surrounds it belongs to it.
    is_encoded: Vec<bool>,
}

impl Redactor {
    /// Learns a secret, and the parts of it that are secrets of their own: the password in a URL, the lines of a key.
    pub fn add(&self, secret: &str) {
        self.learn(secret.trim_end_matches(['\n', '\r']).into());
        self.add_parts(secret);
    }

    /// Learns an entry of a Secret, which may be no text. A whole environment may be kept in one: what is an ordinary word there,
    /// and no password by its name, is no secret.
    pub fn add_entry(&self, name: &str, value: &[u8]) {
        match std::str::from_utf8(value) {
            Ok(text) if learning::is_secret_entry(name, text) => self.add(text),
            Ok(text) => self.add_parts(text),
            Err(_) => self.learn(value.to_owned()),
        }
    }

    fn add_parts(&self, secret: &str) {
        for part in learning::parts(secret) {
            self.learn(part.into_bytes());
        }
    }

    /// Learns what stands in values under a name such as `password`.
    pub fn add_credentials(&self, values: &Value) {
        for secret in learning::credentials(values) {
            self.add(secret);
        }
    }

    /// Says that a name is public, whoever may hold it, or a word of it, as a secret.
    pub fn publish(&self, name: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.public.insert(name.as_bytes().to_owned())
            && known.secrets.iter().any(|secret| holds(name.as_bytes(), secret))
        {
            let known = &mut *known;
            known.fresh = known.secrets.clone();
            known.search = Search::default();
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
        if known.secrets.insert(secret.clone()) {
            known.fresh.insert(secret);
        }
    }

    fn search(&self) -> Search {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.fresh.is_empty() {
                return known.search.clone();
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = std::mem::take(&mut known.fresh);
        let is_public = |secret: &Vec<u8>| known.public.iter().any(|name| holds(name, secret));
        let fresh = fresh.into_iter().filter(|secret| !is_public(secret)).collect();
        known.search.add(fresh);
        known.search.clone()
    }
}

impl Search {
    fn add(&mut self, mut secrets: Vec<Vec<u8>>) {
        while let Some(small) = self.layers.pop_if(|layer| layer.secrets.len() < 2 * secrets.len()) {
            secrets.extend(small.secrets.iter().cloned());
        }
        if !secrets.is_empty() {
            self.layers.push(Arc::new(Layer::of(secrets)));
        }
    }

    /// Where secrets stand in a text.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if !self.layers.is_empty() {
            view::each(text, &mut |view: &View| {
                self.layers.iter().for_each(|layer| found.extend(layer.find(view)));
            });
        }
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

impl Layer {
    fn of(secrets: Vec<Vec<u8>>) -> Self {
        let (mut patterns, mut is_encoded) = (Vec::new(), Vec::new());
        for secret in &secrets {
            patterns.push(secret.clone());
            is_encoded.push(false);
            let pieces = encoding::pieces(secret);
            is_encoded.extend(pieces.iter().map(|_| true));
            patterns.extend(pieces);
        }
        // It fails where there are more patterns than memory: then nothing may be shown.
        let automaton = AhoCorasick::new(&patterns).unwrap_or_else(|error| panic!("look for secrets: {error}"));
        Self { secrets, automaton, is_encoded }
    }

    fn find(&self, view: &View) -> impl Iterator<Item = Range<usize>> {
        self.automaton.find_overlapping_iter(view.bytes()).map(|hit| {
            let range = hit.range();
            view.origin(if self.is_encoded[hit.pattern().as_usize()] { surrounding(view, range) } else { range })
        })
    }
}

/// Whether a name has a secret as one of its words, or as several: `server` in `x-server-0`.
fn holds(name: &[u8], secret: &[u8]) -> bool {
    let is_sign = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    name.windows(secret.len().max(1)).enumerate().any(|(at, word)| {
        let before = at.checked_sub(1).and_then(|before| name.get(before));
        word == secret && is_sign(before) && is_sign(name.get(at + secret.len()))
    })
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
