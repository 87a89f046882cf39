//! Where the time of one scenario went.

use std::time::Duration;

use chartgate_model::recording::{Moment, Recording};

/// When a recording began and ended, in milliseconds since 1970.
pub(super) fn span(recording: &Recording) -> (u64, u64) {
    let began = match recording.entries.first().map(|entry| &entry.moment) {
        Some(Moment::Started { unix_ms, .. }) => *unix_ms,
        _ => 0,
    };
    (began, began + recording.entries.last().map_or(0, |entry| entry.at))
}

/// Where the time of a scenario went, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Course {
    /// From the beginning to the end.
    pub(super) whole: u64,
    /// Until the first step.
    pub(super) set_up: u64,
    /// The steps' calls of helm.
    pub(super) helm: u64,
    /// From helm's end in a step until the next step: the release is waited for, and its pods and Services are asked.
    pub(super) samples_before: u64,
    /// The same in the last step, after which there is no other.
    pub(super) samples_after: u64,
}

impl Course {
    pub(super) fn of(recording: &Recording) -> Self {
        let mut course = Self::default();
        let mut helm_ended = None;
        for entry in &recording.entries {
            match &entry.moment {
                Moment::StepStarted { step: 0 } => course.set_up = entry.at,
                Moment::StepStarted { .. } => course.samples_before += entry.at - helm_ended.take().unwrap_or(entry.at),
                Moment::Helm(call) => {
                    course.helm += call.took_ms;
                    helm_ended = Some(entry.at);
                }
                Moment::StepEnded { .. } => course.samples_after = entry.at - helm_ended.unwrap_or(entry.at),
                Moment::Ended => course.whole = entry.at,
                _ => {}
            }
        }
        course
    }

    /// What counts: the samples that a probe needs before a step do not.
    pub(super) fn counted(&self) -> u64 {
        self.whole - self.samples_before
    }
}

/// One scenario on an idle cluster.
pub(super) struct Alone {
    pub(super) by_hand: Duration,
    pub(super) harness: Course,
}

impl Alone {
    /// The middle one of each.
    pub(super) fn of(mut by_hand: Vec<Duration>, mut harness: Vec<Course>) -> Self {
        by_hand.sort();
        harness.sort_by_key(Course::counted);
        Self { by_hand: by_hand[by_hand.len() / 2], harness: harness[harness.len() / 2] }
    }

    pub(super) fn ratio(&self, milliseconds: u64) -> f64 {
        Duration::from_millis(milliseconds).as_secs_f64() / self.by_hand.as_secs_f64()
    }
}
