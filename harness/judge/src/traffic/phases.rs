//! The time around a step, in phases.

use crate::view::{StepRun, View};

/// What went on when a request was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The step before has ended, and this one has not begun.
    Before,
    /// A hook's Job of this step ran.
    Hook,
    /// The rest of the step.
    Rollout,
    /// The step has ended, and the next one has not begun.
    Settled,
}

impl Phase {
    /// How a summary calls it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Hook => "while a hook ran",
            Self::Rollout => "in the rollout",
            Self::Settled => "after",
        }
    }
}

/// A phase from its begin to its end, in milliseconds since the recording began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) phase: Phase,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Span {
    pub(super) fn contains(&self, at: u64) -> bool {
        (self.from..self.to).contains(&at)
    }

    /// When in the phase a moment is, in words.
    pub(super) fn offset(&self, at: u64) -> String {
        let since = seconds(at.saturating_sub(self.from));
        match self.phase {
            Phase::Before => format!("{} before it began", seconds(self.to.saturating_sub(at))),
            Phase::Hook => format!("{since} into the hook"),
            Phase::Rollout => format!("{since} into the rollout"),
            Phase::Settled => format!("{since} after it ended"),
        }
    }
}

/// Milliseconds as seconds with one digit.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

/// The phases around a step, in order and without a hole, up to the traffic's end; none of a step that never ran.
pub(super) fn spans(view: &View, run: &StepRun, stopped: u64) -> Vec<Span> {
    let Some(started) = run.started.map(|entry| entry.at) else { return Vec::new() };
    let ended = run.ended.map_or(stopped, |(entry, _)| entry.at);
    let before = view.steps.iter().take(run.index).filter_map(|run| run.ended).map(|(entry, _)| entry.at).max();
    let next = view.steps.iter().skip(run.index + 1).find_map(|run| run.started).map_or(stopped, |entry| entry.at);
    let mut spans = vec![Span { phase: Phase::Before, from: before.unwrap_or(started), to: started }];
    let mut since = started;
    for (from, to) in hooks(view, run, ended) {
        spans.push(Span { phase: Phase::Rollout, from: since, to: from });
        spans.push(Span { phase: Phase::Hook, from: from.max(since), to });
        since = since.max(to);
    }
    spans.push(Span { phase: Phase::Rollout, from: since, to: ended });
    spans.push(Span { phase: Phase::Settled, from: ended, to: next });
    for span in &mut spans {
        span.to = span.to.min(stopped);
    }
    spans.retain(|span| span.from < span.to);
    spans
}

/// When each hook's Job of a step ran, in order.
fn hooks(view: &View, run: &StepRun, ended: u64) -> Vec<(u64, u64)> {
    let jobs = view.hook_jobs().into_iter();
    let jobs = jobs.filter(|job| run.contains(job.first().seq) && !view.is_neighbours(job));
    let window = |job: &crate::view::Track| {
        let end = job.ended().map_or(ended, |end| end.at.min(ended));
        (job.first().at, end)
    };
    let mut hooks: Vec<(u64, u64)> = jobs.map(window).collect();
    hooks.sort_unstable();
    hooks
}
