//! A packaged chart, read without helm or tar: nothing in it may be written beside the chart's own directory.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use chartgate_yaml::Invalid;
use flate2::read::GzDecoder;

/// What all files of a chart may have together: helm's own limit.
const LARGEST: u64 = 100 << 20;

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedFile {
    /// Below the chart's directory, which is its first part.
    pub path: PathBuf,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// The files of a package.
///
/// # Errors
/// [`Invalid`] if it is none, is larger than helm takes, or names a path outside of the chart, a link or a device.
pub fn read(package: &[u8], name: &str) -> Result<Vec<PackedFile>> {
    entries(package).map_err(|error| Invalid(format!("the package `{name}` cannot be used: {error:#}")).into())
}

/// Writes the files of a package below a directory, and gives the chart's own directory in it.
///
/// # Errors
/// As [`read`] says, and that a file cannot be written.
pub fn unpack(package: &[u8], name: &str, directory: &Path) -> Result<PathBuf> {
    let files = read(package, name)?;
    for file in &files {
        let path = directory.join(&file.path);
        let parent = path.parent().unwrap_or(directory);
        std::fs::create_dir_all(parent).with_context(|| format!("make the directory `{}`", parent.display()))?;
        std::fs::write(&path, &file.bytes).with_context(|| format!("write `{}`", path.display()))?;
    }
    let chart = files.iter().find(|file| is_description(&file.path));
    let chart = chart.and_then(|file| file.path.parent());
    let chart = chart.ok_or_else(|| Invalid(format!("`{name}` is no chart: it has no `Chart.yaml`")))?;
    Ok(directory.join(chart))
}

/// Whether it is the `Chart.yaml` of the package's own chart.
pub fn is_description(path: &Path) -> bool {
    path.components().count() == 2 && path.ends_with("Chart.yaml")
}

fn entries(package: &[u8]) -> Result<Vec<PackedFile>> {
    // One byte more than it may have, so that too much is seen and not cut off.
    let mut archive = tar::Archive::new(GzDecoder::new(package).take(LARGEST + 1));
    let mut files = Vec::new();
    let mut total = 0;
    for entry in archive.entries().context("it is no archive")? {
        let mut entry = entry.context("it is no archive")?;
        let path = entry.path().context("a path in it cannot be read")?.into_owned();
        let shown = path.display();
        let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(is_inside, "it names `{shown}`, which is outside of the chart");
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        if !kind.is_file() {
            bail!("`{shown}` in it is a link or a device, and helm packs files alone");
        }
        total += entry.size();
        ensure!(total <= LARGEST, "it has more than {LARGEST} bytes, which helm refuses");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).with_context(|| format!("`{shown}` in it cannot be read"))?;
        files.push(PackedFile { path, bytes });
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
