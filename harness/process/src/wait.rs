//! Waiting: one loop and one sleep. A wait says what it waits for, and what it saw last when its time is up.

use std::future::Future;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::watch;
use tokio::time::Instant;

/// Between two looks. Short against anything that a person notices; what needs less has a watch, see [`changed`].
const PERIOD: Duration = Duration::from_millis(50);

/// What a check found.
#[derive(Debug)]
pub enum Check<T> {
    /// It is there.
    Ready(T),
    /// Not yet, and what was seen instead.
    NotYet(String),
    /// It will never be.
    Fatal(anyhow::Error),
}

impl<T> Check<T> {
    /// Ready with a value; an error is what was seen so far.
    pub fn retry(result: Result<T>) -> Self {
        match result {
            Ok(value) => Self::Ready(value),
            Err(error) => Self::NotYet(format!("{error:#}")),
        }
    }
}

/// Looks again and again until `check` is ready; `what` fits after "waited for".
///
/// # Errors
/// The check's fatal error, or that the time is up, with what was seen last. A check that hangs is not waited for.
pub async fn until<T, F, Fut>(what: &str, deadline: Duration, mut check: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Check<T>>,
{
    let end = Instant::now() + deadline;
    let mut seen = "nothing".to_owned();
    loop {
        match tokio::time::timeout_at(end, check()).await {
            Ok(Check::Ready(value)) => return Ok(value),
            Ok(Check::Fatal(error)) => return Err(error.context(format!("waited for {what}"))),
            Ok(Check::NotYet(saw)) => seen = saw,
            Err(_) => {
                bail!("waited {} for {what}, the last look did not end; seen before it: {seen}", seconds(deadline))
            }
        }
        if Instant::now() + PERIOD > end {
            bail!("waited {} for {what}; last seen: {seen}", seconds(deadline));
        }
        pause(PERIOD).await;
    }
}

/// Looks at a watched value now and after each change of it, until `check` is ready; `what` fits after "waited for".
///
/// # Errors
/// The check's fatal error, that the time is up, or that nothing can change any more, with what was seen last.
pub async fn changed<S, T>(
    what: &str,
    deadline: Duration,
    state: &mut watch::Receiver<S>,
    mut check: impl FnMut(&S) -> Check<T>,
) -> Result<T> {
    let end = Instant::now() + deadline;
    loop {
        let seen = match check(&state.borrow_and_update()) {
            Check::Ready(value) => return Ok(value),
            Check::Fatal(error) => return Err(error.context(format!("waited for {what}"))),
            Check::NotYet(seen) => seen,
        };
        match tokio::time::timeout_at(end, state.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => bail!("waited for {what}, and what tells of it ended; last seen: {seen}"),
            Err(_) => bail!("waited {} for {what}; last seen: {seen}", seconds(deadline)),
        }
    }
}

/// Lets time pass where time itself is what is waited for: a quiet period, the pause between two samples.
#[expect(clippy::disallowed_methods, reason = "this is the one sleep")]
pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// A duration as a person reads it.
pub fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[tokio::test]
    async fn a_timeout_says_what_was_seen_last() {
        let mut looks = 0;
        let error = until::<(), _, _>("the pod", PERIOD * 3, || {
            looks += 1;
            let seen = format!("look {looks}");
            async { Check::NotYet(seen) }
        })
        .await
        .unwrap_err();
        assert_eq!(error.to_string(), format!("waited 150 ms for the pod; last seen: look {looks}"));
    }

    #[tokio::test]
    async fn a_fatal_check_ends_the_wait() {
        let error = until::<(), _, _>("the pod", Duration::from_secs(60), || async {
            Check::Fatal(anyhow!("ImagePullBackOff"))
        })
        .await;
        assert_eq!(format!("{:#}", error.unwrap_err()), "waited for the pod: ImagePullBackOff");
    }

    #[tokio::test]
    async fn a_check_that_hangs_ends_at_the_deadline() {
        let error = until::<(), _, _>("the pod", PERIOD, std::future::pending).await.unwrap_err();
        assert!(error.to_string().contains("did not end"), "{error}");
    }

    #[tokio::test]
    async fn a_change_wakes_the_wait() {
        let (tell, mut state) = watch::channel(0);
        let waiting = tokio::spawn(async move {
            changed("two", Duration::from_secs(5), &mut state, |n| {
                if *n == 2 { Check::Ready(()) } else { Check::NotYet(n.to_string()) }
            })
            .await
        });
        tell.send(1).unwrap();
        tokio::task::yield_now().await;
        tell.send(2).unwrap();
        waiting.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_source_that_ends_is_reported_with_what_was_seen() {
        let (tell, mut state) = watch::channel(7);
        drop(tell);
        let error = changed::<_, ()>("eight", Duration::from_secs(5), &mut state, |n| Check::NotYet(n.to_string()))
            .await
            .unwrap_err();
        assert!(error.to_string().ends_with("last seen: 7"), "{error}");
    }
}
