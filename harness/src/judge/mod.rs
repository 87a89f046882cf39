//! The judge: each check is a pure function from a recording to a finding. It never talks to a cluster.

use serde::{Deserialize, Serialize};

use crate::record::Recording;

/// How a check, a scenario or a run ended, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The check's subject does not exist here; decided from the plan and the render, never from what happened.
    NotApplicable,
    /// The promise held, and the evidence says so.
    Pass,
    /// A good habit that the chart does not promise is missing.
    Advice,
    /// The check applies, but the run could not prove it.
    Void,
    /// A promise was broken.
    Fail,
}

/// What a check found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The check's stable name.
    pub check: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, in one sentence that names objects, pods and revisions.
    pub message: String,
    /// The moments that show it.
    pub evidence: Vec<Evidence>,
}

/// A moment of the timeline that a finding cites.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// Position on the timeline, where it stands there.
    pub seq: Option<u64>,
    /// Milliseconds since the recording began.
    pub at: Option<u64>,
    /// What was seen.
    pub text: String,
}

/// A check: its stable name, what it proves, and the function that judges.
pub struct Check {
    /// Stable name, as in reports and contracts.
    pub name: &'static str,
    /// What it proves.
    pub proves: &'static str,
    /// What a failure means for a user of the chart.
    pub means: &'static str,
    /// Judges a recording.
    pub judge: fn(&Recording) -> Finding,
}
