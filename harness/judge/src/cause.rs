//! Why something could not be proven, where another check tells it in full.

use std::fmt;

/// What happened, and what was said of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Cause {
    /// `step 2 (upgrade) failed`: what a report gathers the findings under.
    pub(super) what: String,
    why: Option<String>,
}

impl Cause {
    /// What happened, and what was said of it.
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: Some(why.into()) }
    }

    /// The same, seen from outside of it.
    pub(super) fn of(outer: impl Into<String>, inner: &Self) -> Self {
        Self::new(outer, inner.to_string())
    }
}

impl From<String> for Cause {
    fn from(what: String) -> Self {
        Self { what, why: None }
    }
}

impl From<Cause> for String {
    fn from(cause: Cause) -> Self {
        cause.to_string()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.why {
            Some(why) => write!(f, "{}: {why}", self.what),
            None => f.write_str(&self.what),
        }
    }
}
