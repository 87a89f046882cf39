//! The prober's protocol: the harness writes one [`Question`] a line to the prober's standard input, inside the cluster,
//! and reads one [`Reply`] a line from its standard output, in the order in which the answers come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is to be tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// Chosen by the asker; the reply carries it back.
    pub id: u64,
    /// Host (or IP address) and port.
    pub address: String,
    /// Path of an HTTP GET; `None`: only a connection is tried.
    pub path: Option<String>,
    /// Address of a server that must be there: a connection to it is tried at the same time (positive control).
    pub control: Option<String>,
    /// How long each may take, in milliseconds.
    pub limit_ms: u64,
}

/// What came of a question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reply {
    /// The question's.
    pub id: u64,
    /// How long the answer took, in milliseconds.
    pub took_ms: u64,
    /// What came back.
    pub answer: Answer,
    /// What the control met, where one was asked for.
    pub control: Option<Answer>,
}

/// What a probe met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The connection was accepted; nothing was asked.
    Connected,
    /// The connection was refused.
    Refused,
    /// Nothing came within the prober's limit.
    TimedOut,
    /// It failed in another way.
    Failed(String),
    /// An HTTP answer.
    Http {
        /// Status code.
        status: u16,
        /// Lower-case header names to values.
        headers: BTreeMap<String, String>,
        /// The body's first 4096 bytes.
        body: String,
    },
}
