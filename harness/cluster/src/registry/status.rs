//! What there is of brokers.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Entry, entries, folder};

/// What there is of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It lives.
    InUse,
    /// The user asked for it.
    Kept,
    /// Its broker died before it was removed.
    Left,
}

impl std::fmt::Display for Standing {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::InUse => "in use",
            Self::Kept => "kept",
            Self::Left => "left by a dead run",
        })
    }
}

/// What brokers of this state folder made and is there now: the beginning of its containers' names, and how it stands.
pub fn standing() -> Result<Vec<(String, Standing)>> {
    standing_in(&folder()?)
}

pub(super) fn standing_in(brokers: &Path) -> Result<Vec<(String, Standing)>> {
    let stand = |folder: PathBuf| {
        let name = format!("chartgate-{}", folder.file_name().unwrap_or_default().to_string_lossy());
        let standing = match Entry::of_the_dead(&folder)? {
            None => Standing::InUse,
            Some(entry) if entry.is_kept() => Standing::Kept,
            Some(_) => Standing::Left,
        };
        Ok((name, standing))
    };
    entries(brokers)?.into_iter().map(stand).collect()
}
