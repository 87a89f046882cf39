//! `ci/chartgate/baseline.yaml`: what a chart is let pass with, so that the gate can be switched on today.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_judge::{Evidence, Finding, Problem, Verdict};
use chartgate_scenario::{BASELINE, CHART_SCENARIOS};
use chartgate_yaml::Invalid;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The findings that count as waived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(Vec<Entry>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Name of the check.
    check: String,
    /// What it is about, for people.
    #[serde(default)]
    object: String,
    /// Of the finding's sentence.
    digest: String,
    /// The sentence, for people.
    #[serde(default)]
    finding: String,
    /// Whether only an exploration of the values shows it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    explored: bool,
}

const HEAD: &str = "# Findings of `chartgate check` that were there when it was switched on: they count as waived, and new ones are red.\n\
                    # `chartgate check --write-baseline` writes this file again; an entry that no longer applies is reported.\n";

impl Baseline {
    /// The baseline of a chart; empty where it has none.
    ///
    /// # Errors
    /// [`Invalid`] if it cannot be read.
    pub fn of_chart(chart: &Path) -> Result<Self> {
        let path = file(chart);
        if !path.exists() {
            return Ok(Self::default());
        }
        let read = || -> Result<Vec<Entry>> {
            let value = chartgate_yaml::value(&std::fs::read_to_string(&path)?)?;
            Ok(if value.is_null() { Vec::new() } else { serde_json::from_value(value)? })
        };
        let entries = read().map_err(|error| Invalid(format!("{}: {error:#}", path.display())))?;
        Ok(Self(entries))
    }

    /// What is red among findings; `explored` are those that only an exploration shows.
    pub fn of(checks: &[Finding], explored: &[(String, Problem)]) -> Self {
        let red = checks.iter().filter(|finding| finding.verdict.is_red());
        let entry = |check: &str, problem: &Problem| Entry {
            explored: explored.iter().any(|(of, known)| of == check && known == problem),
            ..Entry::of(check, problem)
        };
        let entries =
            red.flat_map(|finding| finding.problems.iter().map(move |problem| entry(&finding.check, problem)));
        Self(entries.collect())
    }

    /// Writes it into a chart, and gives where; one that is empty is removed.
    ///
    /// # Errors
    /// If the chart cannot be written to.
    pub fn write(&self, chart: &Path) -> Result<Option<PathBuf>> {
        let path = file(chart);
        if self.0.is_empty() {
            if path.exists() {
                std::fs::remove_file(&path).with_context(|| format!("remove `{}`", path.display()))?;
            }
            return Ok(None);
        }
        let text =
            HEAD.to_owned() + &chartgate_yaml::text(&serde_json::to_value(&self.0).context("encode the baseline")?);
        let write = || {
            std::fs::create_dir_all(chart.join(CHART_SCENARIOS))?;
            std::fs::write(&path, text)
        };
        write().with_context(|| format!("write `{}`", path.display()))?;
        Ok(Some(path))
    }

    /// How many findings it holds.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Waives what it holds of the findings, and says of each entry that no longer applies; of what an exploration showed, only where
    /// all of the values were explored again.
    pub fn apply(&self, checks: &mut [Finding], has_explored_all: bool) -> Vec<String> {
        let mut applied = vec![false; self.0.len()];
        for finding in checks.iter_mut().filter(|finding| finding.verdict.is_red()) {
            let mut is_known = |problem: &Problem| {
                let entry = Entry::of(&finding.check, problem);
                let index =
                    self.0.iter().position(|known| (&known.check, &known.digest) == (&entry.check, &entry.digest));
                index.inspect(|index| applied[*index] = true).is_some()
            };
            let (known, new): (Vec<Problem>, Vec<Problem>) =
                finding.problems.iter().cloned().partition(|problem| is_known(problem));
            if known.is_empty() {
                continue;
            }
            if new.is_empty() {
                *finding = Finding {
                    verdict: Verdict::Waived,
                    message: format!("waived (baseline): {}", finding.message),
                    ..finding.clone()
                };
                continue;
            }
            let mut evidence = finding.evidence.clone();
            evidence.push(Evidence {
                seq: None,
                at: None,
                text: format!("waived by the baseline: {} more", known.len()),
            });
            *finding = Finding {
                since: finding.since.clone(),
                templates: finding.templates.clone(),
                ..Finding::of_problems(&finding.check, finding.verdict, new, evidence)
            };
        }
        let idle = self.0.iter().zip(applied).filter(|(_, applied)| !applied).map(|(entry, _)| entry);
        let idle = idle.filter(|entry| has_explored_all || !entry.explored);
        idle.map(|entry| format!("the baseline's `{}` of {} no longer applies: remove it", entry.check, entry.object))
            .collect()
    }
}

impl Entry {
    fn of(check: &str, problem: &Problem) -> Self {
        let digest = Sha256::digest(&problem.what);
        Self {
            check: check.to_owned(),
            object: object_in(&problem.what),
            digest: chartgate_base::hex(&digest[..6]),
            finding: problem.what.lines().next().unwrap_or_default().to_owned(),
            explored: false,
        }
    }
}

fn file(chart: &Path) -> PathBuf {
    chart.join(CHART_SCENARIOS).join(BASELINE)
}

/// The object that a sentence names first, as `kind/name`; `the chart` where it names none.
fn object_in(sentence: &str) -> String {
    let words: Vec<&str> =
        sentence.split_whitespace().map(|word| word.trim_matches([',', ':', ';', '(', ')'])).collect();
    let is_kind = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase());
    let pasted =
        words.iter().find(|word| word.split_once('/').is_some_and(|(kind, name)| is_kind(kind) && !name.is_empty()));
    let named = words.windows(2).find(|pair| {
        pair[0].starts_with(|c: char| c.is_ascii_uppercase())
            && pair[0].chars().all(char::is_alphabetic)
            && pair[1].len() > 2
            && pair[1].starts_with('`')
    });
    match (pasted, named) {
        (Some(pasted), _) => (*pasted).to_owned(),
        (None, Some(pair)) => format!("{}/{}", pair[0].to_lowercase(), pair[1].trim_matches('`')),
        (None, None) => "the chart".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(sentences: &[&str]) -> Finding {
        let problems = sentences.iter().map(|what| Problem { what: (*what).to_owned(), hint: None }).collect();
        Finding::of_problems("schema-valid", Verdict::Fail, problems, Vec::new())
    }

    /// A failure would mean that a chart with old findings cannot switch the gate on, or that new ones hide among them.
    #[test]
    fn what_was_there_is_waived_and_what_is_new_is_red() {
        let (old, new) = ("`spec.a` of deployment/x is no field of its kind", "`spec.b` of service/y is missing");
        let baseline = Baseline::of(&[failing(&[old])], &[]);
        let mut same = [failing(&[old])];
        assert!(baseline.apply(&mut same, false).is_empty());
        assert_eq!(same[0].verdict, Verdict::Waived);
        assert!(same[0].message.starts_with("waived (baseline): `spec.a` of deployment/x"), "{}", same[0].message);
        let mut more = [failing(&[old, new])];
        baseline.apply(&mut more, false);
        assert_eq!((more[0].verdict, more[0].message.as_str()), (Verdict::Fail, new));
        assert_eq!(
            baseline.apply(&mut [], false),
            ["the baseline's `schema-valid` of deployment/x no longer applies: remove it"]
        );
    }

    /// A failure would mean that each plain check asks to remove what only an exploration shows.
    #[test]
    fn what_an_exploration_showed_is_out_of_date_only_after_a_whole_one() {
        let found = failing(&["`spec.a` of deployment/x is no field of its kind"]);
        let baseline = Baseline::of(std::slice::from_ref(&found), &[(found.check.clone(), found.problems[0].clone())]);
        assert!(baseline.apply(&mut [], false).is_empty());
        assert_eq!(baseline.apply(&mut [], true).len(), 1);
        let mut same = [found];
        baseline.apply(&mut same, true);
        assert_eq!(same[0].verdict, Verdict::Waived);
    }

    /// A failure would mean that what was written is not what is read, or that a mistake in it lets everything pass.
    #[test]
    fn it_is_read_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let chart = directory.path();
        let baseline = Baseline::of(&[failing(&["deployment/x is broken: \"so\""])], &[]);
        let path = baseline.write(chart).unwrap().unwrap();
        let read = Baseline::of_chart(chart);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, "- check: x\n  digset: y\n").unwrap();
        let wrong = Baseline::of_chart(chart);
        assert_eq!(read.unwrap(), baseline);
        assert!(text.contains("object: deployment/x"), "{text}");
        assert!(wrong.unwrap_err().to_string().contains("digset"));
    }
}
