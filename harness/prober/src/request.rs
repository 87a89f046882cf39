//! One request on a connection of its own, and what became of it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_protocol::{Failure, RequestLoad, Scheme};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use crate::connection;

/// What is remembered of a body; the promised text stands in its beginning.
const REMEMBERED: usize = 64 * 1024;
/// What is told of a body: enough to know who wrote it.
const TOLD: usize = 200;

/// Those below need privileges.
const FIRST_PORT: u16 = 1024;
/// So many ports may be in use one after the other.
const PORT_ATTEMPTS: usize = 1000;

/// The ports that requests are sent from: each has its turn, whichever load sends.
#[derive(Default)]
pub struct Ports(AtomicU64);

impl Ports {
    /// Connects from a port that was not used for as long as possible.
    ///
    /// A node remembers for two minutes to which pod it sent a connection that was never answered, and sends the next one from
    /// the same port there as well, even if the pod is long gone. The kernel's own choice comes back to a port after ten seconds
    /// or so.
    async fn connect(&self, address: &str) -> std::io::Result<TcpStream> {
        let server = lookup_host(address).await?.next().ok_or(ErrorKind::NotFound)?;
        let here: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        for _ in 0..PORT_ATTEMPTS {
            let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            match socket.bind(SocketAddr::new(here, self.next())) {
                Ok(()) => return socket.connect(server).await,
                // By a request that still waits, by a session, or by what listens here.
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(std::io::Error::new(ErrorKind::AddrInUse, "the prober has no free port"))
    }

    fn next(&self) -> u16 {
        let ports = u64::from(u16::MAX - FIRST_PORT) + 1;
        FIRST_PORT + u16::try_from(self.0.fetch_add(1, Ordering::Relaxed) % ports).unwrap_or_default()
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How long it took until that was known.
    pub took: Duration,
    /// The pod that answered, where the answer names it.
    pub pod: Option<String>,
    /// `None`: the answer was right and in time.
    pub failure: Option<Failure>,
}

/// An answer as far as it is looked at.
pub struct Answer {
    /// Status code.
    pub status: u16,
    pod: Option<String>,
    /// The body's beginning.
    pub body: String,
}

/// Where a request goes, and how.
pub struct Server<'a> {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Host (or IP address) and port.
    pub address: &'a str,
    /// Header of its answers, in lower case, that names the pod.
    pub pod: Option<&'a str>,
}

/// Makes the request that each connection sends.
///
/// # Errors
/// If a path or a header cannot be sent.
pub fn describe(load: &RequestLoad) -> Result<Request<Empty<Bytes>>> {
    let mut request = Request::get(load.path.as_str());
    if !load.headers.keys().any(|name| name.eq_ignore_ascii_case(HOST.as_str())) {
        request = request.header(HOST, load.address.as_str());
    }
    for (name, value) in &load.headers {
        request = request.header(name, value);
    }
    request.body(Empty::new()).context("describe the request")
}

/// Sends the request and says what became of it, within the load's limit.
pub async fn send(load: &RequestLoad, ports: &Ports, request: Request<Empty<Bytes>>) -> Outcome {
    let started = Instant::now();
    let server = Server { scheme: load.scheme, address: &load.address, pod: load.pod.as_deref() };
    let answer = timeout(Duration::from_millis(load.limit_ms), exchange(&server, ports, request)).await;
    let took = started.elapsed();
    match answer {
        Err(_) => Outcome { took, pod: None, failure: Some(Failure::TimedOut) },
        Ok(Err(failure)) => Outcome { took, pod: None, failure: Some(failure) },
        Ok(Ok(answer)) => Outcome { took, failure: judge(load, &answer, took), pod: answer.pod },
    }
}

/// Sends a request on a connection of its own, and reads the answer.
///
/// # Errors
/// Why there is no whole answer.
pub async fn exchange<B>(server: &Server<'_>, ports: &Ports, request: Request<B>) -> Result<Answer, Failure>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = ports.connect(server.address).await.map_err(|error| not_connected(&error))?;
    // The kernel keeps a port for a minute after an orderly end, and high rates would run out of them.
    stream.set_zero_linger().map_err(|error| other(&error))?;
    stream.set_nodelay(true).map_err(|error| other(&error))?;
    let stream =
        connection::secure(stream, server.scheme, server.address).await.map_err(|error| not_connected(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let mut exchanged = pin!(async move { read(sender.send_request(request).await?, server.pod).await });
    let answer = tokio::select! {
        biased;
        answer = &mut exchanged => answer,
        // The answer may have come whole with the connection's end; if not, the exchange says how it broke.
        _ended = connection => exchanged.await,
    };
    answer.map_err(|error| broken(&error))
}

/// Reads the whole body: an answer that ends before it is none.
async fn read(mut response: Response<Incoming>, pod: Option<&str>) -> hyper::Result<Answer> {
    let pod = pod.and_then(|header| response.headers().get(header));
    let pod = pod.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let mut body = Vec::new();
    while let Some(frame) = response.frame().await {
        if let Ok(data) = frame?.into_data() {
            body.extend_from_slice(&data[..data.len().min(REMEMBERED - body.len())]);
        }
    }
    Ok(Answer { status: response.status().as_u16(), pod, body: String::from_utf8_lossy(&body).into_owned() })
}

impl Answer {
    /// Enough of the body to know who wrote it.
    pub fn beginning(&self) -> String {
        self.body.chars().take(TOLD).collect()
    }

    /// What is wrong with an answer of another status than this.
    pub fn unless_status(&self, right: u16) -> Option<Failure> {
        let status = self.status;
        if status == right {
            return None;
        }
        if (500..=599).contains(&status) {
            return Some(Failure::ServerError { status, body: self.beginning() });
        }
        Some(Failure::Wrong { what: format!("status {status} in place of {right}: {}", self.beginning()) })
    }
}

/// Compares an answer with the right one.
fn judge(load: &RequestLoad, answer: &Answer, took: Duration) -> Option<Failure> {
    if let Some(failure) = answer.unless_status(load.status) {
        return Some(failure);
    }
    if let Some(text) = load.body.as_ref().filter(|text| !answer.body.contains(text.as_str())) {
        return Some(Failure::Wrong { what: format!("no `{text}` in the body: {}", answer.beginning()) });
    }
    (took > Duration::from_millis(load.slow_ms)).then_some(Failure::Slow)
}

fn not_connected(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionRefused => Failure::Refused,
        // A handshake of TLS that the other side leaves ends early.
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof => Failure::Reset,
        ErrorKind::TimedOut => Failure::TimedOut,
        _ => other(error),
    }
}

/// What ends an exchange on an open connection is a reset, unless what came is no HTTP at all.
fn broken(error: &hyper::Error) -> Failure {
    if error.is_parse() || error.is_user() { other(error) } else { Failure::Reset }
}

fn other(error: &(dyn std::error::Error + 'static)) -> Failure {
    let causes = std::iter::successors(Some(error), |error| error.source());
    Failure::Other { why: causes.map(ToString::to_string).collect::<Vec<_>>().join(": ") }
}

#[cfg(test)]
mod tests;
