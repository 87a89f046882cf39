//! A load that the prober carries: the conversation about it, as moments of the recording.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chartgate_protocol as prober;
use tokio::sync::{oneshot, watch};

use super::Moment;
use super::recording::{Failed, JobEnded, Served};

/// Whose users a load plays.
pub(super) enum Subject {
    /// Those of a role who send requests.
    Requests { role: String },
    /// Those of a role who hand in jobs.
    Jobs { role: String },
    /// One of a role who keeps a websocket session.
    Session { role: String, session: String },
}

/// A load that was ordered, as the one that ordered it holds it.
pub struct Load {
    pub(super) number: u64,
    pub(super) stopped: oneshot::Receiver<()>,
    /// How long what is in flight may take once the load is told to stop.
    pub(super) rest: Duration,
    answered: watch::Receiver<Answered>,
    since: Arc<AtomicU64>,
}

/// How much of what was sent from a time on was answered, well or not.
#[derive(Clone, Copy, Default)]
struct Answered {
    since: u64,
    count: u64,
}

impl Load {
    /// From now on, only what is sent from this time on counts, in milliseconds since the recording began.
    pub fn count_from(&self, at: u64) {
        self.since.store(at, Ordering::Relaxed);
    }

    /// Waits until so many requests or messages were answered, or until the load ended.
    pub async fn answered(&self, count: u64) {
        let since = self.since.load(Ordering::Relaxed);
        let mut answered = self.answered.clone();
        // An error says that the load ended.
        drop(answered.wait_for(|answered| answered.since == since && answered.count >= count).await);
    }
}

/// The same load, as the conversation with the prober holds it.
pub(super) struct Running {
    subject: Subject,
    /// The recording's clock when the load was ordered.
    ordered: u64,
    /// The recording's beginning, by the prober's clock.
    began: u64,
    answered: watch::Sender<Answered>,
    since: Arc<AtomicU64>,
    stopped: oneshot::Sender<()>,
}

impl Running {
    /// Both ends of a load that is ordered at this time of the recording, which began at `began` by our clock.
    pub fn begin(number: u64, subject: Subject, began: u64, ordered: u64) -> (Self, Load) {
        let (count, answered) = watch::channel(Answered::default());
        let (stop, stopped) = oneshot::channel();
        let since = Arc::new(AtomicU64::default());
        let load = Load { number, stopped, rest: Duration::ZERO, answered, since: since.clone() };
        (Self { subject, ordered, began, answered: count, since, stopped: stop }, load)
    }

    pub fn role(&self) -> &str {
        match &self.subject {
            Subject::Requests { role } | Subject::Jobs { role } | Subject::Session { role, .. } => role,
        }
    }

    /// Sets the clocks against each other. Where the load began between order and answer by our own clock, the prober has the
    /// same one (on kind, the kernel's); else it is taken to have begun in the middle.
    pub fn started(&mut self, unix_ms: u64, now: u64) {
        if !(self.ordered..=now).contains(&unix_ms.saturating_sub(self.began)) {
            self.began = unix_ms.saturating_sub(u64::midpoint(self.ordered, now));
        }
    }

    pub fn stopped(self) {
        // Nobody need wait for it.
        let (Ok(()) | Err(())) = self.stopped.send(());
    }

    pub fn served(&self, told: prober::Served) -> Moment {
        let from = self.at(told.from);
        self.count(from, told.count);
        Moment::Served(Served {
            role: self.role().to_owned(),
            from,
            to: self.at(told.to),
            count: told.count,
            slowest_ms: told.slowest_ms,
            late_ms: told.late_ms,
            by_pod: told.by_pod,
        })
    }

    pub fn failed(&self, told: prober::Failed) -> Moment {
        let sent = self.at(told.sent);
        self.count(sent, 1);
        let (role, took_ms) = (self.role().to_owned(), told.took_ms);
        Moment::Failed(Failed { role, sent, took_ms, failure: told.failure, pod: told.pod })
    }

    pub fn job(&self, told: prober::JobTold) -> Moment {
        let sent = self.at(told.sent);
        self.count(sent, 1);
        Moment::Job(JobEnded { role: self.role().to_owned(), sent, took_ms: told.took_ms, end: told.end })
    }

    /// A moment of a session; a load of requests has none.
    pub fn session(&self, told: prober::SessionTold) -> Option<Moment> {
        let Subject::Session { role, session } = &self.subject else { return None };
        let when = self.at(told.at);
        if let prober::SessionEvent::Acknowledged { .. } = told.event {
            self.count(when, 1);
        }
        Some(Moment::SessionKept { role: role.clone(), session: session.clone(), when, event: told.event })
    }

    /// A time of the prober's clock, in milliseconds since the recording began.
    fn at(&self, unix_ms: u64) -> u64 {
        unix_ms.saturating_sub(self.began)
    }

    fn count(&self, sent: u64, more: u32) {
        let since = self.since.load(Ordering::Relaxed);
        self.answered.send_modify(|answered| {
            if answered.since != since {
                *answered = Answered { since, count: 0 };
            }
            if sent >= since {
                answered.count += u64::from(more);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use chartgate_protocol::{Failure, SessionEvent, SessionTold};

    use super::*;

    fn requests() -> (Running, Load) {
        let (mut running, load) = Running::begin(3, Subject::Requests { role: "app".to_owned() }, 9_000, 1000);
        running.started(50_000, 1200);
        (running, load)
    }

    fn served(from: u64) -> prober::Served {
        prober::Served { load: 3, from, to: from + 100, count: 10, ..prober::Served::default() }
    }

    /// A failure would mean that requests are judged in the phase before or after the one that they were sent in.
    #[test]
    fn the_probers_times_become_the_recordings() {
        let (running, _load) = requests();
        let Moment::Served(slice) = running.served(served(50_400)) else { panic!("another moment") };
        assert_eq!((slice.from, slice.to, slice.role.as_str()), (1500, 1600, "app"));
        let (load, sent) = (3, 50_000);
        let failed = prober::Failed { load, sent, took_ms: 1, failure: Failure::Refused, pod: None };
        let Moment::Failed(failed) = running.failed(failed) else { panic!("another moment") };
        assert_eq!((failed.sent, failed.took_ms), (1100, 1));
    }

    /// A failure would mean that on kind, where both have one clock, a busy machine moves requests into the next phase.
    #[test]
    fn one_clock_needs_no_setting() {
        let (mut running, _load) = Running::begin(3, Subject::Requests { role: "app".to_owned() }, 49_000, 900);
        running.started(50_000, 1500);
        let Moment::Served(slice) = running.served(served(50_400)) else { panic!("another moment") };
        assert_eq!(slice.from, 1400);
    }

    /// A failure would mean that a step begins before enough requests were answered since the last one.
    #[tokio::test]
    async fn only_what_was_sent_since_counts() {
        let (running, load) = requests();
        running.served(served(50_000));
        load.count_from(1200);
        running.served(served(50_000));
        assert!(futures::FutureExt::now_or_never(load.answered(1)).is_none());
        running.served(served(50_100));
        load.answered(10).await;
        assert!(futures::FutureExt::now_or_never(load.answered(11)).is_none());
        drop(running);
        load.answered(11).await;
    }

    /// A failure would mean that a session's messages are nobody's.
    #[test]
    fn a_sessions_moment_carries_its_name() {
        let subject = Subject::Session { role: "app".to_owned(), session: "s1".to_owned() };
        let (mut running, _load) = Running::begin(4, subject, 50_000, 0);
        running.started(50_000, 0);
        let told = SessionTold { load: 4, at: 50_007, event: SessionEvent::Acknowledged { last: 2 } };
        let Some(Moment::SessionKept { role, session, when, .. }) = running.session(told) else {
            panic!("another moment")
        };
        assert_eq!((role.as_str(), session.as_str(), when), ("app", "s1", 7));
    }
}
