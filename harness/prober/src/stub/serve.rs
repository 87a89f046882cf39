//! A server that plays any server: it answers 200 over HTTP/1 and HTTP/2, `SERVING` over gRPC, with and without TLS.

use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::answer::answer;
use super::certificate;

/// First byte of a TLS connection: a handshake record (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// Serves on all ports until it is asked to end, and then ends at once, as a server without a drain does.
///
/// A port that cannot be listened on is noted and left out: another container of the pod may have it, or the user may not.
pub(super) async fn serve(ports: &[u16], certificates: &[PathBuf]) -> Result<()> {
    let mut ended = Vec::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()] {
        ended.push(signal(kind).context("listen to signals")?);
    }
    let tls = certificate::config(certificates)?;
    for port in ports {
        match listen(*port) {
            Ok(listener) => drop(tokio::spawn(accept(listener, tls.clone()))),
            Err(error) => note(&format!("chartgate's stub cannot listen on port {port}: {error}")),
        }
    }
    let any = ended.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures::future::select_all(any).await;
    Ok(())
}

/// Listens on all addresses; on those of IPv4 alone where there is no other.
fn listen(port: u16) -> std::io::Result<TcpListener> {
    let on = |address: SocketAddr| {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    on((Ipv6Addr::UNSPECIFIED, port).into()).or_else(|_| on((Ipv4Addr::UNSPECIFIED, port).into()))
}

async fn accept(listener: TcpListener, tls: Arc<ServerConfig>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, tls.clone()))),
            // Too many open files, or a client that went before its turn.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// Speaks what the first byte asks for. A client that waits for the server to speak first waits.
async fn converse(stream: TcpStream, tls: Arc<ServerConfig>) {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) if first[0] == HANDSHAKE => {
            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                speak_http(stream).await;
            }
        }
        Ok(1) => speak_http(stream).await,
        // A probe that only connects.
        _ => {}
    }
}

/// HTTP/1 or HTTP/2, as the client's first bytes say.
async fn speak_http(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
    // What is no HTTP is refused, and a client that goes in the middle says nothing of the chart.
    drop(Builder::new(TokioExecutor::new()).serve_connection_with_upgrades(TokioIo::new(stream), service).await);
}

/// Writes to the container's log.
#[expect(clippy::print_stderr, reason = "the log of a container of chartgate's own is read by people alone")]
pub(super) fn note(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests;
