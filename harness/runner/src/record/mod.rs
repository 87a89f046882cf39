//! The recording: everything that was seen while the steps ran, on one timeline, written as it happened.
//!
//! A recorder never decides; the judge reads a [`Recording`] after the fact and without a cluster.

pub mod conceal;
pub mod load;
mod original;
pub mod logs;
pub mod prober;
pub mod timeline;
pub mod watch;

pub use chartgate_model::recording::{
    self, Answer, Asked, Asker, Attempt, Change, Compared, Entry, HelmCall, HookRun, LintMessage, Mode, Moment, Node,
    Probe, Reach, Recording, Release, RepeatedKey, ServicePort, StepOutcome, Variant,
};
pub use timeline::Timeline;
