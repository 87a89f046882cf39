//! What a secret leaves in base64, wherever it stands in the text that was encoded.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter pieces would be found in names.
const SHORTEST_PIECE: usize = 6;

/// Whether a byte may stand in base64 of any alphabet, padding included.
pub(super) fn is_of_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
}

/// The pieces of base64 by which a secret is found: as it is and as JSON and URLs escape it, encoded once and twice.
pub(super) fn pieces(secret: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::from([secret.to_owned()]);
    if let Ok(text) = std::str::from_utf8(secret) {
        let json = serde_json::Value::from(text).to_string();
        forms.insert(json.as_bytes()[1..json.len() - 1].to_owned());
    }
    forms.insert(percent_encoded(secret));
    let once: BTreeSet<Vec<u8>> = forms.iter().flat_map(|form| shifted(form)).collect();
    // Of what surrounds a secret that was encoded before, nothing is known: only its own pieces are looked for.
    let twice = shifted(secret).into_iter().flat_map(|piece| shifted(&piece)).collect::<Vec<_>>();
    once.into_iter().chain(twice).filter(|piece| piece.len() >= SHORTEST_PIECE).collect()
}

/// The characters of base64 that depend on a text alone, for each of the three places at which it may begin in a group.
fn shifted(text: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    for before in 0..3 {
        let padded = [vec![0; before], text.to_owned()].concat();
        // Six bits a character: those that hold a bit of what stands before or after are left out.
        let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&padded).into_bytes();
            pieces.extend(encoded.get(first..last).map(<[u8]>::to_owned));
        }
    }
    pieces
}

/// As URLs carry it: everything escaped but what never needs it.
fn percent_encoded(text: &[u8]) -> Vec<u8> {
    let escaped = |byte: &u8| match byte {
        b if b.is_ascii_alphanumeric() || b"-_.~".contains(b) => vec![*b],
        b => format!("%{b:02X}").into_bytes(),
    };
    text.iter().flat_map(escaped).collect()
}
