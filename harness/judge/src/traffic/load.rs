//! What was asked of one role, and what came of it.

use chartgate_model::plan::Traffic;
use chartgate_model::recording::{Entry, Moment};
use chartgate_model::recording::{Failed, Failure, Served};

use crate::Evidence;
use crate::tally::Tally;
use crate::view::View;

/// The requests of a role's users.
pub(super) struct Load<'a> {
    pub(super) role: &'a str,
    pub(super) rate: u32,
    pub(super) served: Vec<(&'a Entry, &'a Served)>,
    pub(super) failed: Vec<(&'a Entry, &'a Failed)>,
    /// When the traffic was stopped; where that is not known, the recording's end.
    pub(super) stopped: u64,
    /// The longest delay of a request by the prober itself, in milliseconds.
    pub(super) late_ms: u64,
}

impl<'a> Load<'a> {
    pub(super) fn of(view: &View<'a>, role: &'a str, traffic: &Traffic) -> Self {
        let entries = &view.recording.entries;
        let mut load = Self {
            role,
            rate: traffic.rate,
            served: Vec::new(),
            failed: Vec::new(),
            stopped: entries.last().map_or(0, |entry| entry.at),
            late_ms: 0,
        };
        for entry in entries {
            match &entry.moment {
                Moment::Served(served) if served.role == role => load.served.push((entry, served)),
                Moment::Failed(failed) if failed.role == role => load.failed.push((entry, failed)),
                Moment::TrafficStopped => load.stopped = entry.at,
                _ => {}
            }
        }
        load.late_ms = load.served.iter().map(|(_, served)| served.late_ms).max().unwrap_or_default();
        load
    }

    /// How many requests were sent, as far as their end is known.
    pub(super) fn sent(&self) -> u64 {
        self.served.iter().map(|(_, served)| u64::from(served.count)).sum::<u64>() + self.failed.len() as u64
    }

    /// Whether the prober did what it was to do.
    pub(super) fn judge_prober(&self, view: &View, tally: &mut Tally) {
        let role = self.role;
        if let Some((seen, why)) = view.gap(&[&format!("traffic {role}")], 0, u64::MAX) {
            tally.void(format!("a lost request of role `{role}` may have been missed: {why}")).with([seen]);
        }
        if !view.recording.entries.iter().any(|entry| matches!(entry.moment, Moment::TrafficStopped)) {
            tally.void(format!("the end of the traffic of role `{role}` was not recorded"));
        }
        let from = self.served.iter().map(|(_, served)| served.from).chain(self.failed.iter().map(|(_, one)| one.sent));
        let to = self.served.iter().map(|(_, served)| served.to).chain(self.failed.iter().map(|(_, one)| one.sent));
        let Some((from, to)) = from.min().zip(to.max()) else {
            tally.void(format!("no request of role `{role}` was sent"));
            return;
        };
        let (sent, due) = (self.sent(), u64::from(self.rate) * (to - from) / 1000);
        if sent * 10 < due * 9 {
            let message = format!("the prober sent {sent} of {due} requests of role `{role}`{}", self.lateness());
            tally.void(message).hint("let the machine do less at the same time, or ask for a lower rate");
        }
    }

    /// A remark on a prober that did not keep its schedule; empty where it did.
    pub(super) fn lateness(&self) -> String {
        if self.late_ms <= 1000 {
            return String::new();
        }
        format!("; the prober itself was up to {} late", super::phases::seconds(self.late_ms))
    }
}

/// The middle of a slice: it belongs to the phase in which this is.
pub(super) fn middle(served: &Served) -> u64 {
    u64::midpoint(served.from, served.to)
}

/// The class of a failure, of one and of several.
pub(super) fn class(failure: &Failure) -> (&'static str, &'static str) {
    match failure {
        Failure::Refused => ("refused", "refused"),
        Failure::Reset => ("reset", "reset"),
        Failure::TimedOut => ("timed out", "timed out"),
        Failure::ServerError { .. } => ("server error", "server errors"),
        Failure::Wrong { .. } => ("wrong answer", "wrong answers"),
        Failure::Slow => ("slow", "slow"),
        Failure::Other { .. } => ("failed otherwise", "failed otherwise"),
    }
}

/// How many failures there are of each class: `2 refused, 1 server error`.
pub(super) fn classes(failed: &[(&Entry, &Failed)]) -> String {
    let mut classes: Vec<((&str, &str), usize)> = Vec::new();
    for (_, one) in failed {
        let class = class(&one.failure);
        match classes.iter_mut().find(|(known, _)| *known == class) {
            Some((_, count)) => *count += 1,
            None => classes.push((class, 1)),
        }
    }
    let each =
        classes.iter().map(|((one, several), count)| format!("{count} {}", if *count == 1 { one } else { several }));
    each.collect::<Vec<_>>().join(", ")
}

/// A failure as evidence; `when` says in which phase it was sent.
pub(super) fn evidence((entry, failed): (&Entry, &Failed), when: &str) -> Evidence {
    let what = match &failed.failure {
        Failure::ServerError { status, body } => format!("got status {status} ({})", body.trim()),
        Failure::Wrong { what } => format!("got a wrong answer ({what})"),
        Failure::Other { why } => format!("failed ({why})"),
        Failure::Slow => "got a right answer too late".to_owned(),
        Failure::Refused => "was refused".to_owned(),
        Failure::Reset => "was cut off".to_owned(),
        Failure::TimedOut => "got no answer in time".to_owned(),
    };
    let pod = failed.pod.as_ref().map_or(String::new(), |pod| format!(" from pod/{pod}"));
    let text = format!("a request of role `{}` sent {when} {what}{pod} after {} ms", failed.role, failed.took_ms);
    Evidence { seq: Some(entry.seq), at: Some(failed.sent), text }
}
