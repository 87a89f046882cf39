//! What a process that ended or runs said.

use std::process::ExitStatus;
use std::time::Duration;

/// A process that ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended; `None`: its deadline passed and it was killed.
    pub status: Option<ExitStatus>,
    /// Its standard output; bytes that are no UTF-8 are replaced. Not redacted.
    pub stdout: String,
    /// Its standard error, likewise.
    pub stderr: String,
    /// From its start to its end.
    pub took: Duration,
}

impl Output {
    /// Whether it ended by itself, with status 0.
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// A line of a running process, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Of its standard output.
    Out(String),
    /// Of its standard error.
    Err(String),
    /// It ended, in words; the last item.
    Ended(String),
}

/// The end of a text, in whole lines where it can be.
pub fn tail(text: &str, length: usize) -> &str {
    let mut start = text.len().saturating_sub(length);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let end = &text[start..];
    if start == 0 { end } else { end.split_once('\n').map_or(end, |(_, whole)| whole) }
}
