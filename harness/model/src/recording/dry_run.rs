//! What an API server says of an object before it is made.

use serde::{Deserialize, Serialize};

/// What an API server said of a rendered object: server-side apply that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// Index in the plan's steps.
    pub step: usize,
    /// Hash of the object.
    pub object: String,
    /// What the server said.
    pub answer: DryRunAnswer,
}

/// What an API server says to an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum DryRunAnswer {
    /// It would take the object.
    Accepted,
    /// It would not.
    Refused {
        /// The status code, for example 422.
        code: u16,
        /// The server's words.
        message: String,
        /// Whether the server has an object of this name already, or does not let us look.
        is_there: bool,
    },
    /// It was not asked: it cannot know this object.
    NotAsked {
        /// Why.
        why: String,
    },
    /// It was asked, and gave no answer.
    NoAnswer {
        /// What came instead.
        why: String,
    },
}
