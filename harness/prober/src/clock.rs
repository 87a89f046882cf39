//! Wall-clock times that never jump: read once, then counted by the monotonic clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The wall clock as it was when a load began, and what has passed since.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    unix_ms: u64,
}

impl Clock {
    /// Begins now.
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), unix_ms: millis(unix) }
    }

    /// When it began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// What has passed since it began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// In milliseconds since 1970, so long after the beginning.
    pub fn unix_ms(&self, since: Duration) -> u64 {
        self.unix_ms + millis(since)
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> u64 {
        self.unix_ms(self.elapsed())
    }
}

/// Whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Lets time pass between two attempts or two messages.
#[expect(clippy::disallowed_methods, reason = "the prober's one sleep: here time itself is what is waited for")]
pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
