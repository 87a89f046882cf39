//! One chart's repository in a registry.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use chartgate_base::Environment;
use chartgate_yaml::Invalid;
use docker_credential::DockerCredential;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{
    ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageIndex, OciImageManifest,
};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

use crate::Sha256Digest;
use crate::bundle::{Attestation, Form};
use crate::manifest::{Bundled, Stored};

/// Registries answer at once, or not at all.
const CONNECT: Duration = Duration::from_secs(20);
/// Between two pieces of an answer.
const READ: Duration = Duration::from_secs(60);
/// What helm takes as a package at most, and much more than an attestation has.
const LARGEST: i64 = 100 << 20;
/// As many tags as a registry tells at once.
const PAGE: usize = 1000;

/// A repository.
pub struct Registry {
    client: Client,
    auth: RegistryAuth,
    at: Reference,
}

/// A manifest that is there.
pub(crate) struct Found {
    pub(crate) stored: Stored,
    pub(crate) manifest: OciImageManifest,
}

impl Registry {
    /// The repository of `oci://HOST/PATH`, with this user's login to it; `ca_file` holds certificates that are trusted beside the system's.
    /// What it names beyond that, a tag or a digest, comes with it.
    ///
    /// # Errors
    /// [`Invalid`] if it is no such reference, or the file holds no certificate.
    pub async fn open(reference: &str, ca_file: Option<&Path>) -> Result<(Self, Option<String>)> {
        let expected = "hint: it begins with `oci://`, as in `oci://registry.example/charts/app:1.2.3`";
        let refuse = |why: &str| Invalid(format!("`{reference}` is no reference of a chart: {why}\n{expected}"));
        let name = reference.strip_prefix("oci://").ok_or_else(|| refuse("it is not in a registry"))?;
        let at: Reference = name.parse().map_err(|error| refuse(&format!("{error}")))?;
        // What is not said is `latest` to the parser, which no chart has.
        let is_tagged = at.tag().is_some_and(|tag| name.ends_with(&format!(":{tag}")));
        let place = at.digest().or(at.tag().filter(|_| is_tagged)).map(str::to_owned);
        let host = at.resolve_registry().to_owned();
        // As Docker does it: a registry on this machine needs no certificate. One that is to be trusted is there, then.
        let is_plain = ca_file.is_none() && ["localhost", "127.0.0.1", "[::1]"].contains(&host_of(&host));
        let config = ClientConfig {
            protocol: if is_plain { ClientProtocol::HttpsExcept(vec![host.clone()]) } else { ClientProtocol::Https },
            extra_root_certificates: ca_file.map(certificate).transpose()?.into_iter().collect(),
            connect_timeout: Some(CONNECT),
            read_timeout: Some(READ),
            user_agent: concat!("chartgate/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        // Kube brings the same one; whoever came first has set it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let (client, auth) = (Client::new(config), login(&host));
        client.store_auth_if_needed(&host, &auth).await;
        let at = Reference::with_tag(host, at.repository().to_owned(), "latest".to_owned());
        Ok((Self { client, auth, at }, place))
    }

    /// Its host and path, as messages and statements name it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.at.resolve_registry(), self.at.repository())
    }

    /// The manifest under a tag or digest; `None`: there is none.
    pub(crate) async fn manifest(&self, place: &str) -> Result<Option<Found>> {
        let accepted = [OCI_IMAGE_MEDIA_TYPE];
        match self.client.pull_manifest_raw(&self.reference(place), &self.auth, &accepted).await {
            Ok((bytes, _)) => {
                let manifest = serde_json::from_slice(&bytes);
                let manifest = manifest.with_context(|| format!("`{}:{place}` is no image manifest", self.name()))?;
                Ok(Some(Found { stored: Stored::new(bytes.to_vec()), manifest }))
            }
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.failed(&format!("ask for `{place}`"), error)),
        }
    }

    /// A blob that a manifest names.
    pub(crate) async fn blob(&self, descriptor: &OciDescriptor) -> Result<Stored> {
        let size = descriptor.size;
        ensure!(size <= LARGEST, "`{}` holds a blob of {size} bytes, more than {LARGEST}", self.name());
        let mut bytes = Vec::new();
        let pulled = self.client.pull_blob(&self.at, descriptor, &mut bytes).await;
        pulled.map_err(|error| self.failed(&format!("get `{}`", descriptor.digest), error))?;
        let stored = Stored::new(bytes);
        let (name, digest) = (&descriptor.digest, &stored.digest);
        ensure!(digest.to_string() == *name, "`{}` holds other bytes under `{name}`: {digest}", self.name());
        Ok(stored)
    }

    /// The tags; none of a repository that is not there yet.
    pub(crate) async fn tags(&self) -> Result<Vec<String>> {
        let mut tags: Vec<String> = Vec::new();
        loop {
            let last = tags.last().map(String::as_str);
            let page = match self.client.list_tags(&self.at, &self.auth, Some(PAGE), last).await {
                Ok(page) => page.tags,
                Err(error) if is_missing(&error) => return Ok(tags),
                Err(error) => return Err(self.failed("list its tags", error)),
            };
            // A registry that does not page tells the same again.
            let new: Vec<_> = page.into_iter().filter(|tag| !tags.contains(tag)).collect();
            let is_last = new.len() < PAGE;
            tags.extend(new);
            if is_last {
                return Ok(tags);
            }
        }
    }

    /// Stores a manifest and its blobs, under the manifest's digest alone: no tag shows it.
    pub(crate) async fn store(&self, bundled: &Bundled) -> Result<()> {
        for blob in &bundled.blobs {
            self.store_blob(blob).await?;
        }
        self.put(&bundled.manifest, &bundled.manifest.digest.to_string(), OCI_IMAGE_MEDIA_TYPE).await
    }

    async fn store_blob(&self, blob: &Stored) -> Result<()> {
        let digest = blob.digest.to_string();
        if self.has_blob(&digest).await? {
            return Ok(());
        }
        match self.client.push_blob(&self.at, blob.bytes.clone(), &digest).await {
            Ok(_) => Ok(()),
            // Some registries take a blob and do not say where it is, as the specification wants it.
            Err(OciDistributionError::RegistryNoLocationError) if self.has_blob(&digest).await? => Ok(()),
            Err(error) => Err(self.failed("push a blob", error)),
        }
    }

    async fn has_blob(&self, digest: &str) -> Result<bool> {
        let known = self.client.blob_exists(&self.at, digest).await;
        known.map_err(|error| self.failed("ask for a blob", error))
    }

    /// Puts a manifest under a tag or its digest, and looks whether the registry holds exactly its bytes.
    pub(crate) async fn put(&self, manifest: &Stored, place: &str, media_type: &'static str) -> Result<()> {
        let what = format!("push the manifest `{place}`");
        let media_type = media_type.parse().context("a media type is a header")?;
        let pushed = self.client.push_manifest_raw(&self.reference(place), manifest.bytes.clone(), media_type).await;
        pushed.map_err(|error| self.failed(&what, error))?;
        let held = self.client.fetch_manifest_digest(&self.reference(place), &self.auth).await;
        let held = held.map_err(|error| self.failed(&what, error))?;
        let pushed = &manifest.digest;
        ensure!(held == pushed.to_string(), "{what}: `{}` holds {held}, and {pushed} was pushed", self.name());
        Ok(())
    }

    /// The referrers of a manifest, by the registry's own list or by the tag that stands for it.
    async fn referrers(&self, subject: &Sha256Digest) -> Result<OciImageIndex> {
        let found = self.client.pull_referrers(&self.reference(&subject.to_string()), None).await;
        found.map_err(|error| self.failed("list the referrers", error))
    }

    /// The attestations of a manifest: all that look like one, whoever made them.
    pub(crate) async fn attestations(&self, subject: &Sha256Digest) -> Result<Vec<(Sha256Digest, Attestation)>> {
        let mut found = Vec::new();
        let forms = Form::ALL.map(Form::media_type);
        for entry in self.referrers(subject).await?.manifests {
            // Not each registry tells what kind of artifact it is: its manifest does.
            let Some(digest) = Sha256Digest::of_reference(&entry.digest) else { continue };
            let manifest = self.manifest(&entry.digest).await?;
            let layers = manifest.map(|found| found.manifest.layers).unwrap_or_default();
            for layer in layers.iter().filter(|layer| forms.contains(&layer.media_type.as_str())) {
                found.push((digest.clone(), Attestation::read(self.blob(layer).await?.bytes)));
            }
        }
        Ok(found)
    }

    /// Stores what refers to a manifest; where the registry keeps no list of referrers, its entry in the tag that stands for it, too.
    pub(crate) async fn attach(&self, referrer: &Bundled, subject: &Sha256Digest) -> Result<()> {
        self.store(referrer).await?;
        let digest = referrer.manifest.digest.to_string();
        let mut index = self.referrers(subject).await?;
        if index.manifests.iter().any(|entry| entry.digest == digest) {
            return Ok(());
        }
        index.manifests.push(ImageIndexEntry {
            media_type: OCI_IMAGE_MEDIA_TYPE.to_owned(),
            digest: digest.clone(),
            size: i64::try_from(referrer.manifest.bytes.len()).context("count the bytes of a manifest")?,
            platform: None,
            annotations: Some(referrer.annotations.clone()),
            artifact_type: referrer.artifact_type.clone(),
        });
        let index = OciImageIndex {
            schema_version: 2,
            media_type: Some(OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned()),
            artifact_type: None,
            annotations: None,
            ..index
        };
        let index = Stored::new(serde_json::to_vec(&index).context("encode the list of referrers")?);
        let tag = subject.to_string().replace(':', "-");
        self.put(&index, &tag, OCI_IMAGE_INDEX_MEDIA_TYPE).await?;
        let is_listed = self.referrers(subject).await?.manifests.iter().any(|entry| entry.digest == digest);
        ensure!(is_listed, "`{}` does not list the attestation `{digest}` that was pushed", self.name());
        Ok(())
    }

    fn reference(&self, place: &str) -> Reference {
        let (host, repository) = (self.at.resolve_registry().to_owned(), self.at.repository().to_owned());
        match place.split_once(':') {
            // The client asks by the digest. The tag is what it takes off the URL of a manifest that a registry accepts without telling its
            // own: without a tag it would take `latest` off, and panic.
            Some((_, hex)) => Reference::with_tag_and_digest(host, repository, hex.to_owned(), place.to_owned()),
            None => Reference::with_tag(host, repository, place.to_owned()),
        }
    }

    fn failed(&self, what: &str, error: OciDistributionError) -> anyhow::Error {
        let host = self.at.resolve_registry();
        let hint = match &error {
            OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
                format!("`helm registry login {host}` lets you in")
            }
            _ => format!("`{host}` must answer, and let you read and write `{}`", self.at.repository()),
        };
        Environment::because(&format!("failed to {what} in `{}`", self.name()), &anyhow!(error), &hint).into()
    }
}

/// The certificates of a file.
fn certificate(file: &Path) -> Result<Certificate> {
    let refuse = |why: &str| Invalid(format!("no certificate can be read from `{}`: {why}", file.display()));
    let data = std::fs::read(file).map_err(|error| refuse(&error.to_string()))?;
    if !data.windows(27).any(|part| part == b"-----BEGIN CERTIFICATE-----") {
        return Err(refuse("it holds none in PEM").into());
    }
    Ok(Certificate { encoding: CertificateEncoding::Pem, data })
}

/// The host without its port.
fn host_of(registry: &str) -> &str {
    registry.rsplit_once(':').map_or(registry, |(host, _)| host)
}

/// Whether a registry says that there is nothing.
fn is_missing(error: &OciDistributionError) -> bool {
    let unknown = [OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound];
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => true,
        OciDistributionError::ServerError { code, .. } => *code == 404,
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.iter().any(|error| unknown.contains(&error.code))
        }
        _ => false,
    }
}

/// The login that helm or Docker keeps for a host; without one, what the registry lets anybody do.
fn login(host: &str) -> RegistryAuth {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
    let helms = set("HELM_REGISTRY_CONFIG").or_else(|| Some(config?.join("helm/registry/config.json")));
    let helms = helms.and_then(|file| File::open(file).ok());
    let helms = helms.map(|file| docker_credential::get_credential_from_reader(BufReader::new(file), host));
    match helms.and_then(Result::ok).or_else(|| docker_credential::get_credential(host).ok()) {
        Some(DockerCredential::UsernamePassword(user, password)) => RegistryAuth::Basic(user, password),
        Some(DockerCredential::IdentityToken(token)) => RegistryAuth::Bearer(token),
        None => RegistryAuth::Anonymous,
    }
}
