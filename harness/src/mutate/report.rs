//! What became of the mutants, as programs read it.

use std::path::Path;

use anyhow::{Context, Result};
use chartgate_judge::Verdict;
use chartgate_mutate::Operator;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::subject::Subject;
use super::trial::Way;
use super::{junit, print};

/// Version of `mutation.json`; a change that old readers would misread raises it.
const FORMAT: u32 = 1;

/// At most so many of the applied operators may be accepted: one of five.
const ACCEPTED: usize = 5;

/// All charts.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MutationReport {
    /// Version of this format.
    pub format: u32,
    /// The worst of the charts'; void without any.
    pub verdict: Verdict,
    /// In the order of the scenarios.
    pub charts: Vec<ChartReport>,
}

/// One chart.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChartReport {
    /// The scenarios' directory, or the chart's name.
    pub name: String,
    /// Fail below the least score; void where it proves nothing.
    pub verdict: Verdict,
    /// Why it is void, or fails; `null`: it passes.
    pub why: Option<String>,
    /// Killed of those that were applied and tried; `null`: there is none.
    pub score: Option<f64>,
    /// How many were killed.
    pub killed: usize,
    /// How many were applied and tried: killed, survived or accepted.
    pub applied: usize,
    /// How many of these the contract lets survive.
    pub accepted: usize,
    /// How many a run with a further reach or a greater budget could decide.
    pub not_tried: usize,
    /// Each operator, in the order of the table.
    pub operators: Vec<OperatorReport>,
}

/// What became of one operator.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OperatorReport {
    /// Its name.
    pub operator: String,
    /// What users of such a chart would see.
    pub harm: String,
    /// Where it was met in public.
    pub source: String,
    /// What became of it.
    pub fate: Fate,
    /// Why, where it was not killed.
    pub why: Option<String>,
    /// What killed it.
    pub killed: Option<Killed>,
    /// The scenarios that were run against it.
    pub tried: Vec<String>,
    /// What a reader must know besides.
    pub notes: Vec<String>,
    /// The line of a scenario or contract that would catch it, where it survived.
    pub remedy: Option<String>,
}

/// What became of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// A check that lists it was red.
    Killed,
    /// None was.
    Survived,
    /// None was, and the contract accepts that.
    Accepted,
    /// It changes nothing of the chart.
    NotApplied,
    /// Its checks only advise on this chart.
    AdviceOnly,
    /// What could notice it was not run.
    NotTried,
}

/// The check that was red.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Killed {
    /// Its name.
    pub check: String,
    /// The scenario.
    pub scenario: String,
    /// How it was run.
    pub way: Way,
    /// How long it took.
    pub seconds: f64,
    /// What the check said.
    pub message: String,
}

impl OperatorReport {
    pub(super) fn new(operator: &Operator) -> Self {
        Self {
            operator: operator.name.to_owned(),
            harm: operator.harm.to_owned(),
            source: operator.source.to_owned(),
            fate: Fate::NotTried,
            why: None,
            killed: None,
            tried: Vec::new(),
            notes: Vec::new(),
            remedy: None,
        }
    }

    pub(super) fn ended(self, fate: Fate, why: &str) -> Self {
        let remedy = chartgate_mutate::named(&self.operator).filter(|_| fate == Fate::Survived);
        let why = (!why.is_empty()).then(|| why.to_owned());
        Self { fate, why, remedy: remedy.map(|it| it.remedy.to_owned()), ..self }
    }
}

impl ChartReport {
    /// One of which nothing was proven.
    pub(super) fn void(subject: &Subject, why: String) -> Self {
        Self { verdict: Verdict::Void, why: Some(why), ..Self::of(subject, Vec::new()) }
    }

    pub(super) fn of(subject: &Subject, operators: Vec<OperatorReport>) -> Self {
        let count = |fate: Fate| operators.iter().filter(|it| it.fate == fate).count();
        let (killed, accepted, not_tried) = (count(Fate::Killed), count(Fate::Accepted), count(Fate::NotTried));
        let applied = killed + accepted + count(Fate::Survived);
        let (verdict, why) = if applied == 0 {
            (Verdict::Void, Some("no operator was applied and tried".to_owned()))
        } else if accepted * ACCEPTED > applied {
            let why =
                format!("the contract lets {accepted} of {applied} operators survive: at most one of {ACCEPTED} may");
            (Verdict::Void, Some(why))
        } else {
            (Verdict::Pass, None)
        };
        #[expect(clippy::cast_precision_loss, reason = "there are few operators")]
        let score = (applied > 0).then(|| killed as f64 / applied as f64);
        Self { name: subject.name.clone(), verdict, why, score, killed, applied, accepted, not_tried, operators }
    }

    fn at_least(self, least: f64) -> Self {
        let is_below = self.verdict == Verdict::Pass && self.score.is_some_and(|score| score < least);
        if !is_below {
            return self;
        }
        let why = format!("{} of {} mutants were noticed, and the least is {least}", self.killed, self.applied);
        Self { verdict: Verdict::Fail, why: Some(why), ..self }
    }
}

impl MutationReport {
    /// The charts, held to a least score.
    pub(super) fn new(charts: Vec<ChartReport>, least: f64) -> Self {
        let charts: Vec<ChartReport> = charts.into_iter().map(|chart| chart.at_least(least)).collect();
        let verdict = charts.iter().map(|chart| chart.verdict).max().unwrap_or(Verdict::Void);
        Self { format: FORMAT, verdict, charts }
    }

    /// Writes `mutation.json`, `mutation.xml`, `mutation.txt` and `mutation.md`.
    pub(super) fn write(&self, out: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self).context("encode the report")? + "\n";
        let files = [
            ("mutation.json", json),
            ("mutation.xml", junit::document(self)?),
            ("mutation.txt", print::table(self)),
            ("mutation.md", print::markdown(self)),
        ];
        for (name, text) in files {
            std::fs::write(out.join(name), text).with_context(|| format!("write `{}`", out.join(name).display()))?;
        }
        Ok(())
    }

    /// For people.
    pub fn print(&self) -> String {
        print::table(self)
    }

    /// The JSON schema of `mutation.json`.
    pub fn schema() -> Schema {
        schemars::schema_for!(Self)
    }
}
