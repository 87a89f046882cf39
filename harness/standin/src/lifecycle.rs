//! The phases of a process: it runs, drains when it is asked to, and stops on SIGTERM.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How far a process has come; it never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It takes work.
    Running,
    /// It takes nothing new and is not ready; what it holds goes on.
    Draining,
    /// It finishes what it holds and exits.
    Stopping,
}

/// The phase of this process, shared by all its tasks.
#[derive(Clone)]
pub struct Lifecycle(watch::Sender<Phase>);

impl Default for Lifecycle {
    fn default() -> Self {
        Self::new()
    }
}

impl Lifecycle {
    /// A process that runs.
    pub fn new() -> Self {
        Self(watch::Sender::new(Phase::Running))
    }

    /// A process that stops on SIGTERM or SIGINT.
    ///
    /// # Errors
    /// If the handlers cannot be set.
    pub fn until_sigterm() -> Result<Self> {
        let lifecycle = Self::new();
        let mut terminate = signal(SignalKind::terminate()).context("handle SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("handle SIGINT")?;
        let stopper = lifecycle.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => println!("SIGTERM: stopping"),
                _ = interrupt.recv() => println!("SIGINT: stopping"),
            }
            stopper.advance(Phase::Stopping);
        });
        Ok(lifecycle)
    }

    /// Where the process is.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Goes on to `phase`, never back. True if it was not yet there.
    pub fn advance(&self, phase: Phase) -> bool {
        self.0.send_if_modified(|current| {
            let is_later = phase > *current;
            if is_later {
                *current = phase;
            }
            is_later
        })
    }

    /// Returns once the process has reached `phase`.
    pub async fn reached(&self, phase: Phase) {
        // The sender lives in `self`, so the wait cannot fail.
        drop(self.0.subscribe().wait_for(|current| *current >= phase).await);
    }

    /// Sleeps, but not beyond the moment at which `phase` is reached. True if the process goes on.
    pub async fn sleep_unless(&self, phase: Phase, duration: std::time::Duration) -> bool {
        tokio::select! {
            () = self.reached(phase) => false,
            () = pause(duration) => true,
        }
    }
}

/// Lets time pass: an application's own work and its intervals take time, where the harness would wait for something.
#[expect(
    clippy::disallowed_methods,
    reason = "the ban is the harness's, whose waits have a subject; an application that is played just takes time"
)]
pub async fn pause(duration: std::time::Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A drain that arrives after SIGTERM must not bring a stopping process back.
    #[tokio::test]
    async fn a_phase_is_never_left_backwards() {
        let lifecycle = Lifecycle::new();
        assert!(lifecycle.advance(Phase::Stopping));
        assert!(!lifecycle.advance(Phase::Draining));
        lifecycle.reached(Phase::Draining).await;
        assert_eq!(lifecycle.phase(), Phase::Stopping);
    }
}
