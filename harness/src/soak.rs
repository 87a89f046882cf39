//! `chartgate soak`: the same scenarios many times, in another order each time. Each verdict that differs is a defect, of the chart or of
//! ours; nothing is run again because of it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_base::random;
use chartgate_judge::Verdict;
use chartgate_model::plan::Plan;
use chartgate_report::Report;
use chartgate_runner::run::Options;
use chartgate_runner::stop::Stop;

use crate::gate::{self, Course, Job};
use crate::progress::{Loudness, Show};

/// A check of a scenario that did not end the same in each round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The scenario.
    pub scenario: String,
    /// The check; `run`: it was not run to its end.
    pub check: String,
    /// The first round that ended so, and its recording, for each verdict that was seen.
    pub verdicts: Vec<(Verdict, PathBuf)>,
}

/// Runs the plans so many times; a round that has a report already is not run again.
///
/// # Errors
/// [`Environment`](chartgate_process::home::Environment) if something is missing on the machine; the cause, if it is asked to stop.
pub async fn run(plans: &[Plan], rounds: usize, options: &Options, out: &Path, stop: &Stop) -> Result<Vec<Difference>> {
    let mut reports = Vec::new();
    for round in 1..=rounds {
        let folder = out.join(format!("round-{round}"));
        let known = std::fs::read_to_string(folder.join("verdict.json")).ok();
        let report = if let Some(report) = known.and_then(|text| serde_json::from_str::<Report>(&text).ok()) {
            report
        } else {
            let show = Show::new(Loudness::Normal);
            show.say(&format!("round {round} of {rounds}"));
            let plans = shuffled(plans);
            let ran = gate::run(Job::all(plans, options), &folder, &Course::default(), &show, stop).await;
            show.end();
            if let Some(cause) = stop.cause() {
                // A round that was ended in its midst is run again.
                std::fs::remove_file(folder.join("verdict.json")).ok();
                return Err(cause.into());
            }
            ran.with_context(|| format!("run round {round}"))?
        };
        reports.push((folder, report));
    }
    Ok(differences(&reports))
}

fn shuffled(plans: &[Plan]) -> Vec<Plan> {
    let mut keyed: Vec<([u8; 8], &Plan)> = plans.iter().map(|plan| (random::bytes(), plan)).collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, plan)| plan.clone()).collect()
}

/// The checks that did not end the same in each of the rounds, which are given with their folders.
pub fn differences(rounds: &[(PathBuf, Report)]) -> Vec<Difference> {
    let mut seen: BTreeMap<(String, String), Vec<(Verdict, PathBuf)>> = BTreeMap::new();
    for (folder, report) in rounds {
        for scenario in &report.scenarios {
            for finding in &scenario.checks {
                let verdicts = seen.entry((scenario.name.clone(), finding.check.clone())).or_default();
                if !verdicts.iter().any(|(known, _)| *known == finding.verdict) {
                    verdicts.push((finding.verdict, folder.join(&scenario.name)));
                }
            }
        }
    }
    // What only a round that was not run to its end has is a difference, too.
    let is_other = |check: &str, verdicts: &[(Verdict, PathBuf)]| verdicts.len() > 1 || check == "run";
    let other = seen.into_iter().filter(|((_, check), verdicts)| is_other(check, verdicts));
    other.map(|((scenario, check), verdicts)| Difference { scenario, check, verdicts }).collect()
}

/// For people.
pub fn print(differences: &[Difference], rounds: usize) -> String {
    let mut out = String::new();
    for Difference { scenario, check, verdicts } in differences {
        // Writing to a String does not fail.
        writeln!(out, "DIFFERS {check} in {scenario}").ok();
        for (verdict, recording) in verdicts {
            let word = serde_json::to_value(verdict).unwrap_or_default();
            writeln!(out, "  {:<14} {}", word.as_str().unwrap_or_default(), recording.display()).ok();
        }
    }
    writeln!(out, "{rounds} rounds: {} verdicts differ", differences.len()).ok();
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn round(name: &str, checks: &[(&str, &str)]) -> (PathBuf, Report) {
        let finding = |(check, verdict): &(&str, &str)| json!({"check": check, "verdict": verdict, "message": "", "evidence": [], "since": null});
        let findings: Vec<_> = checks.iter().map(finding).collect();
        let scenario = json!({"name": "shop/default", "description": "", "chart": "shop", "verdict": "pass",
            "seconds": 1.0, "steps": [], "checks": findings, "repeat": null});
        let report = json!({"format": 1, "verdict": "pass", "scenarios": [scenario]});
        (PathBuf::from(name), serde_json::from_value(report).unwrap())
    }

    /// A failure would mean that a check which holds every second time counts as one that holds.
    #[test]
    fn a_verdict_that_differs_is_told_with_both_recordings() {
        let first = round("round-1", &[("ready", "pass"), ("hook-order", "pass")]);
        let second = round("round-2", &[("ready", "fail"), ("hook-order", "pass")]);
        let found = differences(&[first, second]);
        let recordings = |round: &str| PathBuf::from(round).join("shop/default");
        let verdicts = vec![(Verdict::Pass, recordings("round-1")), (Verdict::Fail, recordings("round-2"))];
        let expected = Difference { scenario: "shop/default".to_owned(), check: "ready".to_owned(), verdicts };
        assert_eq!(found, [expected]);
    }

    /// A failure would mean that a scenario which was not run to its end in each round is taken for a steady one.
    #[test]
    fn a_run_that_did_not_end_is_a_difference() {
        let rounds = [round("round-1", &[("run", "void")]), round("round-2", &[("run", "void")])];
        assert_eq!(differences(&rounds).len(), 1);
    }
}
