//! What a step is called while it goes on, and how much is kept of what helm says in it.

use chartgate_model::plan::Plan;
use chartgate_process::tool;

use crate::record::Timeline;

/// What is done in a step of so many.
pub(super) fn at_step(plan: &Plan, index: usize, what: &str) -> String {
    format!("step {}/{}: {what}", index + 1, plan.steps.len())
}

/// Enough of a long error to understand it, in whole lines and without secrets: a half of one would not be known any more.
pub(super) fn tail(text: &str, timeline: &Timeline) -> String {
    const LIMIT: usize = 4000;
    if text.len() <= LIMIT {
        return text.trim().to_owned();
    }
    tool::tail(&timeline.redactor().redact(text), LIMIT).trim().to_owned()
}
