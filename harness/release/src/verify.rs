//! Whether exactly these bytes have a passing verdict.

use std::path::Path;

use anyhow::Result;
use chartgate_yaml::Invalid;
use jiff::Timestamp;

use crate::Sha256Digest;
use crate::bundle::Attestation;
use crate::key::PublicKey;
use crate::manifest::CHART_LAYER;
use crate::registry::Registry;
use crate::requirement::{Requirements, Subjects};
use crate::statement::Statement;

/// An attestation that may be the one.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where it is, for messages.
    pub name: String,
    /// It itself.
    pub attestation: Attestation,
}

/// Why these bytes are not accepted.
#[derive(Debug)]
pub struct Refused {
    /// By attestation; empty: there is none.
    pub why: Vec<(String, Vec<String>)>,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.why.is_empty() {
            return write!(out, "there is no attestation of it\nhint: `chartgate release` attaches one");
        }
        let lines = self.why.iter().flat_map(|(name, why)| why.iter().map(move |why| format!("{name}: {why}")));
        write!(out, "{}", lines.collect::<Vec<_>>().join("\n"))
    }
}

/// The bytes of a chart in a registry, and all that attests them.
///
/// # Errors
/// [`Invalid`] if there is no such version, or no chart under it.
pub async fn of_registry(registry: &Registry, place: &str) -> Result<(Subjects, Vec<Candidate>)> {
    let name = registry.name();
    let found = registry.manifest(place).await?;
    let found = found.ok_or_else(|| Invalid(format!("`{name}` has no version `{place}`")))?;
    let manifest = found.stored.digest.clone();
    if place.starts_with("sha256:") && place != manifest.to_string() {
        return Err(Invalid(format!("`{name}` holds other bytes under `{place}`: {manifest}")).into());
    }
    let layer = found.manifest.layers.iter().find(|layer| layer.media_type == CHART_LAYER);
    let layer = layer.ok_or_else(|| Invalid(format!("`{name}:{place}` is no chart")))?;
    let package = registry.blob(layer).await?.digest;
    let found = registry.attestations(&manifest).await?;
    let candidates =
        found.into_iter().map(|(digest, attestation)| Candidate { name: format!("attestation {digest}"), attestation });
    Ok((Subjects { manifest: Some(manifest), package }, candidates.collect()))
}

/// The bytes of a package, and the attestation beside it.
///
/// # Errors
/// [`Invalid`] if one of them cannot be read.
pub fn of_file(package: &Path, bundle: &Path) -> Result<(Subjects, Vec<Candidate>)> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|error| Invalid(format!("cannot read `{}`: {error}", path.display())))
    };
    let package = Sha256Digest::of(&read(package)?);
    let attestation = Attestation::read(read(bundle)?);
    let name = format!("attestation `{}`", bundle.display());
    Ok((Subjects { manifest: None, package }, vec![Candidate { name, attestation }]))
}

/// The first statement that meets all that is asked.
///
/// # Errors
/// What each attestation lacks.
pub fn verify(
    subjects: &Subjects,
    candidates: &[Candidate],
    key: Option<&PublicKey>,
    allow_unsigned: bool,
    requirements: &Requirements,
) -> Result<Statement, Refused> {
    let mut why = Vec::new();
    for Candidate { name, attestation } in candidates {
        let unmet = match attestation.open(key, allow_unsigned) {
            Err(error) => vec![format!("{error:#}")],
            Ok(statement) => match requirements.unmet(&statement, subjects, Timestamp::now()) {
                unmet if unmet.is_empty() => return Ok(statement),
                unmet => unmet,
            },
        };
        why.push((name.clone(), unmet));
    }
    Err(Refused { why })
}
