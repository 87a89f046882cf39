//! What a role's users met.

use std::collections::BTreeMap;

use chartgate_protocol::{Failure, JobEnd};
use serde::{Deserialize, Serialize};

/// Requests of one slice of time that were answered well. Times are in milliseconds since the recording began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The role whose Service was asked.
    pub role: String,
    /// They were sent from here on.
    pub from: u64,
    /// End of the slice.
    pub to: u64,
    /// How many there were.
    pub count: u32,
    /// How long the slowest answer took, in milliseconds.
    pub slowest_ms: u64,
    /// How long after its time the latest request was sent, in milliseconds.
    pub late_ms: u64,
    /// How many each pod answered, where answers name it.
    pub by_pod: BTreeMap<String, u32>,
}

/// A request that was not answered well. Times are in milliseconds since the recording began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The role whose Service was asked.
    pub role: String,
    /// When it was sent.
    pub sent: u64,
    /// How long it took until the failure was known, in milliseconds.
    pub took_ms: u64,
    /// What became of it.
    pub failure: Failure,
    /// The pod that answered, where the answer names it.
    pub pod: Option<String>,
}

/// A job that has ended, or was given up. Times are in milliseconds since the recording began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEnded {
    /// The role whose Service it was handed to.
    pub role: String,
    /// When it was handed in.
    pub sent: u64,
    /// How long it took until its end was known, in milliseconds.
    pub took_ms: u64,
    /// What became of it.
    pub end: JobEnd,
}
