//! What each scenario of a run is at.

use std::time::Duration;

use chartgate_cluster::Doing;
use chartgate_judge::Verdict;

use super::News;

/// All scenarios, in the order in which they were added.
#[derive(Default)]
pub struct Board(Vec<Standing>);

/// One scenario.
pub struct Standing {
    /// Its name.
    pub name: String,
    /// What it is at.
    pub phase: Phase,
    /// Since when it waits, or is at work; since the run's beginning.
    pub since: Duration,
}

/// What a scenario is at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It cannot begin yet.
    Waiting(Doing),
    /// It is at work; and the last that was heard of that.
    Working(Doing, Option<String>),
    /// How it ended.
    Ended(Verdict),
}

impl Board {
    /// Adds a scenario, and gives its index.
    pub fn add(&mut self, name: &str, now: Duration) -> usize {
        self.0.push(Standing { name: name.to_owned(), phase: Phase::Waiting(Doing::default()), since: now });
        self.0.len() - 1
    }

    /// The scenarios.
    pub fn scenarios(&self) -> &[Standing] {
        &self.0
    }

    /// A scenario's name.
    pub fn name(&self, index: usize) -> &str {
        &self.0[index].name
    }

    /// Takes note of what is told of a scenario; says whether it changes anything.
    pub fn note(&mut self, index: usize, news: &News, now: Duration) -> bool {
        let Standing { phase, since, .. } = &mut self.0[index];
        let next = match (news, &*phase) {
            (News::Waits(doing), _) => Phase::Waiting(doing.clone()),
            (News::Works(doing), _) => Phase::Working(doing.clone(), None),
            (News::Detail(what), Phase::Working(doing, _)) => Phase::Working(doing.clone(), Some(what.clone())),
            (News::Ended { verdict, .. }, _) => Phase::Ended(*verdict),
            (News::Detail(_) | News::Note(_), _) => return true,
        };
        // Each step's time would say less than the scenario's.
        if matches!((&*phase, &next), (Phase::Waiting(_), Phase::Working(..))) {
            *since = now;
        }
        let is_new = *phase != next;
        *phase = next;
        is_new
    }
}
