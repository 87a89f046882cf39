//! Jobs at a fixed rate: each is handed in at its time, and its result is asked for until it is there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_protocol::{Failure, Job, JobEnd, JobLoad, JobTold, Told};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock::pause;
use crate::clock::{Clock, millis};
use crate::load::due;
use crate::request::{Answer, Ports, Server, exchange};

/// Between two questions for a result: those who wait are not to be the load.
const AGAIN: Duration = Duration::from_secs(2);

/// Hands in jobs until it is stopped. Those that were accepted by then are waited for.
pub async fn hand_in(
    load: JobLoad,
    ports: Arc<Ports>,
    told: mpsc::UnboundedSender<Told>,
    mut stop: oneshot::Receiver<()>,
) {
    // The receiver only goes away when the output is closed, and then nobody listens.
    let tell = |what: Told| drop(told.send(what));
    let clock = Clock::start();
    tell(Told::Started { load: load.load, unix_ms: clock.now() });
    let load = Arc::new(load);
    let mut jobs: JoinSet<JobTold> = JoinSet::new();
    let mut next = 0;
    loop {
        tokio::select! {
            biased;
            _ = &mut stop => break,
            () = sleep_until(clock.started() + due(next, load.rate)) => {
                next += 1;
                let (load, ports) = (load.clone(), ports.clone());
                jobs.spawn(async move {
                    let (sent, started) = (clock.now(), Instant::now());
                    let end = carry_out(&load, &ports, next).await;
                    JobTold { load: load.load, sent, took_ms: millis(started.elapsed()), end }
                });
            }
            Some(Ok(job)) = jobs.join_next() => tell(Told::Job(job)),
        }
    }
    while let Some(ended) = jobs.join_next().await {
        if let Ok(job) = ended {
            tell(Told::Job(job));
        }
    }
    tell(Told::Stopped { load: load.load });
}

async fn carry_out(load: &JobLoad, ports: &Ports, number: u64) -> JobEnd {
    let id = match accepted(load, ports, number).await {
        Ok(id) => id,
        Err(failure) => return JobEnd::NotAccepted { failure },
    };
    let Job { shows, within_ms, .. } = &load.job;
    let deadline = Instant::now() + Duration::from_millis(*within_ms);
    loop {
        let last = match result(load, ports, number, &id).await {
            Ok(answer) if answer.status != 200 => format!("status {}: {}", answer.status, answer.beginning()),
            Ok(answer) => match shows.as_ref().map(|text| numbered(text, number)) {
                Some(text) if !answer.body.contains(&text) => format!("no `{text}` in {}", answer.beginning()),
                _ => return JobEnd::Done,
            },
            Err(failure) => format!("{failure:?}"),
        };
        if Instant::now() >= deadline {
            return JobEnd::Lost { id, last };
        }
        pause(AGAIN).await;
    }
}

/// Hands a job in, and returns the name that the server gives it.
async fn accepted(load: &JobLoad, ports: &Ports, number: u64) -> Result<String, Failure> {
    let JobLoad { job, .. } = load;
    let request = Request::post(&job.path).header(CONTENT_TYPE, "application/json");
    let answer = ask(load, ports, request, numbered(&job.body, number)).await?;
    if let Some(failure) = answer.unless_status(job.status) {
        return Err(failure);
    }
    let named = serde_json::from_str::<Value>(&answer.body).ok();
    match named.as_ref().map(|answer| &answer[job.id.as_str()]) {
        Some(Value::String(id)) => Ok(id.clone()),
        Some(Value::Number(id)) => Ok(id.to_string()),
        _ => Err(Failure::Wrong { what: format!("no `{}` in the answer: {}", job.id, answer.beginning()) }),
    }
}

async fn result(load: &JobLoad, ports: &Ports, number: u64, id: &str) -> Result<Answer, Failure> {
    let path = numbered(&load.job.result, number).replace("{{id}}", id);
    ask(load, ports, Request::get(path), String::new()).await
}

async fn ask(
    load: &JobLoad,
    ports: &Ports,
    request: hyper::http::request::Builder,
    body: String,
) -> Result<Answer, Failure> {
    let described: Result<Request<Full<Bytes>>> =
        request.header(HOST, &load.address).body(Full::from(body)).context("describe the request");
    let request = described.map_err(|error| Failure::Other { why: format!("{error:#}") })?;
    let server = Server { scheme: load.scheme, address: &load.address, pod: None };
    let answer = timeout(Duration::from_millis(load.limit_ms), exchange(&server, ports, request)).await;
    answer.unwrap_or(Err(Failure::TimedOut))
}

fn numbered(text: &str, number: u64) -> String {
    text.replace("{{n}}", &number.to_string())
}

#[cfg(test)]
mod tests;
