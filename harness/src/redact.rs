//! Keeps secret values out of everything that is written or shown.

use std::sync::{Arc, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Shorter values would blot out ordinary words.
const SHORTEST: usize = 6;

/// What stands in a secret's place.
const REPLACEMENT: &str = "[redacted]";

/// Replaces secret values in texts; clones share what they know.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Arc<RwLock<Vec<String>>>,
}

impl Redactor {
    /// Learns a secret, as it is, base64-encoded, and as it stands inside a JSON string.
    pub fn add(&self, secret: &str) {
        let secret = secret.trim_end_matches('\n');
        if secret.len() < SHORTEST {
            return;
        }
        let json = serde_json::Value::from(secret).to_string();
        let variants = [secret.to_owned(), STANDARD.encode(secret), json[1..json.len() - 1].to_owned()];
        let mut secrets = self.secrets.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for variant in variants {
            if !secrets.contains(&variant) {
                secrets.push(variant);
            }
        }
        // A secret that holds another one is replaced as a whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// The text without the secrets.
    pub fn redact(&self, text: &str) -> String {
        let secrets = self.secrets.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut cleaned = text.to_owned();
        for secret in secrets.iter() {
            if cleaned.contains(secret) {
                cleaned = cleaned.replace(secret, REPLACEMENT);
            }
        }
        cleaned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a password can be read in the evidence.
    #[test]
    fn a_secret_is_replaced_plain_encoded_and_escaped() {
        let redactor = Redactor::default();
        redactor.add("pass\"word");
        let seen = format!("plain pass\"word, encoded {}, escaped pass\\\"word", STANDARD.encode("pass\"word"));
        let expected = "plain [redacted], encoded [redacted], escaped [redacted]";
        assert_eq!(redactor.redact(&seen), expected);
    }
}
