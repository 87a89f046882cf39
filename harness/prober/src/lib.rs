//! Sends the harness's probes from inside the cluster: orders come in on standard input, what is told goes out on standard
//! output, one JSON document a line. It ends when its input does.
//!
//! Called as `stub`, it plays an application instead, and with `follow FILE` it gives a file's lines with their numbers. It is a library,
//! too, so that the static `chartgate` can be it.

mod clock;
mod connection;
mod follow;
mod job;
mod keep;
mod load;
mod request;
mod session;
mod stub;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chartgate_protocol::{Answer, Order, Question, Reply, Scheme, Told};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use clock::millis;
use request::Ports;

/// A body's first bytes tell what answered; more would only fill the recording.
const BODY_LIMIT: usize = 4096;

/// Where the prober is in its image.
const PROGRAM: &str = "/prober";

/// Whether this process was started as the prober or the stub of an image.
pub fn is_called() -> bool {
    std::env::args()
        .next()
        .is_some_and(|program| [PROGRAM, stub::PROGRAM].map(Path::new).contains(&Path::new(&program)))
}

/// Does what the prober or the stub does, as the process is called.
pub fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(play())
}

async fn play() -> Result<()> {
    let mut arguments = std::env::args();
    if arguments.next().is_some_and(|program| Path::new(&program) == Path::new(stub::PROGRAM)) {
        return stub::run(arguments).await;
    }
    match arguments.next().as_deref() {
        Some("follow") => follow::run(arguments).await,
        _ => probe().await,
    }
}

async fn probe() -> Result<()> {
    let (told, mut outgoing) = mpsc::unbounded_channel::<Told>();
    let writer = tokio::spawn(async move {
        let mut out = tokio::io::stdout();
        while let Some(told) = outgoing.recv().await {
            let mut line = serde_json::to_vec(&told).context("encode what is told")?;
            line.push(b'\n');
            out.write_all(&line).await.context("write what is told")?;
            out.flush().await.context("write what is told")?;
        }
        anyhow::Ok(())
    });
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut loads = Loads::default();
    let ports = Arc::new(Ports::default());
    while let Some(line) = orders.next_line().await.context("read an order")? {
        let order: Order = serde_json::from_str(&line).with_context(|| format!("parse the order `{line}`"))?;
        let told = told.clone();
        match order {
            Order::Ask(question) => drop(tokio::spawn(async move {
                // The receiver only goes away when the output is closed, and then nobody waits for the reply.
                drop(told.send(Told::Reply(ask(question).await)));
            })),
            Order::Send(load) => loads.begin(load.load, |stop| load::send(load, ports.clone(), told, stop)),
            Order::HandIn(load) => loads.begin(load.load, |stop| job::hand_in(load, ports.clone(), told, stop)),
            Order::Keep(load) => loads.begin(load.load, |stop| keep::keep(load, told, stop)),
            Order::Stop(load) => loads.stop(load),
        }
    }
    // Nobody listens any more: the loads end as they are.
    drop((loads, told));
    writer.await.context("join the writer")?
}

/// The loads that run, and how each is stopped.
#[derive(Default)]
struct Loads {
    tasks: JoinSet<()>,
    stops: HashMap<u64, oneshot::Sender<()>>,
}

impl Loads {
    fn begin<Run>(&mut self, load: u64, run: impl FnOnce(oneshot::Receiver<()>) -> Run)
    where
        Run: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        self.stops.insert(load, stop);
        self.tasks.spawn(run(stopped));
    }

    fn stop(&mut self, load: u64) {
        // A load that is told to stop a second time is stopping.
        drop(self.stops.remove(&load));
    }
}

async fn ask(question: Question) -> Reply {
    let limit = Duration::from_millis(question.limit_ms);
    let started = Instant::now();
    if let (Some(session), Some(first), Some(path)) = (&question.session, &question.control, &question.path) {
        let (control, answer) = session::reach(first, &question.address, path, session, limit).await;
        return Reply { id: question.id, took_ms: millis(started.elapsed()), answer, control: Some(control) };
    }
    let asked = async {
        let answer = match &question.path {
            None => connect(&question.address, limit).await,
            Some(path) => get(question.scheme, &question.address, path, limit).await,
        };
        (answer, started.elapsed())
    };
    let controlled = async {
        match &question.control {
            Some(address) => Some(connect(address, limit).await),
            None => None,
        }
    };
    let ((answer, took), control) = tokio::join!(asked, controlled);
    Reply { id: question.id, took_ms: millis(took), answer, control }
}

async fn connect(address: &str, limit: Duration) -> Answer {
    match timeout(limit, TcpStream::connect(address)).await {
        Err(_) => Answer::TimedOut,
        Ok(Ok(_)) => Answer::Connected,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Answer::Refused,
        Ok(Err(error)) => Answer::Failed(error.to_string()),
    }
}

/// A GET on a connection of its own: a pooled one would prove nothing about the pod that is asked now.
async fn get(scheme: Scheme, address: &str, path: &str, limit: Duration) -> Answer {
    match timeout(limit, exchange(scheme, address, path)).await {
        Err(_) => Answer::TimedOut,
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if is_refused(&error) => Answer::Refused,
        Ok(Err(error)) => Answer::Failed(format!("{error:#}")),
    }
}

async fn exchange(scheme: Scheme, address: &str, path: &str) -> Result<Answer> {
    let stream = TcpStream::connect(address).await.context("connect")?;
    let stream = connection::secure(stream, scheme, address).await.context("begin TLS")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the last byte of the answer, or with the sender; what ends it early is the sender's error as well.
    let running = tokio::spawn(connection);
    let request = Request::get(path).header(HOST, address).header(ACCEPT, "*/*").body(Empty::<Bytes>::new())?;
    let mut response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let headers = response.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let headers = headers.collect();
    let mut body = Vec::new();
    while body.len() < BODY_LIMIT
        && let Some(frame) = response.frame().await
    {
        if let Ok(data) = frame?.into_data() {
            body.extend_from_slice(&data);
        }
    }
    running.abort();
    body.truncate(BODY_LIMIT);
    Ok(Answer::Http { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn is_refused(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|io| io.kind() == ErrorKind::ConnectionRefused)
}
