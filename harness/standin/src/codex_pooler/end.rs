//! How a session ends.

/// Close codes of RFC 6455 and of the application's own range.
pub mod code {
    /// The server failed.
    pub const FAILED: u16 = 1011;
    /// The server restarts.
    pub const RESTART: u16 = 1012;
    /// Try again later.
    pub const LATER: u16 = 1013;
    /// The client's message is wrong.
    pub const BAD: u16 = 4400;
    /// Another pod owns the session.
    pub const ELSEWHERE: u16 = 4409;
}

/// How a session ends: the close code and the reason that the client is told.
pub struct End {
    /// The close code.
    pub code: u16,
    /// The reason.
    pub reason: String,
}

impl End {
    /// An end with a reason.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// The end of a session whose pod stops.
    pub fn restart() -> Self {
        Self::new(code::RESTART, "the pod stops: reconnect and resume")
    }
}
