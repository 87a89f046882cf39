//! Keeps a Secret's values out of a recording, and yet lets the judge see whether they changed.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chartgate_k8s::object::{kind, name};
use chartgate_redact::Redactor;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

/// Teaches a redactor what an object that is about to be made holds: a Secret's values are secret, every object's name is public.
pub fn teach(redactor: &Redactor, object: &Value) {
    redactor.publish(name(object));
    if kind(object) == "Secret" {
        for (field, is_encoded) in FIELDS {
            for (name, value) in object[field].as_object().into_iter().flatten() {
                redactor.add_entry(name, &decoded(value, is_encoded));
            }
        }
    }
}

/// The fields of a Secret, and whether their values are base64.
const FIELDS: [(&str, bool); 2] = [("data", true), ("stringData", false)];

fn decoded(value: &Value, is_encoded: bool) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default();
    if is_encoded { STANDARD.decode(text).unwrap_or_default() } else { text.into() }
}

/// Replaces a Secret's values by hashes under a key that is thrown away with the run, and teaches them to the redactor.
pub struct Concealer {
    key: [u8; 32],
    redactor: Redactor,
}

impl Concealer {
    /// With a new key.
    pub fn new(redactor: Redactor) -> Self {
        Self { key: chartgate_base::random::bytes(), redactor }
    }

    /// The object as it may be stored.
    pub fn conceal<'a>(&self, object: &'a Value) -> Cow<'a, Value> {
        if kind(object) != "Secret" {
            return Cow::Borrowed(object);
        }
        teach(&self.redactor, object);
        let mut object = object.clone();
        for (field, is_encoded) in FIELDS {
            for value in object[field].as_object_mut().into_iter().flat_map(|data| data.values_mut()) {
                *value = json!(self.hash(&decoded(value, is_encoded)));
            }
        }
        Cow::Owned(object)
    }

    fn hash(&self, secret: &[u8]) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).map(|mac| mac.chain_update(secret).finalize().into_bytes());
        let hex = mac.map(|bytes| chartgate_base::hex(&bytes[..12]));
        format!("hmac:{}", hex.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a regenerated Secret looks unchanged, or an unchanged one regenerated.
    #[test]
    fn equal_values_have_equal_hashes_however_they_are_written() {
        let concealer = Concealer::new(Redactor::default());
        let conceal = |object: Value| concealer.conceal(&object).into_owned();
        let plain = conceal(json!({"kind": "Secret", "stringData": {"a": "hunter22"}}));
        let encoded = conceal(json!({"kind": "Secret", "data": {"a": STANDARD.encode("hunter22"), "b": "aHVudGVy"}}));
        assert_eq!(plain["stringData"]["a"], encoded["data"]["a"]);
        assert_ne!(encoded["data"]["a"], encoded["data"]["b"]);
        assert_ne!(plain, Concealer::new(Redactor::default()).conceal(&json!({"kind": "Secret"})).into_owned());
    }

    /// A failure would mean that reports are unreadable, because a Secret holds a user's name or a whole environment.
    #[test]
    fn ordinary_words_of_a_secret_stay() {
        let redactor = Redactor::default();
        let data = json!({"username": "elastic", "SERVER_HOST": "0.0.0.0", "DB_NAME": "server", "LISTEN": "http://0.0.0.0:8081"});
        teach(&redactor, &json!({"kind": "Secret", "metadata": {"name": "x"}, "stringData": data}));
        let text = "deployment/x-server of my-elastic at http://0.0.0.0:8081";
        assert_eq!(redactor.redact(text), text);
    }

    /// A failure would mean that the names of objects cannot be read where a password is a word of them.
    #[test]
    fn names_of_objects_stay_whatever_a_secret_is() {
        let redactor = Redactor::default();
        teach(&redactor, &json!({"kind": "Secret", "metadata": {"name": "x"}, "stringData": {"password": "server"}}));
        teach(&redactor, &json!({"kind": "Deployment", "metadata": {"name": "x-server"}}));
        assert_eq!(redactor.redact("pod x-server-0"), "pod x-server-0");
    }

    /// A failure would mean that a chart's own Secret can be read in its evidence, or in a log.
    #[test]
    fn a_secrets_values_are_learned_and_gone() {
        let redactor = Redactor::default();
        let secret = json!({"kind": "Secret", "data": {"a": STANDARD.encode("hunter22")}});
        let stored = Concealer::new(redactor.clone()).conceal(&secret).to_string();
        assert!(!stored.contains("hunter22") && !stored.contains(&STANDARD.encode("hunter22")), "{stored}");
        assert_eq!(redactor.redact("it is hunter22"), "it is [redacted]");
    }
}
