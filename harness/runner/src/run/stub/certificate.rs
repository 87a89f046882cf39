//! Certificates that are made for one run.

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// A certificate in PEM, with its key and the authority that signed it.
pub(super) struct Certificate {
    pub authority: String,
    pub signed: String,
    pub key: String,
}

impl Certificate {
    /// One for a name, signed by an authority that nobody else trusts.
    pub(super) fn of(name: &str) -> Result<Self> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "chartgate");
        let authority = CertifiedIssuer::self_signed(authority, new_key()?).context("make a certificate authority")?;
        let key = new_key()?;
        let own =
            CertificateParams::new(vec![name.to_owned()]).with_context(|| format!("name a certificate `{name}`"))?;
        let signed = own.signed_by(&key, &authority).context("sign a certificate")?;
        Ok(Self { authority: authority.pem(), signed: signed.pem(), key: key.serialize_pem() })
    }
}

fn new_key() -> Result<KeyPair> {
    KeyPair::generate().context("make a key")
}
