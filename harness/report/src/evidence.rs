//! The evidence as files that a person opens: logs, events, objects and helm's view of the release, all written from the recording
//! alone, after the run. They can be deleted and written again; the recording stays what verdicts are made from.

mod helm;
mod logs;
mod name;
mod objects;
mod versions;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_judge::track::tracks;
use chartgate_model::recording::{Moment, Recording};
use serde_json::Value;

use name::safe;

/// What [`write`] makes in a scenario's folder.
const MADE: [&str; 6] = ["logs", "objects", "helm", "events.txt", "gaps.txt", "versions.yaml"];

/// Writes the files beside the recording; what an earlier call made is replaced.
///
/// # Errors
/// [`Environment`](chartgate_base::Environment) if there is no room, or the folder may not be written to.
pub fn write(recording: &Recording, folder: &Path) -> Result<()> {
    remove(folder)?;
    let mut files = Files { folder, taken: BTreeSet::new() };
    let (steps, tracks) = (steps(recording), tracks(recording));
    versions::write(recording, &mut files)?;
    logs::write(recording, &tracks, &mut files)?;
    objects::write(&tracks, &steps, &mut files)?;
    helm::write(recording, &steps, &mut files)?;
    files.lines("events.txt", &objects::events(&tracks))?;
    files.lines("gaps.txt", &gaps(recording))
}

/// Removes the files from a scenario's folder: they must not be taken for those of the run that is about to be made.
///
/// # Errors
/// If one cannot be removed.
pub fn remove(folder: &Path) -> Result<()> {
    for path in MADE.map(|name| folder.join(name)) {
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove `{}`", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A step that began, as a stretch of the timeline.
struct Span {
    /// Index in the plan's steps.
    index: usize,
    /// Its folder's name, for example `2-upgrade`.
    name: String,
    from: u64,
    /// The next step's beginning: what a step leads to belongs to it.
    to: u64,
}

fn steps(recording: &Recording) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for entry in &recording.entries {
        let Moment::StepStarted { step } = entry.moment else { continue };
        if let Some(last) = spans.last_mut() {
            last.to = entry.seq - 1;
        }
        let verb = recording.plan.steps.get(step).map_or("step", chartgate_model::plan::Step::verb);
        spans.push(Span { index: step, name: format!("{}-{verb}", step + 1), from: entry.seq, to: u64::MAX });
    }
    spans
}

/// What was not seen, a line each.
fn gaps(recording: &Recording) -> Vec<String> {
    let gaps = recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::Gap { of, why } => Some(format!("{:>10}  {of}: {why}", super::explanation::moment(entry.at))),
        _ => None,
    });
    gaps.collect()
}

/// The files below a scenario's folder.
struct Files<'a> {
    folder: &'a Path,
    taken: BTreeSet<PathBuf>,
}

impl Files<'_> {
    /// Writes a file; a name that is taken gets a number: `pod-x.yaml`, `pod-x.2.yaml`.
    fn put(&mut self, folder: &str, name: &str, ending: &str, text: &str) -> Result<()> {
        let numbered = |number: usize| if number == 1 { String::new() } else { format!(".{number}") };
        let path = (1..).map(|number| Path::new(folder).join(safe(name) + &numbered(number) + ending));
        let Some(path) = path.into_iter().find(|path| self.taken.insert(path.clone())) else { return Ok(()) };
        let (folder, name) = (self.folder.join(path.parent().unwrap_or(Path::new(""))), path.file_name());
        super::write(&folder, &name.unwrap_or_default().to_string_lossy(), text)
    }

    /// Writes a file of lines; none, where there are none.
    fn lines(&mut self, name: &str, lines: &[String]) -> Result<()> {
        if lines.is_empty() { Ok(()) } else { self.put("", name, "", &(lines.join("\n") + "\n")) }
    }

    /// Writes an object, or several as one stream of documents.
    fn yaml<'v>(&mut self, folder: &str, name: &str, objects: impl IntoIterator<Item = &'v Value>) -> Result<()> {
        let documents: Vec<String> = objects.into_iter().map(chartgate_yaml::text).collect();
        if documents.is_empty() { Ok(()) } else { self.put(folder, name, ".yaml", &documents.join("---\n")) }
    }
}

#[cfg(test)]
mod tests;
