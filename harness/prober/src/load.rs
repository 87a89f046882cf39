//! Requests at a fixed rate: each is sent at its time, whatever became of those before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chartgate_protocol::{Failed, Failure, RequestLoad, Served, Told};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep_until, timeout};

use crate::clock::{Clock, millis};
use crate::request::{self, Outcome, Ports};

/// Good answers are told of in slices of this length: short enough to place them in a step's phases.
const SLICE: Duration = Duration::from_millis(100);
/// What is in flight at the end may take this long: most answers come in milliseconds.
const GRACE: Duration = Duration::from_secs(2);

/// A request that ended.
struct Ended {
    /// When it was sent, since the load's beginning.
    sent: Duration,
    /// How long after its time that was.
    late: Duration,
    outcome: Outcome,
}

/// Sends requests until it is stopped.
pub async fn send(
    load: RequestLoad,
    ports: Arc<Ports>,
    told: mpsc::UnboundedSender<Told>,
    mut stop: oneshot::Receiver<()>,
) {
    let clock = Clock::start();
    let mut report = Report { load: load.load, clock, slices: BTreeMap::new(), told };
    report.tell(Told::Started { load: load.load, unix_ms: clock.now() });
    let load = Arc::new(load);
    let request = match request::describe(&load) {
        Ok(request) => request,
        Err(error) => {
            report.failed(Duration::ZERO, Duration::ZERO, Failure::Other { why: format!("{error:#}") }, None);
            drop(stop.await);
            return report.end();
        }
    };
    let mut in_flight = JoinSet::new();
    let (mut next, mut flushes) = (0, 1);
    loop {
        tokio::select! {
            biased;
            _ = &mut stop => break,
            // Of requests that are due at the same time each is sent: this comes before the answers.
            () = sleep_until(clock.started() + due(next, load.rate)) => {
                let (load, ports, request) = (load.clone(), ports.clone(), request.clone());
                let due = due(next, load.rate);
                next += 1;
                in_flight.spawn(async move {
                    let sent = clock.elapsed();
                    Ended { sent, late: sent.saturating_sub(due), outcome: request::send(&load, &ports, request).await }
                });
            }
            Some(ended) = in_flight.join_next() => report.note(whole(ended)),
            () = sleep_until(clock.started() + SLICE * flushes) => {
                report.flush(clock.elapsed().saturating_sub(SLICE));
                flushes = slice_of(clock.elapsed()) + 1;
            }
        }
    }
    let rest = async {
        while let Some(ended) = in_flight.join_next().await {
            let ended = whole(ended);
            // What was in flight when the users left is no failure.
            if ended.outcome.failure.is_none() {
                report.note(ended);
            }
        }
    };
    drop(timeout(GRACE.min(Duration::from_millis(load.limit_ms)), rest).await);
    report.end();
}

/// Requests are never cancelled: one that did not end panicked.
fn whole(ended: Result<Ended, JoinError>) -> Ended {
    ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// When a request is to be sent, since the load's beginning: computed from its number, so that delays do not add up.
pub fn due(number: u64, rate: u32) -> Duration {
    let (rate, nanos) = (u64::from(rate.max(1)), 1_000_000_000);
    Duration::from_secs(number / rate) + Duration::from_nanos(number % rate * nanos / rate)
}

fn slice_of(sent: Duration) -> u32 {
    u32::try_from(sent.as_millis() / SLICE.as_millis()).unwrap_or(u32::MAX)
}

/// What is told of a load.
struct Report {
    load: u64,
    clock: Clock,
    /// By number; only those that were not told yet.
    slices: BTreeMap<u32, Served>,
    told: mpsc::UnboundedSender<Told>,
}

impl Report {
    fn note(&mut self, Ended { sent, late, outcome }: Ended) {
        let (number, load, clock) = (slice_of(sent), self.load, self.clock);
        let slice = self.slices.entry(number).or_insert_with(|| Served {
            load,
            from: clock.unix_ms(SLICE * number),
            to: clock.unix_ms(SLICE * number + SLICE),
            ..Served::default()
        });
        slice.late_ms = slice.late_ms.max(millis(late));
        if let Some(failure) = outcome.failure {
            return self.failed(sent, outcome.took, failure, outcome.pod);
        }
        slice.count += 1;
        slice.slowest_ms = slice.slowest_ms.max(millis(outcome.took));
        if let Some(pod) = outcome.pod {
            *slice.by_pod.entry(pod).or_default() += 1;
        }
    }

    fn failed(&self, sent: Duration, took: Duration, failure: Failure, pod: Option<String>) {
        let (sent, took_ms) = (self.clock.unix_ms(sent), millis(took));
        self.tell(Told::Failed(Failed { load: self.load, sent, took_ms, failure, pod }));
    }

    /// Tells of the slices that ended by then. A slice whose answers come later is told of again, with those alone.
    fn flush(&mut self, until: Duration) {
        let later = self.slices.split_off(&slice_of(until));
        for slice in std::mem::replace(&mut self.slices, later).into_values() {
            self.tell(Told::Served(slice));
        }
    }

    fn end(mut self) {
        let now = self.clock.now();
        self.slices.values_mut().for_each(|slice| slice.to = slice.to.min(now));
        self.flush(Duration::MAX);
        self.tell(Told::Stopped { load: self.load });
    }

    fn tell(&self, told: Told) {
        // The receiver only goes away when the output is closed, and then nobody listens.
        drop(self.told.send(told));
    }
}

#[cfg(test)]
mod tests;
