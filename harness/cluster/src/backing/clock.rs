//! A server's clock beside this machine's: a database tells the times of its changes by its own.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::Postgres;
use crate::server::Place;

/// The shortest of so many questions is the best one.
const QUESTIONS: usize = 5;
/// What a clock that is corrected all the time may drift during a run.
const DRIFT_MS: i64 = 250;

/// What is known of a server's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    /// By how much it is ahead of this machine's.
    ahead_ms: i64,
    /// How much of that may be the question's own time.
    within_ms: i64,
}

impl Clock {
    /// Asks a server for its time. A container of this machine has this machine's clock, and is not asked.
    pub(super) async fn of(server: &Postgres, client: &Client) -> Result<Self> {
        if matches!(server.place, Place::Container { .. }) {
            return Ok(Self::default());
        }
        let mut best: Option<Self> = None;
        for _ in 0..QUESTIONS {
            let (before, asked) = (unix_ms(), Instant::now());
            let told =
                client.simple_query("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint").await?;
            let clock = Self::heard(before, asked.elapsed(), time_in(&told).context("the server tells no time")?);
            best = best.filter(|best| best.within_ms <= clock.within_ms).or(Some(clock));
        }
        best.context("the server was not asked for its time")
    }

    /// What is known once a question that was asked at `before` and took so long was answered with `told`.
    fn heard(before: i64, took: Duration, told: i64) -> Self {
        let half = i64::try_from(took.as_millis()).unwrap_or(i64::MAX) / 2 + 1;
        let ahead = told - before - half;
        // So little is the question's own time: both may be one kernel's clock.
        Self { ahead_ms: if ahead.abs() <= half { 0 } else { ahead }, within_ms: half }
    }

    /// A time of the server's by this machine's clock.
    pub(super) fn here(self, unix_ms: u64) -> u64 {
        unix_ms.saturating_add_signed(self.ahead_ms.saturating_neg())
    }

    /// By how much it was set between this and a later look; `None`: no more than a clock drifts.
    pub(super) fn step_to(self, later: &Self) -> Option<i64> {
        let step = later.ahead_ms - self.ahead_ms;
        (step.abs() > self.within_ms + later.within_ms + DRIFT_MS).then_some(step)
    }

    #[cfg(test)]
    pub(super) fn ahead_by(ahead_ms: i64) -> Self {
        Self { ahead_ms, within_ms: 1 }
    }
}

/// This machine's time, in milliseconds since 1970.
fn unix_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

fn time_in(told: &[SimpleQueryMessage]) -> Option<i64> {
    told.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a change is moved in time because a question took long, or is not where another node's clock is wrong.
    #[test]
    fn a_clock_is_another_one_only_by_more_than_the_questions_time() {
        let heard = |told| Clock::heard(1_000_000, Duration::from_millis(40), told);
        assert_eq!(heard(1_000_030).here(5000), 5000);
        assert_eq!(heard(1_000_521).here(5000), 4500);
        assert_eq!(heard(999_521).here(5000), 5500);
    }

    /// A failure would mean that the times of a schema's changes are trusted although the clock was set among them.
    #[test]
    fn a_clock_that_was_set_is_told_from_one_that_drifts() {
        let clock = Clock::ahead_by(1000);
        assert_eq!(clock.step_to(&Clock::ahead_by(1200)), None);
        assert_eq!(clock.step_to(&Clock::ahead_by(400)), Some(-600));
    }
}
