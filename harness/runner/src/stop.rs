//! Asking a run to end before its time.

use std::fmt;

use anyhow::Result;
use tokio::sync::watch;

/// Why a run ends before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A person, or the machine's shutting down, asked for it.
    Interrupted,
    /// A scenario did not pass, and no other is to go on after that.
    Failed {
        /// Its name.
        scenario: String,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("the run was interrupted"),
            Self::Failed { scenario } => write!(f, "`{scenario}` did not pass, and `--fail-fast` ends a run there"),
        }
    }
}

impl std::error::Error for Cause {}

/// Asks all that a run does to end. Clones ask the same run; the first cause counts, and an interruption above any.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<Option<Cause>>);

impl Default for Stop {
    /// No one has asked yet.
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Stop {
    /// Asks. Who interrupts a run that is ending already is heard as well.
    pub fn ask(&self, cause: Cause) {
        self.0.send_if_modified(|asked| {
            let counts = asked.is_none() || cause == Cause::Interrupted;
            if counts {
                *asked = Some(cause);
            }
            counts
        });
    }

    /// Why it was asked for; `None`: it was not.
    pub fn cause(&self) -> Option<Cause> {
        self.0.borrow().clone()
    }

    /// Resolves when it is asked for.
    pub async fn asked(&self) -> Cause {
        let mut asked = self.0.subscribe();
        loop {
            if let Some(cause) = asked.borrow_and_update().clone() {
                return cause;
            }
            // It cannot fail: the sender is our own.
            asked.changed().await.ok();
        }
    }

    /// Does the work unless it is asked to stop, which drops the work.
    ///
    /// # Errors
    /// The work's own, or the [`Cause`].
    pub async fn unless<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            // What was asked first is answered first: a run that is to stop begins nothing new.
            biased;
            cause = self.asked() => Err(cause.into()),
            ended = work => ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a person who presses Ctrl-C reads that a scenario failed.
    #[tokio::test]
    async fn the_first_cause_counts_and_ends_the_work() {
        let stop = Stop::default();
        assert_eq!(stop.unless(async { Ok(1) }).await.unwrap(), 1);
        let waiting = tokio::spawn({
            let stop = stop.clone();
            async move { stop.unless(std::future::pending::<Result<()>>()).await }
        });
        stop.ask(Cause::Interrupted);
        stop.ask(Cause::Failed { scenario: "a/b".to_owned() });
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Cause::Interrupted));
        assert!(stop.unless(async { Ok(1) }).await.is_err(), "it begins nothing new");
    }

    /// A failure would mean that Ctrl-C in a run that ends because of `--fail-fast` does not make its exit code 130.
    #[test]
    fn an_interruption_is_heard_after_a_failure() {
        let stop = Stop::default();
        stop.ask(Cause::Failed { scenario: "a/b".to_owned() });
        stop.ask(Cause::Interrupted);
        assert_eq!(stop.cause(), Some(Cause::Interrupted));
    }
}
