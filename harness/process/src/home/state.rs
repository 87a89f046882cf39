//! Where the state is, and the `KEY=value` files: `versions.env`, and those that the set-up writes.

use std::path::PathBuf;

use anyhow::{Context, Result};
use chartgate_base::Environment;

/// The versions of tools, images and Kubernetes, as the one file that names them has them.
pub(super) const VERSIONS: &str = include_str!("../../../versions.env");

/// The state folder: `CHARTGATE_HOME`, else `chartgate` in the user's cache folder.
pub fn folder() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("CHARTGATE_HOME")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("chartgate")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/chartgate")))
        .ok_or_else(|| Environment::hinted("no folder to keep state in", "set `CHARTGATE_HOME` or `HOME`"))?;
    // The broker has a working directory of its own.
    std::path::absolute(&folder).with_context(|| format!("failed to make `{}` absolute", folder.display()))
}

/// What `versions.env` has under `key`.
pub(super) fn pinned(key: &str) -> Option<&'static str> {
    entries(VERSIONS).find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// The `KEY=value` lines of a file; `#` begins a comment line.
pub(super) fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().map(str::trim).filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='))
}
