//! What a check found, and how a check, a scenario or a run ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a check, a scenario or a run ended, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The check's subject does not exist here; decided from the plan and the render, never from what happened.
    NotApplicable,
    /// It failed or was void, and the contract accepts that for a while.
    Waived,
    /// The promise held, and the evidence says so.
    Pass,
    /// A good habit that the chart does not promise is missing.
    Advice,
    /// The check applies, but the run could not prove it.
    Void,
    /// A promise was broken.
    Fail,
}

impl Verdict {
    /// Whether the gate does not let it pass.
    pub fn is_red(self) -> bool {
        matches!(self, Self::Void | Self::Fail)
    }
}

/// What a check found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The check's stable name.
    pub check: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, in one sentence that names objects, pods and revisions.
    pub message: String,
    /// The moments that show it.
    pub evidence: Vec<Evidence>,
    /// Each thing that was found so; the message tells the first one. Empty where the check passed or does not apply.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// What alone kept it from being proven, and what another check tells: `step 2 (upgrade) failed`; `null`: nothing did.
    pub since: Option<String>,
    /// The templates that made the objects that the message names: `CHART/templates/FILE`.
    #[serde(default)]
    pub templates: Vec<String>,
}

/// One thing that a check found broken, or could not prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What, in a sentence that names the object.
    pub what: String,
    /// What a person can do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// How evidence tells it, beside the first problem of a finding.
    pub fn further(&self) -> Evidence {
        Evidence { seq: None, at: None, text: format!("also: {}", self.what) }
    }
}

impl Finding {
    /// A finding of several things: its message tells the first one, and how many more there are.
    pub fn of_problems(check: &str, verdict: Verdict, problems: Vec<Problem>, evidence: Vec<Evidence>) -> Self {
        let first = problems.first();
        let what = first.map_or("", |problem| problem.what.as_str());
        let more = if problems.len() > 1 { format!(" (and {} more)", problems.len() - 1) } else { String::new() };
        let hint =
            first.and_then(|problem| problem.hint.as_ref()).map_or(String::new(), |hint| format!("\nhint: {hint}"));
        let message = format!("{what}{more}{hint}");
        Self { check: check.to_owned(), verdict, message, evidence, problems, since: None, templates: Vec::new() }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&str> {
        self.problems.first()?.hint.as_deref()
    }

    /// The same with another statement.
    #[must_use]
    pub fn with_statement(self, statement: &str) -> Self {
        let hint = self.hint().map_or(String::new(), |hint| format!("\nhint: {hint}"));
        Self { message: format!("{statement}{hint}"), ..self }
    }

    /// The message without what to do about it.
    pub fn statement(&self) -> &str {
        let hint = self.hint().map(|hint| format!("\nhint: {hint}"));
        hint.and_then(|hint| self.message.strip_suffix(&hint)).unwrap_or(&self.message)
    }
}

/// A moment of the timeline that a finding cites.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Position on the timeline, where it stands there.
    pub seq: Option<u64>,
    /// Milliseconds since the recording began.
    pub at: Option<u64>,
    /// What was seen.
    pub text: String,
}
