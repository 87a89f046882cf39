//! SHA-256 as registries and attestations write it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The hexadecimal form of a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sha256Digest(String);

impl Sha256Digest {
    /// That of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(chartgate_base::hex(&Sha256::digest(bytes)))
    }

    /// That of `sha256:…`; `None`: it is another kind of digest, or none.
    pub fn of_reference(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let is_hex = hex.len() == 64 && hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
        is_hex.then(|| Self(hex.to_owned()))
    }

    /// The digits alone, as in-toto writes it.
    pub fn hex(&self) -> &str {
        &self.0
    }
}

/// `sha256:…`, as registries write it.
impl std::fmt::Display for Sha256Digest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "sha256:{}", self.0)
    }
}
