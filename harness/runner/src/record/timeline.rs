//! The timeline as it is written: each moment is on disk before the next one, so evidence survives a crash and a kill.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use chartgate_model::plan::Plan;
use chartgate_process::home::Environment;
use chartgate_redact::Redactor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::conceal::{Concealer, teach};
use super::recording::{Entry, FORMAT, Mode, Moment, StoredObject, WALL_CLOCK, hash_of};

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
    /// How many secrets were known before the first line was written.
    known: usize,
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
        publish(plan, &redactor);
        write_plan(&folder.join("plan.json"), plan, &redactor)?;
        let known = redactor.count();
        let files = Files {
            next: 0,
            timeline: create("timeline.jsonl")?,
            objects: create("objects.jsonl")?,
            stored: HashSet::new(),
            failure: None,
        };
        // One right after the other: they are the same moment.
        let (started, unix_ms) = (Instant::now(), wall_clock());
        let shared = Shared {
            folder: folder.to_owned(),
            started,
            unix_ms,
            concealer: Concealer::new(redactor.clone()),
            redactor,
            known,
            files: Mutex::new(files),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Notes the beginning: where, how, and with which versions.
    pub fn start(&self, ns: &str, mode: Mode, single_etcd: bool, versions: BTreeMap<&str, String>) {
        self.redactor().publish(ns);
        let mut versions: BTreeMap<_, _> =
            versions.into_iter().map(|(name, version)| (name.to_owned(), version)).collect();
        versions.insert("chartgate".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        self.append(Moment::Started {
            format: FORMAT,
            unix_ms: self.unix_ms(),
            namespace: ns.to_owned(),
            single_etcd,
            compares: matches!(mode, Mode::Run),
            versions,
            mode,
        });
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
        let line = entry_line(&self.shared.redactor, &entry);
        files.write(|files| &mut files.timeline, &line);
    }

    /// Stores an object's content, once, and returns its hash. Of a Secret's values only keyed hashes are stored.
    pub fn store(&self, object: &Value) -> String {
        self.store_made_by(object, None)
    }

    /// The same for an object that a template made, whose path is noted beside it.
    pub fn store_made_by(&self, object: &Value, template: Option<&str>) -> String {
        let object = self.shared.concealer.conceal(object);
        let hash = hash_of(&object);
        let mut files = self.files();
        if files.stored.insert(hash.clone()) {
            let mut object = object.into_owned();
            self.shared.redactor.redact_value(&mut object);
            let line = line(&StoredObject {
                hash: hash.clone(),
                object: Arc::new(object),
                source: template.map(str::to_owned),
            });
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
        teach(&self.shared.redactor, object);
    }

    /// Appends the last moment, and takes out what was written before it was known to be secret: of a Secret that a chart makes up,
    /// a pod may speak before we have seen it.
    pub fn end(&self, plan: &Plan) -> Result<()> {
        let (before, wall, after) = (self.now(), wall_clock(), self.now());
        if let Some(step) = clock_step(self.unix_ms(), (before, after), wall) {
            let why = format!("this machine's clock was set by {step} ms during the run");
            self.append(Moment::Gap { of: WALL_CLOCK.to_owned(), why });
        }
        self.append(Moment::Ended);
        self.break_off(plan)?;
        self.check()
    }

    /// Ends the recording before its time, without a last moment: what is on it until now stays, without secrets as in [`Self::end`].
    pub fn break_off(&self, plan: &Plan) -> Result<()> {
        let Shared { folder, redactor, known, .. } = &*self.shared;
        write_plan(&folder.join("plan.json"), plan, redactor)?;
        if redactor.count() > *known {
            let files = self.files();
            rewrite(&folder.join("timeline.jsonl"), |line: Entry| entry_line(redactor, &line))?;
            rewrite(&folder.join("objects.jsonl"), |line: StoredObject| {
                let mut object = line.object.as_ref().clone();
                redactor.redact_value(&mut object);
                self::line(&StoredObject { object: Arc::new(object), ..line })
            })?;
            drop(files);
        }
        Ok(())
    }

    /// # Errors
    /// [`Environment`] if something could not be written: the recording proves nothing.
    pub fn check(&self) -> Result<()> {
        match &self.files().failure {
            None => Ok(()),
            Some(error) => {
                let hint = "free some space, or choose another folder with `--out`";
                Err(Environment::hinted(format!("the recording could not be written: {error}"), hint).into())
            }
        }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// This machine's clock, in milliseconds since 1970.
fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

/// By how many milliseconds the clock was set since `began`, when it now shows `wall` and between so many milliseconds have passed;
/// `None`: it was not. A clock that is slewed runs as the time that passes here does.
fn clock_step(began: u64, (least, most): (u64, u64), wall: u64) -> Option<i64> {
    // More than a busy machine takes from one reading to the next.
    const TOLERANCE: i64 = 250;
    let (began, least, most, wall) = (began.cast_signed(), least.cast_signed(), most.cast_signed(), wall.cast_signed());
    let (shown, step) = (wall - began, |passed: i64| wall - began - passed);
    if shown > most + TOLERANCE {
        Some(step(most))
    } else if shown < least - TOLERANCE {
        Some(step(least))
    } else {
        None
    }
}

/// A line without secrets. Where a secret is a word of the recording itself, that it is unreadable is all that can be told.
fn entry_line(redactor: &Redactor, entry: &Entry) -> String {
    let text = line(entry);
    if redactor.redact(&text) == text {
        return text;
    }
    let mut value = serde_json::to_value(entry).unwrap_or_default();
    let tag = value["kind"].take();
    let before = value.clone();
    redactor.redact_value(&mut value);
    let is_changed = value != before;
    value["kind"] = tag;
    if is_changed && Entry::deserialize(&value).is_err() {
        let why = "a secret reads like a word of the recording".to_owned();
        return line(&Entry { moment: Moment::Gap { of: "timeline".to_owned(), why }, ..entry.clone() });
    }
    line(&value)
}

fn line(of: &impl Serialize) -> String {
    // Our own types always encode: they have string keys and no failing `Serialize`.
    serde_json::to_string(of).unwrap_or_default() + "\n"
}

/// Writes a file's lines again, beside it first: a run that is killed meanwhile keeps what it had.
fn rewrite<T: DeserializeOwned>(path: &Path, clean: impl Fn(T) -> String) -> Result<()> {
    let cannot = |error: std::io::Error| Environment::new(format!("cannot write `{}`: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(cannot)?;
    let mut cleaned = String::with_capacity(text.len());
    for line in text.lines() {
        // A torn line cannot be cleaned.
        cleaned.extend(serde_json::from_str(line).ok().map(&clean));
    }
    let beside = path.with_extension("jsonl.new");
    std::fs::write(&beside, cleaned).and_then(|()| std::fs::rename(&beside, path)).map_err(cannot)?;
    Ok(())
}

/// What the plan calls things by is no secret, whatever a Secret holds.
fn publish(plan: &Plan, redactor: &Redactor) {
    let named = [&plan.name, &plan.release, &plan.chart.name, &plan.chart.version];
    let keys = plan.roles.keys().chain(plan.hooks.keys()).chain(plan.backing.keys()).chain(plan.images.keys());
    let secrets = plan.secrets.iter().flat_map(|(name, data)| std::iter::once(name).chain(data.keys()));
    named.into_iter().chain(keys).chain(secrets).for_each(|word| redactor.publish(word));
    for word in WORDS {
        redactor.publish(word);
    }
}

/// Words of a plan and a recording that a weak password could be.
const WORDS: [&str; 12] = [
    "install",
    "upgrade",
    "rollback",
    "uninstall",
    "disrupt",
    "succeeds",
    "succeeded",
    "interrupted",
    "postgres",
    "previous",
    "refused",
    "connected",
];

fn write_plan(path: &Path, plan: &Plan, redactor: &Redactor) -> Result<()> {
    let mut plan = serde_json::to_value(plan).context("encode the plan")?;
    redactor.redact_value(&mut plan);
    let text = serde_json::to_string_pretty(&plan).context("encode the plan")?;
    std::fs::write(path, text + "\n")
        .map_err(|error| Environment::new(format!("cannot write `{}`: {error}", path.display())).into())
}

impl Files {
    fn write(&mut self, file: impl Fn(&mut Self) -> &mut File, line: &str) {
        if let Err(error) = file(self).write_all(line.as_bytes()) {
            self.failure.get_or_insert_with(|| error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a change of the schema is laid to a pod because someone set the clock, or that a slow machine's
    /// runs prove nothing.
    #[test]
    fn a_clock_that_is_set_is_noticed_and_a_slow_reading_is_not() {
        assert_eq!(clock_step(1000, (5000, 5001), 6000), None);
        assert_eq!(clock_step(1000, (5000, 9000), 8000), None, "the readings were far apart");
        assert_eq!(clock_step(1000, (5000, 5000), 9000), Some(3000));
        assert_eq!(clock_step(1000, (5000, 5000), 2000), Some(-4000));
    }
}
