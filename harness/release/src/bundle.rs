//! A statement in a DSSE envelope in a Sigstore bundle.

use anyhow::{Context, Result, bail, ensure};
use sigstore_types::{
    Bundle, DsseEnvelope, DsseSignature, KeyId, MediaType, PayloadBytes, PublicKeyIdentifier, SignatureBytes,
    SignatureContent, VerificationMaterial, VerificationMaterialContent, pae,
};

use crate::key::{PrivateKey, PublicKey};
use crate::statement::Statement;

/// What the envelope says of its content; the media type of an unsigned statement, too.
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// How an attestation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A Sigstore bundle, with a signature.
    Bundle,
    /// The statement alone, which nobody signed.
    Unsigned,
}

/// An attestation as it is stored.
#[derive(Clone, Debug)]
pub struct Attestation {
    /// How it is written.
    pub form: Form,
    /// Its bytes: JSON.
    pub bytes: Vec<u8>,
}

impl Form {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Bundle, Self::Unsigned];

    /// The media type in a registry.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Bundle => MediaType::Bundle0_3.as_str(),
            Self::Unsigned => IN_TOTO,
        }
    }

    /// What its content is, as the Sigstore project's registry annotation says it.
    pub(crate) fn content(self) -> &'static str {
        match self {
            Self::Bundle => "dsse-envelope",
            Self::Unsigned => "in-toto-statement",
        }
    }

    /// The end of the name of the file beside a package.
    pub fn file_ending(self) -> &'static str {
        match self {
            Self::Bundle => ".sigstore.json",
            Self::Unsigned => ".intoto.json",
        }
    }
}

impl Attestation {
    /// Signs a statement; without a key it stays unsigned.
    pub fn of(statement: &Statement, key: Option<&PrivateKey>) -> Result<Self> {
        let payload = serde_json::to_vec(statement).context("encode the statement")?;
        let Some(key) = key else { return Ok(Self { form: Form::Unsigned, bytes: payload }) };
        let signature = key.sign(&pae(IN_TOTO, &payload));
        let signature = DsseSignature::new(SignatureBytes::new(signature), KeyId::new(""));
        let envelope = DsseEnvelope::new(IN_TOTO, PayloadBytes::new(payload), signature);
        let by = VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new(key.public().hint()?));
        let content = SignatureContent::DsseEnvelope(envelope);
        let bundle = Bundle::new(MediaType::Bundle0_3, VerificationMaterial::new(by), content);
        Ok(Self { form: Form::Bundle, bytes: bundle.to_json().context("encode the bundle")?.into_bytes() })
    }

    /// One that was stored: its form shows.
    pub(crate) fn read(bytes: Vec<u8>) -> Self {
        let is_statement = serde_json::from_slice::<Statement>(&bytes).is_ok();
        Self { form: if is_statement { Form::Unsigned } else { Form::Bundle }, bytes }
    }

    /// Its statement, if this key signed it.
    ///
    /// # Errors
    /// Why it is to be refused.
    pub(crate) fn open(&self, key: Option<&PublicKey>, allow_unsigned: bool) -> Result<Statement> {
        if self.form == Form::Unsigned {
            ensure!(allow_unsigned, "nobody signed it (`--allow-unsigned` accepts that)");
            return serde_json::from_slice(&self.bytes).context("it is no in-toto statement");
        }
        let key = key.context("it is signed, and no `--key` says by whom it must be")?;
        let text = std::str::from_utf8(&self.bytes).context("it is no text")?;
        let bundle = Bundle::from_json(text).context("it is no Sigstore bundle")?;
        let SignatureContent::DsseEnvelope(envelope) = bundle.content else { bail!("it holds no DSSE envelope") };
        ensure!(envelope.payload_type == IN_TOTO, "it holds `{}` and no in-toto statement", envelope.payload_type);
        let is_signed = key.has_signed(&envelope.pae(), envelope.signature.sig.as_bytes());
        ensure!(is_signed, "this key did not sign it: it was signed with another one, or changed since");
        serde_json::from_slice(envelope.payload.as_bytes()).context("it holds no test result of chartgate's")
    }
}

#[cfg(test)]
mod tests;
