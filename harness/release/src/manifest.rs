//! The manifests of a release in a registry: the chart's, as `helm push` writes it, and that of what refers to it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};

use crate::Sha256Digest;
use crate::bundle::Attestation;
use crate::package::Package;
use crate::statement::TEST_RESULT;

const CHART_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
pub(crate) const CHART_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Bytes for a registry, and what they are.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Their digest.
    pub digest: Sha256Digest,
    /// They themselves.
    pub bytes: Vec<u8>,
}

/// A manifest and the blobs that it names.
#[derive(Clone, Debug)]
pub(crate) struct Bundled {
    /// The manifest.
    pub manifest: Stored,
    /// What it names.
    pub blobs: Vec<Stored>,
    /// How an index describes it.
    pub artifact_type: Option<String>,
    /// The manifest's annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Stored {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Sha256Digest::of(&bytes), bytes }
    }

    pub(crate) fn descriptor(&self, media_type: &str) -> Result<OciDescriptor> {
        let size = i64::try_from(self.bytes.len()).context("count the bytes of a blob")?;
        let media_type = media_type.to_owned();
        Ok(OciDescriptor { media_type, digest: self.digest.to_string(), size, ..OciDescriptor::default() })
    }
}

/// The chart's. Nothing in it depends on when it is made.
pub(crate) fn of_chart(package: &Package) -> Result<Bundled> {
    let config = Stored::new(serde_json::to_vec(&package.description).context("encode the chart's description")?);
    let layer = Stored::new(package.bytes.clone());
    let mut annotations = BTreeMap::new();
    let mut note = |key: &str, value: Option<&str>| {
        annotations.extend(value.map(|value| (format!("org.opencontainers.image.{key}"), value.to_owned())));
    };
    note("title", Some(&package.name));
    note("version", Some(&package.version));
    note("description", package.description["description"].as_str());
    note("url", package.description["home"].as_str());
    let manifest = OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        config: config.descriptor(CHART_CONFIG)?,
        layers: vec![layer.descriptor(CHART_LAYER)?],
        annotations: Some(annotations.clone()),
        ..OciImageManifest::default()
    };
    Bundled::new(&manifest, vec![config, layer], None, annotations)
}

/// That of an attestation, which refers to the chart's.
pub(crate) fn of_attestation(attestation: &Attestation, subject: &OciDescriptor) -> Result<Bundled> {
    let config = Stored::new(b"{}".to_vec());
    let layer = Stored::new(attestation.bytes.clone());
    let media_type = attestation.form.media_type();
    let annotations = BTreeMap::from([
        ("dev.sigstore.bundle.content".to_owned(), attestation.form.content().to_owned()),
        ("dev.sigstore.bundle.predicateType".to_owned(), TEST_RESULT.to_owned()),
    ]);
    let manifest = OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        artifact_type: Some(media_type.to_owned()),
        config: config.descriptor(EMPTY)?,
        layers: vec![layer.descriptor(media_type)?],
        subject: Some(subject.clone()),
        annotations: Some(annotations.clone()),
        ..OciImageManifest::default()
    };
    Bundled::new(&manifest, vec![config, layer], Some(media_type.to_owned()), annotations)
}

impl Bundled {
    fn new(
        manifest: &OciImageManifest,
        blobs: Vec<Stored>,
        artifact_type: Option<String>,
        annotations: BTreeMap<String, String>,
    ) -> Result<Self> {
        let manifest = Stored::new(serde_json::to_vec(manifest).context("encode a manifest")?);
        Ok(Self { manifest, blobs, artifact_type, annotations })
    }
}
