//! A registry as companies have it: behind TLS with a certificate of their own authority, and closed to who has not logged in.

use std::path::Path;

use chartgate_process::home;
use chartgate_process::tool::{Output, Tool};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

use super::keys::Keys;
use crate::cluster::release::PORT;
use crate::support::check_said;
use crate::support::strangers::Stranger;

/// `secret`, as the registry keeps it: it takes bcrypt alone.
const PASSWORD: &str = "releaser:$2b$04$jQskBDuHB1y67pZOzxPlbOPyk2vBVjzMVBWKFPy6.jV9xagaRlY8m\n";

/// One that runs for as long as this.
struct Secured {
    _container: ContainerAsync<GenericImage>,
    address: String,
}

impl Secured {
    /// Starts it; `ca_file` receives the certificate of its authority.
    async fn start(ca_file: &Path) -> Self {
        let (certificate, key, authority) = certificates();
        std::fs::write(ca_file, authority).expect("it can be written");
        let reference = home::image("REGISTRY").expect("the set-up made it");
        let (image, tag) = reference.rsplit_once(':').expect("it has a tag");
        let request = GenericImage::new(image, tag)
            .with_exposed_port(PORT.tcp())
            .with_wait_for(WaitFor::message_on_either_std("listening on"))
            .with_copy_to("/tls.crt", certificate.into_bytes())
            .with_copy_to("/tls.key", key.into_bytes())
            .with_copy_to("/passwords", PASSWORD.as_bytes().to_vec())
            .with_env_var("REGISTRY_HTTP_TLS_CERTIFICATE", "/tls.crt")
            .with_env_var("REGISTRY_HTTP_TLS_KEY", "/tls.key")
            .with_env_var("REGISTRY_AUTH", "htpasswd")
            .with_env_var("REGISTRY_AUTH_HTPASSWD_REALM", "charts")
            .with_env_var("REGISTRY_AUTH_HTPASSWD_PATH", "/passwords");
        let container = request.start().await.expect("the registry starts");
        let port = container.get_host_port_ipv4(PORT.tcp()).await.expect("its port is mapped");
        Self { _container: container, address: format!("127.0.0.1:{port}") }
    }
}

/// A certificate for this machine, its key, and the certificate of the authority that signed it.
fn certificates() -> (String, String, String) {
    let mut authority = CertificateParams::new(Vec::new()).expect("it needs no name");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key can be made"));
    let authority = authority.expect("it can be signed");
    let key = KeyPair::generate().expect("a key can be made");
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("it is an address");
    let own = own.signed_by(&key, &authority).expect("it can be signed");
    (own.pem(), key.serialize_pem(), authority.pem())
}

/// The command in a directory, with the logins that helm keeps in a file.
async fn chartgate(arguments: &str, folder: &Path, logins: &Path) -> Output {
    let call = Tool::new("chartgate", env!("CARGO_BIN_EXE_chartgate")).args(arguments.split(' ')).folder(folder);
    let call = call.env("HELM_REGISTRY_CONFIG", logins).deadline(std::time::Duration::from_secs(1200));
    call.run_unchecked().await.expect("it starts")
}

/// A failure would mean that a company cannot publish to its own registry, or that its charts are published without its leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: it runs a chart's whole life twice"]
async fn a_registry_behind_tls_and_a_login_takes_a_release_and_the_next() {
    let place = tempfile::tempdir().expect("a directory can be made");
    let logins = place.path().join("logins.json");
    let registry = Secured::start(&place.path().join("ca.pem")).await;
    let (keys, chart) = (Keys::make().await, Stranger::new("bare"));
    // A chart below this repository is a commit's, or is refused.
    let copy = Tool::on_path("cp").args(["-r"]).args([chart.path(), &place.path().join("shop")]);
    copy.run().await.expect("the chart can be copied");
    let login = format!("registry login {} --username releaser --password secret --ca-file ca.pem", registry.address);
    let helm = home::version("HELM").and_then(home::helm).expect("the set-up made it");
    let login = Tool::new("helm", helm).args(login.split(' ')).folder(place.path());
    login.env("HELM_REGISTRY_CONFIG", &logins).run().await.expect("helm logs in");

    let (to, key) = (&registry.address, keys.private_file.display());
    let release = format!("release shop --to oci://{to}/charts --key {key} --ca-file ca.pem");
    let first = chartgate(&format!("{release} --from self"), place.path(), &logins).await;
    check_said(&first, 0, &["released oci://"]);
    let next = chartgate(&format!("{release} --version 1.1.0"), place.path(), &logins).await;
    check_said(&next, 0, &["released oci://", "1.1.0"]);
    let plan = Tool::on_path("bash").args(["-c", "cat chartgate-out/*/*/plan.json"]).folder(place.path());
    let plan = plan.run().await.expect("it was run").stdout;
    assert!(plan.contains("bare:1.0.0"), "the next version is not upgraded from the one in the registry: {plan}");

    let reference = format!("oci://{}/charts/bare:1.1.0", registry.address);
    let verify = format!("verify {reference} --key {}", keys.public.display());
    check_said(&chartgate(&format!("{verify} --ca-file ca.pem"), place.path(), &logins).await, 0, &["verified"]);
    let without_login = chartgate(&format!("{verify} --ca-file ca.pem"), place.path(), Path::new("/none")).await;
    check_said(&without_login, 4, &["helm registry login"]);
    // Without the file it is a registry of this machine, which is spoken to without TLS.
    check_said(&chartgate(&verify, place.path(), &logins).await, 4, &["failed to ask for"]);
    check_said(
        &chartgate(&format!("{verify} --ca-file logins.json"), place.path(), &logins).await,
        2,
        &["holds none in PEM"],
    );
}
