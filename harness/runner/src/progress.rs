//! What a run says of itself while it goes on, as events: whoever shows them decides how.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chartgate_cluster::Doing;
use chartgate_cluster::error;
use chartgate_model::finding::Verdict;

/// What is told of a scenario.
#[derive(Clone, Debug)]
pub enum News {
    /// It cannot begin yet.
    Waits(Doing),
    /// It is at work.
    Works(Doing),
    /// More of the same, for who wants all of it.
    Detail(String),
    /// Something that a person needs later.
    Note(String),
    /// It has ended.
    Ended {
        /// How.
        verdict: Verdict,
        /// After this time.
        took: Duration,
        /// What is wrong.
        wrong: String,
    },
}

/// What one scenario says of itself. Clones speak for the same one.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(News) + Send + Sync>);

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

impl Progress {
    /// Gives each event to `show`.
    pub fn new(show: impl Fn(News) + Send + Sync + 'static) -> Self {
        Self(Arc::new(show))
    }

    /// It cannot begin yet, and why.
    pub fn waits(&self, what: impl Into<Doing>) {
        (self.0)(News::Waits(what.into()));
    }

    /// What it is at.
    pub fn works(&self, what: impl Into<Doing>) {
        (self.0)(News::Works(what.into()));
    }

    /// What it waits for there, or what helm says; one line.
    pub fn detail(&self, what: impl Into<String>) {
        (self.0)(News::Detail(what.into()));
    }

    /// Something that a person needs later, in lines.
    pub fn note(&self, what: impl Into<String>) {
        (self.0)(News::Note(what.into()));
    }

    /// It could not run, for want of something on the machine.
    pub fn failed(&self, error: &anyhow::Error) {
        let wrong = error::message(error).lines().next().unwrap_or_default().to_owned();
        self.ended(Verdict::Void, Duration::ZERO, wrong);
    }

    /// It has ended so, after this time, and what is wrong.
    pub fn ended(&self, verdict: Verdict, took: Duration, wrong: String) {
        (self.0)(News::Ended { verdict, took, wrong });
    }
}
