use chartgate_process::tool::Tool;

use super::*;

async fn openssl(args: &[&str], input: &str) -> String {
    Tool::on_path("openssl").args(args).stdin(input).run().await.unwrap().stdout
}

/// A key as the book says to make it, and the same with a password.
async fn keys() -> (String, String) {
    let made = openssl(&["ecparam", "-genkey", "-name", "prime256v1", "-noout"], "").await;
    let plain = openssl(&["pkcs8", "-topk8", "-nocrypt"], &made).await;
    let locked = openssl(&["pkcs8", "-topk8", "-passout", "pass:secret"], &made).await;
    (plain, locked)
}

fn refusal(pem: &str, password: Option<&str>) -> String {
    PrivateKey::of_pem(pem, password, "key.pem").err().map(|error| error.to_string()).unwrap_or_default()
}

/// A failure would mean that a key of OpenSSL's signs what nobody can verify, or that each key verifies everything.
#[tokio::test]
async fn a_key_of_openssl_signs_what_its_other_half_verifies() {
    let (plain, locked) = keys().await;
    let (key, same) = (
        PrivateKey::of_pem(&plain, None, "key.pem").unwrap(),
        PrivateKey::of_pem(&locked, Some("secret"), "key.pem").unwrap(),
    );
    let signature = key.sign(b"text");
    assert!(same.public().has_signed(b"text", &signature));
    assert!(!same.public().has_signed(b"test", &signature));
    let other = PrivateKey::of_pem(&keys().await.0, None, "key.pem").unwrap();
    assert!(!other.public().has_signed(b"text", &signature));
    assert!(!key.public().has_signed(b"text", b""));
}

/// A failure would mean that a person does not know what is wrong with a key.
#[tokio::test]
async fn what_is_no_key_is_refused_with_a_hint() {
    let (plain, locked) = keys().await;
    assert!(refusal(&locked, None).contains("a password protects it\nhint: set `CHARTGATE_KEY_PASSWORD`"));
    assert!(refusal(&locked, Some("wrong")).contains("it does not open with this password"));
    let sec1 = openssl(&["pkey", "-traditional"], &plain).await;
    assert!(refusal(&sec1, None).contains("hint: `openssl pkcs8 -topk8"), "{}", refusal(&sec1, None));
    assert!(refusal("text", None).contains("no private key in PKCS#8 PEM\nhint: `openssl ecparam"));
    let rsa = openssl(&["genpkey", "-algorithm", "RSA", "-quiet"], "").await;
    assert!(refusal(&rsa, None).contains("the key `key.pem`: "), "{}", refusal(&rsa, None));
    assert!(PublicKey::read("/no/such.pem").err().unwrap().to_string().contains("cannot read the key `/no/such.pem`"));
}
