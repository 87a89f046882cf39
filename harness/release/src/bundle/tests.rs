use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use p256::SecretKey;
use pkcs8::EncodePrivateKey;
use serde_json::Value;

use super::*;
use crate::statement::testing::passing;

/// A key of these bytes.
fn key(byte: u8) -> PrivateKey {
    let pem = SecretKey::from_slice(&[byte; 32]).unwrap().to_pkcs8_pem(pkcs8::LineEnding::LF).unwrap();
    PrivateKey::of_pem(&pem, None, "key.pem").unwrap()
}

fn signed() -> Attestation {
    Attestation::of(&passing(), Some(&key(7))).unwrap()
}

fn open(attestation: &Attestation, key: &PrivateKey) -> Result<Statement, String> {
    let stored = Attestation::read(attestation.bytes.clone());
    stored.open(Some(&key.public()), false).map_err(|error| format!("{error:#}"))
}

/// A failure would mean that no release is ever accepted.
#[test]
fn what_a_key_signed_opens_with_it() {
    assert_eq!(open(&signed(), &key(7)), Ok(passing()));
    assert!(open(&signed(), &key(8)).unwrap_err().contains("this key did not sign it"));
}

/// A failure would mean that another tool does not read the bundle. The names are the Sigstore project's.
#[test]
fn the_bundle_has_the_published_form() {
    let bundle: Value = serde_json::from_slice(&signed().bytes).unwrap();
    assert_eq!(bundle["mediaType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
    assert_eq!(bundle["dsseEnvelope"]["payloadType"], "application/vnd.in-toto+json");
    assert!(bundle["verificationMaterial"]["publicKey"]["hint"].as_str().is_some_and(|hint| hint.len() == 44));
    let payload = STANDARD.decode(bundle["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://in-toto.io/attestation/test-result/v0.1");
    assert_eq!(statement["predicate"]["result"], "PASSED");
    assert_eq!(statement["predicate"]["passedTests"][0], "app/single/hook-order");
}

/// A failure would mean that whoever can write to a registry can turn a verdict.
#[test]
fn a_bundle_with_one_bit_changed_is_refused() {
    let bytes = signed().bytes;
    let text = String::from_utf8(bytes.clone()).unwrap();
    for (name, key_of) in [("payload", "\"payload\":\""), ("signature", "\"sig\":\"")] {
        // Well inside the text in base64, so that its last bits are not the ones that say nothing.
        let position = text.find(key_of).unwrap() + key_of.len() + 20;
        let mut changed = bytes.clone();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let refusal = open(&Attestation { form: Form::Bundle, bytes: changed }, &key(7)).unwrap_err();
        assert!(refusal.contains("did not sign it"), "{name}: {refusal}");
    }
    let cut = Attestation { form: Form::Bundle, bytes: bytes[..100].to_vec() };
    assert!(open(&cut, &key(7)).unwrap_err().contains("it is no Sigstore bundle"));
}

/// A failure would mean that a statement which nobody signed counts as one that somebody did.
#[test]
fn what_nobody_signed_opens_only_where_that_is_told() {
    let unsigned = Attestation::read(Attestation::of(&passing(), None).unwrap().bytes);
    let refusal = unsigned.open(Some(&key(7).public()), false).unwrap_err();
    assert!(refusal.to_string().contains("nobody signed it (`--allow-unsigned` accepts that)"));
    assert_eq!(unsigned.open(None, true).unwrap(), passing());
    assert!(signed().open(None, true).unwrap_err().to_string().contains("no `--key` says by whom"));
}
