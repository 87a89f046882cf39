//! The timeline's entries, and a recording in memory.
//!
//! On disk a recording is a folder: `plan.json`, `timeline.jsonl` (one [`Entry`] a line) and `objects.jsonl` (each
//! distinct object once, by the hash of its content).

mod cluster;
mod dry_run;
mod effect;
mod entry;
mod helm;
mod probe;
mod render;
mod traffic;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use chartgate_k8s::typed::Object;
pub use chartgate_protocol::{Answer, Failure, JobEnd, SessionEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::plan::Plan;
pub use cluster::{Asked, Change, Compared, NOT_COMPARED, Node};
pub use dry_run::{DryRun, DryRunAnswer};
pub use effect::{EffectSeen, EffectState};
pub use entry::{Entry, Mode, Moment};
pub use helm::{HelmCall, HookRun, Release, StepOutcome};
pub use probe::{Asker, Attempt, Probe, Reach, ServicePort};
pub use render::{LintMessage, RepeatedKey, Variant};
pub use traffic::{Failed, JobEnded, Served};

/// Version of the recording's format; a change that old readers would misread raises it.
pub const FORMAT: u32 = 1;

/// What a [`Moment::Gap`] is of when the machine's clock was set during the run: then times of other clocks than the recorder's cannot
/// be placed on the timeline.
pub const WALL_CLOCK: &str = "wall clock";

/// What a [`Moment::Gap`] is of when the API server did not answer a watch for a while: then nothing that was seen, or not seen, is
/// the chart's doing for sure.
pub const WATCH: &str = "watch";

/// The file of a recording that holds the plan.
pub const PLAN: &str = "plan.json";
const TIMELINE: &str = "timeline.jsonl";
const OBJECTS: &str = "objects.jsonl";
/// The files of a recording.
pub const FILES: [&str; 3] = [PLAN, TIMELINE, OBJECTS];

/// A plan and what was seen while it ran.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What was to be done, and what the chart promises.
    pub plan: Plan,
    /// The timeline.
    pub entries: Vec<Entry>,
    /// Objects by the hash of their content.
    pub objects: HashMap<String, Object>,
    /// The template that made an object, by the hash of its content: `CHART/templates/FILE`.
    pub sources: HashMap<String, String>,
}

/// The name under which an object's content is stored.
pub fn hash_of(object: &Value) -> String {
    chartgate_base::hex(&Sha256::digest(object.to_string())[..12])
}

/// A line of `objects.jsonl`.
#[derive(Serialize, Deserialize)]
pub struct StoredObject {
    pub hash: String,
    pub object: Arc<Value>,
    /// The template that made it, for what helm rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Recording {
    /// Reads a recording from its folder. A torn last line (the recorder was killed) is left out.
    pub fn load(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).with_context(|| format!("read `{}`", path.display()))
        };
        let plan = serde_json::from_str(&read(PLAN)?).context("parse `plan.json`")?;
        let entries: Vec<Entry> = parse_lines(TIMELINE, &read(TIMELINE)?)?;
        let stored: Vec<StoredObject> = parse_lines(OBJECTS, &read(OBJECTS)?)?;
        if let Some(Entry { moment: Moment::Started { format, .. }, .. }) = entries.first()
            && *format != FORMAT
        {
            bail!("`{}` has recording format {format}, and this chartgate reads format {FORMAT}", folder.display());
        }
        let sources = stored.iter().filter_map(|line| Some((line.hash.clone(), line.source.clone()?))).collect();
        let objects = stored.into_iter().map(|line| (line.hash, line.object.into())).collect();
        Ok(Self { plan, entries, objects, sources })
    }

    /// Versions of what took part in a recording: its first entry is read alone.
    pub fn versions(folder: &Path) -> BTreeMap<String, String> {
        let first = File::open(folder.join(TIMELINE)).ok().and_then(|file| BufReader::new(file).lines().next()?.ok());
        match first.and_then(|line| serde_json::from_str(&line).ok()) {
            Some(Entry { moment: Moment::Started { versions, .. }, .. }) => versions,
            _ => BTreeMap::new(),
        }
    }

    /// Removes an earlier recording from a folder: it must not be taken for the one that is about to be made.
    pub fn remove(folder: &Path) -> Result<()> {
        for name in FILES {
            let path = folder.join(name);
            if path.exists() {
                std::fs::remove_file(&path).with_context(|| format!("remove `{}`", path.display()))?;
            }
        }
        Ok(())
    }

    /// The day on which the recording began, as `YYYY-MM-DD` in UTC; a verdict that depends on the day can be repeated.
    pub fn day(&self) -> String {
        let unix_ms = match self.entries.first() {
            Some(Entry { moment: Moment::Started { unix_ms, .. }, .. }) => *unix_ms,
            _ => 0,
        };
        let began = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms);
        jiff::Timestamp::try_from(began).map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
    }

    /// How much of the plan was carried out; all of it, where the recording does not say.
    pub fn mode(&self) -> Mode {
        match self.entries.first() {
            Some(Entry { moment: Moment::Started { mode, .. }, .. }) => *mode,
            _ => Mode::default(),
        }
    }

    /// The object that was stored under a hash; JSON `null` if the recording was cut before it was written.
    pub fn object(&self, hash: &str) -> &Object {
        self.objects.get(hash).unwrap_or_else(|| Object::none())
    }
}

fn parse_lines<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<Vec<T>> {
    let mut parsed = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        match serde_json::from_str(line) {
            Ok(value) => parsed.push(value),
            Err(_) if lines.peek().is_none() && !text.ends_with('\n') => {}
            Err(error) => return Err(error).with_context(|| format!("parse line {} of `{name}`", index + 1)),
        }
    }
    Ok(parsed)
}
