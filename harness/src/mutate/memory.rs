//! Results that are kept: a second run does only what changed, and one that was interrupted goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use chartgate_model::plan::Plan;
use chartgate_process::home;
use chartgate_runner::run;
use sha2::{Digest, Sha256};

use super::trial::{Trial, Way};

/// The digest of all that a trial depends on: the chart, the scenario with its contract, the images, the versions.
pub(super) fn key(plan: &Plan, way: Way, options: &run::Options) -> Result<String> {
    let mut plan = plan.clone();
    plan.repeat = None;
    let mut digest = Sha256::new();
    for chart in std::iter::once(&plan.chart).chain(plan.from.iter().filter_map(|origin| origin.chart.as_ref())) {
        add(&chart.path, &mut digest)?;
    }
    plan.base_files.iter().chain(&plan.values_files).try_for_each(|file| add(file, &mut digest))?;
    // Where they were fetched to is another place each time.
    plan.from.iter_mut().for_each(|origin| origin.chart = None);
    plan.next = None;
    digest.update(serde_json::to_vec(&plan).context("encode a plan")?);
    let versions = [way.name(), &options.kubernetes, &options.helm, env!("CARGO_PKG_VERSION")];
    for version in versions {
        digest.update(version.as_bytes());
    }
    digest.update(fs::read(home::folder()?.join("images.env")).unwrap_or_default());
    digest.update(this_build());
    Ok(chartgate_base::hex(&digest.finalize()[..16]))
}

/// Tells builds of one version apart.
fn this_build() -> Vec<u8> {
    let about = home::exe().and_then(|exe| exe.metadata().ok());
    let changed = about.as_ref().and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    let size = about.map_or(0, |about| about.len());
    [size.to_le_bytes(), changed.map_or(0, |since| since.as_secs()).to_le_bytes()].concat()
}

/// Adds a file, or the files of a directory in the order of their names.
fn add(path: &Path, digest: &mut Sha256) -> Result<()> {
    if path.is_dir() {
        let entries = fs::read_dir(path).with_context(|| format!("read the directory `{}`", path.display()))?;
        let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        entries.sort();
        return entries.iter().try_for_each(|entry| {
            digest.update(entry.file_name().unwrap_or_default().as_encoded_bytes());
            add(entry, digest)
        });
    }
    digest.update(fs::read(path).with_context(|| format!("read `{}`", path.display()))?);
    Ok(())
}

fn file(key: &str) -> Result<PathBuf> {
    Ok(home::folder()?.join("mutate").join(format!("{key}.json")))
}

/// What is known of a trial.
pub(super) fn recall(key: &str) -> Option<Trial> {
    serde_json::from_slice(&fs::read(file(key).ok()?).ok()?).ok()
}

/// Keeps what a trial showed.
pub(super) fn keep(key: &str, trial: &Trial) -> Result<()> {
    let file = file(key)?;
    let fresh = file.with_extension(chartgate_base::random::text(6));
    let text = serde_json::to_vec(trial).context("encode a trial")?;
    let write = || -> std::io::Result<()> {
        file.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&fresh, text)?;
        fs::rename(&fresh, &file)
    };
    write().with_context(|| format!("write `{}`", file.display()))
}
