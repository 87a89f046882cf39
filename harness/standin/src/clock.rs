//! The slots of a cron: the same for every process at the same moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The number of the slot that `now` lies in, and the time until the next one begins.
pub fn slot(now: SystemTime, interval: Duration) -> (u64, Duration) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let interval = interval.as_micros().max(1);
    let rest = u64::try_from(interval - since % interval).unwrap_or(u64::MAX);
    (u64::try_from(since / interval).unwrap_or(u64::MAX), Duration::from_micros(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two schedulers that run at once must name the same slot, or their overlap would not show.
    #[test]
    fn a_slot_is_the_same_for_all_clocks_within_it() {
        let at = |millis| slot(UNIX_EPOCH + Duration::from_millis(millis), Duration::from_secs(1));
        assert_eq!(at(5_000), (5, Duration::from_secs(1)));
        assert_eq!(at(5_999), (5, Duration::from_millis(1)));
    }
}
