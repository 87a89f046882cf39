use std::collections::BTreeMap;

use chartgate_protocol::Scheme;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::rustls;

use super::*;

/// What a server does with a connection after it read the request.
enum Does {
    Answers(&'static str),
    Resets,
    Hangs,
}

async fn server(does: Does) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let read = stream.read(&mut [0; 4096]).await.unwrap();
        assert!(read > 0);
        match does {
            Does::Answers(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Does::Resets => stream.set_zero_linger().unwrap(),
            Does::Hangs => std::future::pending().await,
        }
    });
    address
}

fn load(address: &str) -> RequestLoad {
    RequestLoad {
        load: 0,
        scheme: Scheme::Http,
        address: address.to_owned(),
        path: "/".to_owned(),
        headers: BTreeMap::from([("X-Forwarded-Proto".to_owned(), "https".to_owned())]),
        rate: 1,
        status: 200,
        body: Some("\"role\":\"web\"".to_owned()),
        pod: Some("x-served-by".to_owned()),
        slow_ms: 60_000,
        limit_ms: 60_000,
    }
}

async fn sent(load: &RequestLoad) -> Outcome {
    send(load, &Ports::default(), describe(load).unwrap()).await
}

async fn sent_to(does: Does) -> Outcome {
    sent(&load(&server(does).await)).await
}

const RIGHT: &str = "HTTP/1.1 200 OK\r\nX-Served-By: app-1\r\nContent-Length: 14\r\n\r\n{\"role\":\"web\"}";

/// A failure would mean that good answers count as failures, or that nobody knows which pod gave them.
#[tokio::test]
async fn a_right_answer_is_no_failure_and_names_its_pod() {
    let outcome = sent_to(Does::Answers(RIGHT)).await;
    assert_eq!((outcome.failure, outcome.pod.as_deref()), (None, Some("app-1")));
}

/// A failure would mean that users who get an error are told apart from no others.
#[tokio::test]
async fn a_servers_error_is_told_with_its_beginning() {
    let answer = "HTTP/1.1 503 Unavailable\r\nX-Served-By: app-1\r\nContent-Length: 8\r\n\r\ndraining";
    let outcome = sent_to(Does::Answers(answer)).await;
    assert_eq!(outcome.failure, Some(Failure::ServerError { status: 503, body: "draining".to_owned() }));
    assert_eq!(outcome.pod.as_deref(), Some("app-1"));
}

/// A failure would mean that a redirect or another application's page passes for the answer.
#[tokio::test]
async fn another_answer_is_wrong() {
    for answer in [
        "HTTP/1.1 301 Moved\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"role\":1",
    ] {
        let outcome = sent_to(Does::Answers(answer)).await;
        assert!(matches!(outcome.failure, Some(Failure::Wrong { .. })), "{outcome:?}");
    }
}

/// A failure would mean that a half answer counts as a whole one.
#[tokio::test]
async fn an_answer_that_breaks_off_is_a_reset() {
    for does in [
        Does::Resets,
        Does::Answers(""),
        Does::Answers("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"role\":\"web\"}"),
        Does::Answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n{\"role\":\"web\"}\r\n"),
    ] {
        assert_eq!(sent_to(does).await.failure, Some(Failure::Reset));
    }
}

/// A failure would mean that a refused connection, the commonest loss in a rollout, is called something else.
#[tokio::test]
async fn a_closed_port_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    assert_eq!(sent(&load(&address)).await.failure, Some(Failure::Refused));
}

/// A failure would mean that a request which is never answered is never told of.
#[tokio::test]
async fn an_answer_that_does_not_come_times_out() {
    let address = server(Does::Hangs).await;
    let outcome = sent(&RequestLoad { limit_ms: 50, ..load(&address) }).await;
    assert_eq!(outcome.failure, Some(Failure::TimedOut));
}

/// A failure would mean that users wait and the report shows no trouble.
#[test]
fn a_right_answer_that_takes_too_long_is_slow() {
    let load = RequestLoad { slow_ms: 5000, ..load("host:1") };
    let answer = Answer { status: 200, pod: None, body: "{\"role\":\"web\"}".to_owned() };
    assert_eq!(judge(&load, &answer, Duration::from_secs(5)), None);
    assert_eq!(judge(&load, &answer, Duration::from_secs(6)), Some(Failure::Slow));
}

/// A failure would mean that what is no HTTP looks like a lost connection.
#[tokio::test]
async fn another_protocol_is_named() {
    let outcome = sent_to(Does::Answers("SSH-2.0-OpenSSH\r\n\r\n")).await;
    assert!(matches!(outcome.failure, Some(Failure::Other { .. })), "{outcome:?}");
}

/// A failure would mean that requests of a settled release are sent after a pod that went away minutes ago.
#[test]
fn a_port_comes_back_last() {
    let ports = Ports::default();
    let first = ports.next();
    let others: std::collections::HashSet<u16> = (1..64_512).map(|_| ports.next()).collect();
    assert_eq!((first, others.len(), others.contains(&first), ports.next()), (1024, 64_511, false, first));
}

/// A failure would mean that a request is lost because a session came from its port.
#[tokio::test]
async fn a_port_in_use_is_passed_over() {
    let ports = Ports::default();
    let taken: Vec<_> = (0..3).map(|_| std::net::TcpListener::bind(("0.0.0.0", ports.next()))).collect();
    assert_eq!(sent_to(Does::Answers(RIGHT)).await.failure, None);
    drop(taken);
}

/// A server that speaks TLS with a certificate that nobody signed, and gives the right answer.
async fn tls_server() -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // A client that speaks no TLS is left.
        if let Ok(mut stream) = acceptor.accept(stream).await {
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            stream.write_all(RIGHT.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    address
}

/// A failure would mean that a backend with its own certificate looks broken, or that one without TLS passes for one with it.
#[tokio::test]
async fn https_takes_any_certificate_and_no_plain_answer() {
    let secure = |address: &str| RequestLoad { scheme: Scheme::Https, ..load(address) };
    assert_eq!(sent(&secure(&tls_server().await)).await.failure, None);
    let plain = sent(&secure(&server(Does::Answers(RIGHT)).await)).await;
    assert!(plain.failure.is_some(), "{plain:?}");
    let unasked = sent(&load(&tls_server().await)).await;
    assert!(unasked.failure.is_some(), "{unasked:?}");
}
