//! The verifier that others use accepts what we sign, and refuses what we refuse.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chartgate_process::home;
use chartgate_process::tool::{Output, Tool};

use super::Stage;
use super::keys::Keys;
use super::registries::Kind;
use crate::support;
use crate::support::markdown::Document;

/// It has many dependencies.
const LIMIT: Duration = Duration::from_secs(3600);

/// cosign, built from its Go module.
async fn cosign() -> PathBuf {
    let folder = support::repository().join("target/cosign");
    let version = home::version("COSIGN").expect("versions.env names it");
    let major = version.split('.').next().expect("a version has a major");
    let module = format!("github.com/sigstore/cosign/v{major}/cmd/cosign@v{version}");
    let install = Tool::on_path("go").args(["install", "-trimpath", "-ldflags", "-s -w", &module]);
    let install = install.env("GOBIN", &folder).env("CGO_ENABLED", "0").deadline(LIMIT);
    install.run().await.unwrap_or_else(|error| panic!("{error:#}"));
    folder.join("cosign")
}

/// The command of the book, on a registry of this machine, which speaks no TLS.
async fn verify(cosign: &Path, stage: &Stage, key: &Path) -> Output {
    let page = Document::read(&support::repository().join("docs/src/how-to/release.md"));
    let block = page.blocks().into_iter().find(|block| block.text.starts_with("cosign verify-attestation "));
    let command = block.expect("the book has the command").text.replace("release.pub", &key.display().to_string());
    let command = command.replace("registry.example/charts/shop:1.1.0", stage.reference().trim_start_matches("oci://"));
    let command =
        command.replacen("cosign verify-attestation", "\"$COSIGN\" verify-attestation --allow-http-registry", 1);
    let call = Tool::on_path("bash").args(["-euc", &command]).env("COSIGN", cosign);
    call.run_unchecked().await.expect("bash starts")
}

/// A failure would mean that only chartgate itself believes chartgate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: cosign is built from its Go module"]
async fn cosign_accepts_what_we_sign_and_refuses_another_key_and_another_chart() {
    let cosign = cosign().await;
    let other = Keys::make().await;
    for kind in [Kind::WithoutReferrers, Kind::WithReferrers] {
        let stage = Stage::new(kind).await;
        stage.release().await;
        let accepted = verify(&cosign, &stage, &stage.keys.public).await;
        assert!(accepted.is_success(), "{}{}", accepted.stdout, accepted.stderr);
        assert!(accepted.stdout.contains("application/vnd.in-toto+json"), "{}", accepted.stdout);
        let refused = verify(&cosign, &stage, &other.public).await;
        assert!(!refused.is_success(), "another key is accepted: {}", refused.stdout);
        let bare = Stage::new(kind).await;
        super::push_with_helm(&bare).await;
        let refused = verify(&cosign, &bare, &bare.keys.public).await;
        assert!(!refused.is_success(), "a chart without an attestation is accepted: {}", refused.stdout);
    }
}
