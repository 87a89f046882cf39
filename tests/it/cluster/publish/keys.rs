//! Keys as the book says to make them.

use std::path::PathBuf;

use chartgate_process::tool::Tool;
use chartgate_release::PrivateKey;
use tempfile::TempDir;

/// A pair.
pub struct Keys {
    pub private: PrivateKey,
    /// Its file.
    pub private_file: PathBuf,
    /// The file of the public half.
    pub public: PathBuf,
    _directory: TempDir,
}

impl Keys {
    pub async fn make() -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let made = openssl(&["ecparam", "-genkey", "-name", "prime256v1", "-noout"], "").await;
        let pem = openssl(&["pkcs8", "-topk8", "-nocrypt"], &made).await;
        let private_file = directory.path().join("private.pem");
        std::fs::write(&private_file, &pem).expect("it can be written");
        let public = directory.path().join("public.pem");
        std::fs::write(&public, openssl(&["pkey", "-pubout"], &pem).await).expect("it can be written");
        let private = PrivateKey::of_pem(&pem, None, "key.pem").expect("it is a key");
        Self { private, private_file, public, _directory: directory }
    }
}

async fn openssl(args: &[&str], input: &str) -> String {
    Tool::on_path("openssl").args(args).stdin(input).run().await.expect("openssl works").stdout
}
