//! The timeline as it is written: each moment is on disk before the next one, so evidence survives a crash and a kill.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use super::conceal::Concealer;
use super::recording::{Entry, Moment, StoredObject, hash_of};
use crate::home::Environment;
use crate::plan::Plan;
use crate::redact::Redactor;

/// Writes a recording; clones write the same one.
#[derive(Clone)]
pub struct Timeline {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    started: Instant,
    unix_ms: u64,
    redactor: Redactor,
    concealer: Concealer,
    files: Mutex<Files>,
}

struct Files {
    next: u64,
    timeline: File,
    objects: File,
    stored: HashSet<String>,
    /// The first failure to write: from then on the recording is worth nothing.
    failure: Option<String>,
}

impl Timeline {
    /// Begins a recording in a new folder.
    pub fn create(folder: &Path, plan: &Plan, redactor: Redactor) -> Result<Self> {
        let create = |name: &str| {
            let path = folder.join(name);
            File::create(&path).map_err(|error| Environment::new(format!("cannot write `{}`: {error}", path.display())))
        };
        std::fs::create_dir_all(folder)
            .map_err(|error| Environment::new(format!("cannot make the folder `{}`: {error}", folder.display())))?;
        write_plan(&folder.join("plan.json"), plan, &redactor)?;
        let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let files = Files {
            next: 0,
            timeline: create("timeline.jsonl")?,
            objects: create("objects.jsonl")?,
            stored: HashSet::new(),
            failure: None,
        };
        let shared = Shared {
            folder: folder.to_owned(),
            started: Instant::now(),
            unix_ms: u64::try_from(unix_ms).unwrap_or_default(),
            concealer: Concealer::new(redactor.clone()),
            redactor,
            files: Mutex::new(files),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Wall-clock time of the recording's beginning, in milliseconds since 1970.
    pub fn unix_ms(&self) -> u64 {
        self.shared.unix_ms
    }

    /// Milliseconds since the recording's beginning.
    pub fn now(&self) -> u64 {
        u64::try_from(self.shared.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What keeps secrets out of this recording.
    pub fn redactor(&self) -> &Redactor {
        &self.shared.redactor
    }

    /// Appends a moment.
    pub fn append(&self, moment: Moment) {
        let mut files = self.files();
        let entry = Entry { seq: files.next, at: self.now(), moment };
        files.next += 1;
        let line = self.line(&entry);
        files.write(|files| &mut files.timeline, &line);
    }

    /// Stores an object's content, once, and returns its hash. Of a Secret's values only keyed hashes are stored.
    pub fn store(&self, object: &Value) -> String {
        let object = self.shared.concealer.conceal(object);
        let hash = hash_of(&object);
        let mut files = self.files();
        if files.stored.insert(hash.clone()) {
            let line = self.line(&StoredObject { hash: hash.clone(), object: Arc::new(object.into_owned()) });
            files.write(|files| &mut files.objects, &line);
        }
        hash
    }

    /// Stores an object and appends what happened to it.
    pub fn object(&self, change: super::Change, object: &Value) {
        let hash = self.store(object);
        self.append(Moment::Object { change, hash });
    }

    /// Learns a Secret's values before anything that may repeat them is stored.
    pub fn learn(&self, object: &Value) {
        drop(self.shared.concealer.conceal(object));
    }

    /// Appends the last moment, and writes the plan once more: it may hold secrets that were only learned since.
    pub fn end(&self, plan: &Plan) -> Result<()> {
        self.append(Moment::Ended);
        write_plan(&self.shared.folder.join("plan.json"), plan, &self.shared.redactor)?;
        self.check()
    }

    /// # Errors
    /// [`Environment`] if something could not be written: the recording proves nothing.
    pub fn check(&self) -> Result<()> {
        match &self.files().failure {
            None => Ok(()),
            Some(error) => {
                let hint = "hint: free some space, or choose another folder with `--out`";
                Err(Environment::new(format!("the recording could not be written: {error}\n{hint}")).into())
            }
        }
    }

    fn line(&self, of: &impl Serialize) -> String {
        // Our own types always encode: they have string keys and no failing `Serialize`.
        let mut line = self.shared.redactor.redact(&serde_json::to_string(of).unwrap_or_default());
        line.push('\n');
        line
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_plan(path: &Path, plan: &Plan, redactor: &Redactor) -> Result<()> {
    let text = serde_json::to_string_pretty(plan).context("encode the plan")?;
    std::fs::write(path, redactor.redact(&text) + "\n")
        .map_err(|error| Environment::new(format!("cannot write `{}`: {error}", path.display())).into())
}

impl Files {
    fn write(&mut self, file: impl Fn(&mut Self) -> &mut File, line: &str) {
        if let Err(error) = file(self).write_all(line.as_bytes()) {
            self.failure.get_or_insert_with(|| error.to_string());
        }
    }
}
