//! The certificates that the stub shows: those that the chart mounts, else one of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// A certificate is some kilobytes; a larger file is something else.
const LIMIT: u64 = 256 * 1024;

/// TLS with the certificates that are in these directories, and one of our own for everything else.
pub(super) fn config(directories: &[PathBuf]) -> Result<Arc<ServerConfig>> {
    let resolver = Arc::new(Resolver { mounted: mounted(directories), own: own()? });
    let versions =
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions();
    let mut config = versions.context("choose TLS versions")?.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificate whose name the client asks for; without such a name the first one that is mounted.
#[derive(Debug)]
struct Resolver {
    mounted: Vec<Arc<CertifiedKey>>,
    own: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = client.server_name().and_then(|name| ServerName::try_from(name).ok());
        let is_for = |key: &&Arc<CertifiedKey>| {
            let parsed = key.cert.first().and_then(|certificate| ParsedCertificate::try_from(certificate).ok());
            name.as_ref().zip(parsed).is_some_and(|(name, parsed)| verify_server_name(&parsed, name).is_ok())
        };
        let found = self.mounted.iter().find(is_for).or(self.mounted.first());
        Some(found.unwrap_or(&self.own).clone())
    }
}

/// Every certificate of the directories that has its key there.
fn mounted(directories: &[PathBuf]) -> Vec<Arc<CertifiedKey>> {
    let files: Vec<Vec<u8>> = directories.iter().flat_map(|directory| files(directory)).collect();
    let chains = files.iter().map(|file| CertificateDer::pem_slice_iter(file).flatten().collect::<Vec<_>>());
    let chains: Vec<_> = chains.filter(|chain| !chain.is_empty()).collect();
    let keys = files.iter().flat_map(|file| PrivateKeyDer::pem_slice_iter(file).flatten());
    let pairs =
        keys.flat_map(|key| chains.iter().filter_map(move |chain| certified(chain.clone(), &key)).collect::<Vec<_>>());
    pairs.collect()
}

/// The certificate with its key; `None`: the key is another's.
fn certified(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Option<Arc<CertifiedKey>> {
    let signing = ring::sign::any_supported_type(key).ok()?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().is_ok().then(|| Arc::new(certified))
}

/// The files of a directory that may hold a certificate or a key; those of a mounted Secret are links.
fn files(directory: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        directory.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    // A `subPath` mounts one file.
    paths.push(directory.to_owned());
    paths.sort();
    let is_small = |path: &PathBuf| path.metadata().is_ok_and(|data| data.is_file() && data.len() <= LIMIT);
    paths.into_iter().filter(is_small).filter_map(|path| std::fs::read(path).ok()).collect()
}

/// One that nobody trusts: probes ask for none.
fn own() -> Result<Arc<CertifiedKey>> {
    let made =
        rcgen::generate_simple_self_signed(["stub.chartgate.invalid".to_owned()]).context("make a certificate")?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    certified(vec![made.cert.der().clone()], &key).context("use a certificate")
}
