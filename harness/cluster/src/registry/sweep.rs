//! The end of what brokers left.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_process::wait::{Check, until};
use rustix::process::{Pid, Signal, kill_process};

use super::{About, Entry, entries, folder, try_lock};

/// A broker's log may be looked at the day after.
const LOGS: Duration = Duration::from_secs(48 * 3600);
/// A broker that is told to end removes its clusters, which takes about two seconds each.
const END: Duration = Duration::from_secs(60);

/// Removes the files of keys whose broker is dead for so long. Each build of `chartgate` has a key of its own.
fn forget_keys(unused_for: Duration) -> Result<()> {
    let folder = folder()?;
    for file in fs::read_dir(&folder).with_context(|| format!("failed to list `{}`", folder.display()))? {
        let lock = file?.path();
        if lock.extension().is_none_or(|extension| extension != "lock") || try_lock(&lock)?.is_none() {
            continue;
        }
        let log = lock.with_extension("log");
        let written = log.metadata().and_then(|log| log.modified()).ok();
        if written.and_then(|time| time.elapsed().ok()).is_some_and(|age| age >= unused_for) {
            for extension in ["sock", "start", "log", "lock"] {
                // Not each of them need be there.
                fs::remove_file(lock.with_extension(extension)).ok();
            }
        }
    }
    Ok(())
}

/// Removes what dead brokers left and no one kept. Says what.
pub async fn sweep() -> Result<Vec<String>> {
    forget_keys(LOGS)?;
    let mut removed = Vec::new();
    let mut failed = None;
    for folder in entries(&folder()?)? {
        if let Some(entry) = Entry::of_the_dead(&folder)?
            && !entry.is_kept()
        {
            // A user's cluster that does not answer keeps no one from what else is left.
            match entry.remove().await {
                Ok(all) => removed.extend(all),
                Err(error) => failed = Some(error),
            }
        }
    }
    failed.map_or(Ok(removed), Err)
}

/// Removes everything that brokers of this state folder made, kept clusters too; brokers that live are told to end first.
///
/// Gives a line for each thing that was removed.
pub async fn clean() -> Result<Vec<String>> {
    let mut removed = Vec::new();
    let mut failed = None;
    for folder in entries(&folder()?)? {
        let entry = match Entry::of_the_dead(&folder)? {
            Some(entry) => Some(entry),
            None => end_broker(&folder).await?,
        };
        match entry {
            Some(entry) => match entry.remove().await {
                Ok(all) => removed.extend(all),
                Err(error) => failed = Some(error),
            },
            None => removed.push(format!("the broker of `{}`, with all that it made", folder.display())),
        }
    }
    forget_keys(Duration::ZERO)?;
    failed.map_or(Ok(removed), Err)
}

/// Ends a broker that lives; its entry, if it left one.
async fn end_broker(folder: &Path) -> Result<Option<Entry>> {
    let about: About = serde_json::from_slice(&fs::read(folder.join("broker.json"))?)?;
    if let Some(pid) = i32::try_from(about.pid).ok().and_then(Pid::from_raw) {
        // It may have ended since we looked.
        kill_process(pid, Signal::TERM).ok();
    }
    until("the broker to end", END, || async {
        match Entry::of_the_dead(folder) {
            Ok(None) if folder.exists() => Check::NotYet(format!("process {} holds its entry", about.pid)),
            Ok(entry) => Check::Ready(entry),
            Err(_) if !folder.exists() => Check::Ready(None),
            Err(error) => Check::Fatal(error),
        }
    })
    .await
}
