use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::*;

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);

/// Starts the stub on a free port.
async fn start(certificates: &[PathBuf]) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(accept(listener, certificate::config(certificates).unwrap()));
    port
}

async fn post(port: u16, content: &str, body: &'static [u8]) -> (u16, Bytes, Option<String>) {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request =
        Request::post("http://stub/x").header(CONTENT_TYPE, content).body(Full::new(Bytes::from_static(body)));
    let response = timeout(LIMIT, sender.send_request(request.unwrap())).await.unwrap().unwrap();
    let status = response.status().as_u16();
    let collected = response.into_body().collect().await.unwrap();
    let trailer =
        collected.trailers().and_then(|trailers| trailers.get("grpc-status")?.to_str().ok().map(str::to_owned));
    (status, collected.to_bytes(), trailer)
}

/// A failure would mean that a pod with a gRPC probe never becomes ready.
#[tokio::test]
async fn grpc_health_is_serving() {
    let (status, body, trailer) = post(start(&[]).await, "application/grpc", &[0, 0, 0, 0, 0]).await;
    assert_eq!((status, trailer.as_deref()), (200, Some("0")));
    assert_eq!(body.as_ref(), [0, 0, 0, 0, 2, 8, 1]);
}

/// A failure would mean that a pod with an HTTP probe never becomes ready.
#[tokio::test]
async fn http_is_answered() {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, start(&[]).await)).await.unwrap();
    assert_eq!(status_of(stream).await, 200);
}

/// A failure would mean that the API server cannot ask a webhook of the chart, whose certificate the pod mounts.
#[tokio::test]
async fn the_mounted_certificate_is_shown_to_who_asks_for_its_name() {
    let directory = std::env::temp_dir().join(format!("chartgate-stub-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let made = rcgen::generate_simple_self_signed(["web.shop.svc".to_owned()]).unwrap();
    std::fs::write(directory.join("tls.crt"), made.cert.pem()).unwrap();
    std::fs::write(directory.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    let port = start(std::slice::from_ref(&directory)).await;
    std::fs::remove_dir_all(&directory).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let name = "web.shop.svc".try_into().unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    assert_eq!(status_of(stream).await, 200);
}

/// A failure would mean that a webhook of the chart refuses what the chart makes.
#[tokio::test]
async fn a_webhook_allows_what_it_is_asked_about() {
    let asked = br#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "7"}}"#;
    let (_, body, _) = post(start(&[]).await, "application/json", asked).await;
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["response"], serde_json::json!({"uid": "7", "allowed": true}));
}

async fn status_of(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> u16 {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/healthz").body(Full::<Bytes>::default()).unwrap();
    timeout(LIMIT, sender.send_request(request)).await.unwrap().unwrap().status().as_u16()
}
