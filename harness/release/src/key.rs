//! The keys of an attestation: ECDSA on P-256, in PEM, as OpenSSL writes them.

use anyhow::{Context, Result};
use chartgate_yaml::Invalid;
use p256::SecretKey;
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, Signature, SigningKey, VerifyingKey};
use pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey};

use crate::Sha256Digest;

/// The variable with the password of a private key.
pub const PASSWORD: &str = "CHARTGATE_KEY_PASSWORD";

/// Signs.
pub struct PrivateKey(SigningKey);

/// Tells whether its private half signed.
#[derive(Clone)]
pub struct PublicKey(VerifyingKey);

impl PrivateKey {
    /// Reads a key from a file, or from a variable as `env://NAME`; the password of one that has one is in [`PASSWORD`].
    ///
    /// # Errors
    /// [`Invalid`] if it is none, or the password is not its.
    pub fn read(source: &str) -> Result<Self> {
        let password = std::env::var(PASSWORD).ok();
        Self::of_pem(&text(source)?, password.as_deref(), source)
    }

    /// Reads a key from its PEM; `source` is what messages call it.
    ///
    /// # Errors
    /// [`Invalid`] if it is none, or the password is not its.
    pub fn of_pem(pem: &str, password: Option<&str>, source: &str) -> Result<Self> {
        let refuse = |why: &str, hint: &str| Invalid(format!("the key `{source}`: {why}\nhint: {hint}"));
        let make = "`openssl ecparam -genkey -name prime256v1 -noout | openssl pkcs8 -topk8 -out FILE` makes one";
        let secret = match label(pem) {
            "PRIVATE KEY" => SecretKey::from_pkcs8_pem(pem).map_err(|error| refuse(&error.to_string(), make))?,
            "ENCRYPTED PRIVATE KEY" => {
                let password =
                    password.ok_or_else(|| refuse("a password protects it", &format!("set `{PASSWORD}`")))?;
                SecretKey::from_pkcs8_encrypted_pem(pem, password)
                    .map_err(|_| refuse("it does not open with this password", &format!("set `{PASSWORD}`")))?
            }
            "EC PRIVATE KEY" => {
                let hint = "`openssl pkcs8 -topk8 -in FILE -out FILE.pkcs8` makes it PKCS#8";
                return Err(refuse("it is SEC1, and PKCS#8 is expected", hint).into());
            }
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                let hint = "`cosign import-key-pair` takes a PKCS#8 key for cosign, which chartgate reads as it is";
                return Err(refuse("it is in cosign's own form, and PKCS#8 is expected", hint).into());
            }
            _ => return Err(refuse("it is no private key in PKCS#8 PEM", make).into()),
        };
        Ok(Self(SigningKey::from(secret)))
    }

    /// Signs a message, in ASN.1 DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }

    /// Its other half.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }
}

impl PublicKey {
    /// Reads a key from a file, or from a variable as `env://NAME`.
    ///
    /// # Errors
    /// [`Invalid`] if it is none.
    pub fn read(source: &str) -> Result<Self> {
        let pem = text(source)?;
        let hint = "hint: `openssl pkey -in PRIVATE -pubout` writes the public half of a key";
        let key = VerifyingKey::from_public_key_pem(&pem);
        let key = key
            .map_err(|error| Invalid(format!("`{source}` is no public key of ECDSA P-256 in PEM: {error}\n{hint}")))?;
        Ok(Self(key))
    }

    /// Whether its private half made this signature of this message.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::from_bytes(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }

    /// The name of the key in a bundle: the digest of its DER, as cosign writes it.
    pub(crate) fn hint(&self) -> Result<String> {
        use base64::Engine;
        let der = self.0.to_public_key_der().context("encode the public key")?;
        let digest = Sha256Digest::of(der.as_bytes());
        let bytes: Vec<u8> = digest.hex().as_bytes().chunks(2).filter_map(byte).collect();
        Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
    }
}

/// The byte of two hexadecimal digits.
fn byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// What the first line of a PEM calls it.
fn label(pem: &str) -> &str {
    let first = pem.lines().map(str::trim).find(|line| line.starts_with("-----BEGIN ")).unwrap_or_default();
    first.trim_start_matches("-----BEGIN ").trim_end_matches('-')
}

/// The text of a key's file or variable.
fn text(source: &str) -> Result<String> {
    let read = match source.strip_prefix("env://") {
        Some(name) => std::env::var(name).map_err(|error| error.to_string()),
        None => std::fs::read_to_string(source).map_err(|error| error.to_string()),
    };
    read.map_err(|error| Invalid(format!("cannot read the key `{source}`: {error}")).into())
}

#[cfg(test)]
mod tests;
