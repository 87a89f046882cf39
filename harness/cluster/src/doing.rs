//! What is being done while someone waits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is being done, in words, and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    /// In words.
    pub what: String,
    /// How far it is; `None`: no one knows.
    pub part: Option<Part>,
}

/// So many parts of a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Are done.
    pub done: u8,
    /// Are there.
    pub of: u8,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.part {
            Some(Part { done, of }) => write!(f, " ({done} of {of})"),
            None => Ok(()),
        }
    }
}

impl From<String> for Doing {
    fn from(what: String) -> Self {
        Self { what, part: None }
    }
}

impl From<&str> for Doing {
    fn from(what: &str) -> Self {
        what.to_owned().into()
    }
}
