//! `chartgate compare`: what is otherwise in a newer run, both judged by this version's checks.

mod duration;
mod print;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use chartgate_judge::{Finding, Verdict};
use chartgate_report::{Report, ScenarioReport};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::recorded;
pub use duration::{Durations, Slower};
pub use print::{markdown, text};

/// Version of the comparison as JSON; a change that old readers would misread raises it.
const FORMAT: u32 = 1;

/// Two runs, and what is otherwise in the newer one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Version of this format.
    pub format: u32,
    /// What became of the whole.
    pub outcome: Outcome,
    /// How many scenarios are in both runs.
    pub common: usize,
    /// Names of the scenarios that only the older run has: what they proved is proven no more.
    pub gone: Vec<String>,
    /// Names of the scenarios that only the newer run has.
    pub added: Vec<String>,
    /// Checks that ended otherwise, what is worse first.
    pub checks: Vec<Changed>,
    /// What an uninstall leaves now and did not leave before.
    pub leftovers: Vec<Leftover>,
    /// How long the scenarios took.
    pub durations: Durations,
}

/// What became of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing is worse.
    NotWorse,
    /// A check is red that was not, a scenario is gone, or something is left that was not.
    Worse,
    /// No scenario is in both, so nothing was compared.
    Void,
}

/// A check of a scenario that ended otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changed {
    /// The scenario.
    pub scenario: String,
    /// The check.
    pub check: String,
    /// Whether that is worse.
    pub direction: Direction,
    /// How it ended in the older run; `null`: it was not examined.
    pub old: Option<Verdict>,
    /// How it ended in the newer run; `null`: it was not examined.
    pub new: Option<Verdict>,
    /// What the newer run says of it; where it says nothing, what the older one said.
    pub message: String,
}

/// Whether a change is worse, from the worst to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// It is red and was not, or is broken and was only unproven.
    Worse,
    /// It was red and is not.
    Better,
    /// It is red in both, or in neither.
    Other,
}

/// What an uninstall leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leftover {
    /// The scenario.
    pub scenario: String,
    /// The object, for example `persistentvolumeclaim/data`.
    pub object: String,
}

impl Comparison {
    /// The JSON schema.
    pub fn schema() -> Schema {
        schemars::schema_for!(Self)
    }

    /// Judges what two runs left in their directories, and compares that.
    ///
    /// # Errors
    /// [`Invalid`](chartgate_yaml::Invalid) if there is no report of a run in a directory.
    pub fn of_directories(old: &Path, new: &Path) -> Result<Self> {
        let judged = |directory: &Path| {
            let report = Report::read(directory)?;
            recorded::judge_again(directory, &report)
        };
        Ok(Self::of(&judged(old)?, &judged(new)?))
    }

    /// Compares the scenarios of two runs.
    pub fn of(old: &[ScenarioReport], new: &[ScenarioReport]) -> Self {
        let (old, new) = (by_title(old), by_title(new));
        let only = |one: &BTreeMap<String, &ScenarioReport>, without: &BTreeMap<String, &ScenarioReport>| {
            one.keys().filter(|name| !without.contains_key(*name)).cloned().collect::<Vec<_>>()
        };
        let both: Vec<(&str, &ScenarioReport, &ScenarioReport)> =
            old.iter().filter_map(|(name, before)| Some((name.as_str(), *before, *new.get(name)?))).collect();
        let mut checks: Vec<Changed> =
            both.iter().flat_map(|(name, before, after)| changed(name, before, after)).collect();
        // Stable: in the order of the scenarios and of their checks.
        checks.sort_by_key(|change| change.direction);
        let leftovers: Vec<Leftover> =
            both.iter().flat_map(|(name, before, after)| left(name, before, after)).collect();
        let gone = only(&old, &new);
        let is_worse = checks.iter().any(|change| change.direction == Direction::Worse);
        let outcome = match (both.is_empty(), is_worse || !gone.is_empty() || !leftovers.is_empty()) {
            (true, _) => Outcome::Void,
            (false, true) => Outcome::Worse,
            (false, false) => Outcome::NotWorse,
        };
        let (common, durations) = (both.len(), Durations::of(&both));
        Self { format: FORMAT, outcome, common, gone, added: only(&new, &old), checks, leftovers, durations }
    }
}

fn by_title(scenarios: &[ScenarioReport]) -> BTreeMap<String, &ScenarioReport> {
    scenarios.iter().map(|scenario| (scenario.title(), scenario)).collect()
}

/// The checks of a scenario that ended otherwise.
fn changed(name: &str, before: &ScenarioReport, after: &ScenarioReport) -> Vec<Changed> {
    let known: BTreeSet<&str> = before.checks.iter().map(|finding| finding.check.as_str()).collect();
    let added = after.checks.iter().map(|finding| finding.check.as_str()).filter(|check| !known.contains(check));
    let of = |check: &str| {
        let (one, other) = (found(before, check), found(after, check));
        let (old, new) = (one.map(|it| it.verdict), other.map(|it| it.verdict));
        let direction = direction(old, new)?;
        let said = other.or(one).map(|finding| finding.statement().to_owned()).unwrap_or_default();
        Some(Changed { scenario: name.to_owned(), check: check.to_owned(), direction, old, new, message: said })
    };
    before.checks.iter().map(|finding| finding.check.as_str()).chain(added).filter_map(of).collect()
}

fn found<'a>(scenario: &'a ScenarioReport, check: &str) -> Option<&'a Finding> {
    scenario.checks.iter().find(|finding| finding.check == check)
}

/// `None`: nothing changed, or only that a check which is not red is new.
fn direction(old: Option<Verdict>, new: Option<Verdict>) -> Option<Direction> {
    let is_red = |verdict: Option<Verdict>| verdict.is_some_and(Verdict::is_red);
    match (old, new) {
        (old, new) if old == new => None,
        (Some(Verdict::Void), Some(Verdict::Fail)) => Some(Direction::Worse),
        (old, new) if is_red(new) && !is_red(old) => Some(Direction::Worse),
        (old, Some(_)) if is_red(old) && !is_red(new) => Some(Direction::Better),
        (None, _) => None,
        _ => Some(Direction::Other),
    }
}

fn left(name: &str, before: &ScenarioReport, after: &ScenarioReport) -> Vec<Leftover> {
    let new = after.leftovers.iter().filter(|object| !before.leftovers.contains(object));
    new.map(|object| Leftover { scenario: name.to_owned(), object: object.clone() }).collect()
}

#[cfg(test)]
mod tests;
