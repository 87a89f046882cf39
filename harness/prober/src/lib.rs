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
    /// A websocket session: opened through `control`, then reached through `address`, both at `path`.
    pub session: Option<Session>,
    /// How long each may take, in milliseconds.
    pub limit_ms: u64,
}

/// What is said in a websocket session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Headers of the upgrade request.
    pub headers: BTreeMap<String, String>,
    /// Said by the one that opens the session, and kept open.
    pub first: String,
    /// Said by the one that reaches it through another pod.
    pub second: String,
    /// Text that an answer to each contains; other messages are passed over.
    pub reply: String,
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
    /// A message of a websocket session that contains the expected text.
    Replied(String),
    /// A websocket session was closed instead of answered.
    Closed {
        /// Close code (RFC 6455, section 7.4); 1005: none was given.
        code: u16,
        /// The server's words.
        reason: String,
    },
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
