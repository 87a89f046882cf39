//! The order of a publication: the chart by its digest, then what attests it, then the tag. So a version is never visible without its
//! proof.

use anyhow::{Context, Result, ensure};
use chartgate_yaml::Invalid;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor};

use crate::Sha256Digest;
use crate::bundle::Attestation;
use crate::manifest::{self, Bundled, CHART_LAYER, Stored};
use crate::package::Package;
use crate::registry::{Found, Registry};
use crate::statement::Subject;

/// What the registry knows of the version that is about to be published.
pub struct Standing {
    /// The chart's manifest: the one that is there, or will be.
    manifest: Stored,
    /// What is stored with it; `None`: it is there under its tag already.
    chart: Option<Bundled>,
    /// How many attestations it has.
    pub attestations: usize,
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    /// The chart's manifest.
    pub digest: Sha256Digest,
}

impl Standing {
    /// Whether the version is published already, with the same bytes.
    pub fn is_published(&self) -> bool {
        self.chart.is_none()
    }

    /// What a statement on this package is about.
    pub fn subjects(&self, registry: &Registry, package: &Package) -> Vec<Subject> {
        let manifest = Subject::new(registry.name(), &self.manifest.digest);
        vec![manifest, Subject::new(package.file_name(), &package.digest())]
    }

    fn descriptor(&self) -> Result<OciDescriptor> {
        self.manifest.descriptor(OCI_IMAGE_MEDIA_TYPE)
    }
}

/// Looks whether the version is published. The same bytes are accepted: an interrupted release is completed, and a version may be judged
/// again.
///
/// # Errors
/// [`Invalid`] if it is published with other bytes.
pub async fn standing(registry: &Registry, package: &Package) -> Result<Standing> {
    let Some(found) = registry.manifest(&package.tag()).await? else {
        let chart = manifest::of_chart(package)?;
        return Ok(Standing { manifest: chart.manifest.clone(), chart: Some(chart), attestations: 0 });
    };
    let (published, own) = (package_of(&found), package.digest());
    if published.as_ref() != Some(&own) {
        let there = published.map_or("no chart".to_owned(), |digest| format!("the package {digest}"));
        let what = format!("`{}:{}` is published with other bytes: {there}", registry.name(), package.tag());
        let hint = "users have it, so it stays as it is: raise the version in `Chart.yaml`";
        return Err(Invalid(format!("{what}, and this package is {own}\nhint: {hint}")).into());
    }
    let attestations = registry.attestations(&found.stored.digest).await?.len();
    Ok(Standing { manifest: found.stored, chart: None, attestations })
}

/// The digest of the package that a manifest names.
pub(crate) fn package_of(found: &Found) -> Option<Sha256Digest> {
    let layer = found.manifest.layers.iter().find(|layer| layer.media_type == CHART_LAYER)?;
    Sha256Digest::of_reference(&layer.digest)
}

/// Publishes a chart with its attestation.
///
/// # Errors
/// That the registry refuses something, or holds other bytes than were pushed: then the version is not visible, unless it was before.
pub async fn publish(
    registry: &Registry,
    package: &Package,
    standing: &Standing,
    attestation: &Attestation,
) -> Result<Published> {
    let digest = standing.manifest.digest.clone();
    if let Some(chart) = &standing.chart {
        registry.store(chart).await.context("store the chart")?;
    }
    let referrer = manifest::of_attestation(attestation, &standing.descriptor()?)?;
    registry.attach(&referrer, &digest).await.context("attach the attestation")?;
    if standing.chart.is_some() {
        // Somebody else may have been faster.
        let now = registry.manifest(&package.tag()).await?.map(|found| found.stored.digest);
        let is_free = now.as_ref().is_none_or(|now| *now == digest);
        ensure!(is_free, "`{}:{}` was published by somebody else meanwhile", registry.name(), package.tag());
        registry.put(&standing.manifest, &package.tag(), OCI_IMAGE_MEDIA_TYPE).await.context("tag the chart")?;
    }
    Ok(Published { digest })
}
