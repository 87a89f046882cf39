//! What an attestation must say before it is accepted.

use std::time::Duration;

use jiff::Timestamp;

use crate::Sha256Digest;
use crate::statement::{Outcome, Statement};

/// What is asked beyond a signature and a passing verdict.
#[derive(Clone, Debug, Default)]
pub struct Requirements {
    /// Checks that must have passed in some scenario.
    pub checks: Vec<String>,
    /// Scenarios that must have been run.
    pub scenarios: Vec<String>,
    /// How long ago it may have been judged.
    pub max_age: Option<Duration>,
    /// Minor versions of Kubernetes that it must have been judged on.
    pub kubernetes: Vec<String>,
    /// No waiver may have counted.
    pub no_waivers: bool,
}

/// The bytes that it must be about.
#[derive(Clone, Debug)]
pub struct Subjects {
    /// The chart's manifest in the registry; `None`: the package is a file.
    pub manifest: Option<Sha256Digest>,
    /// The package.
    pub package: Sha256Digest,
}

impl Requirements {
    /// What of it a statement does not meet; each names the requirement. Empty: it is accepted.
    pub(crate) fn unmet(&self, statement: &Statement, subjects: &Subjects, now: Timestamp) -> Vec<String> {
        if !statement.is_test_result() {
            return vec!["it is no test result of in-toto's (version 0.1)".to_owned()];
        }
        let mut unmet: Vec<String> = about(statement, subjects).into_iter().collect();
        unmet.extend(passed(statement));
        let result = &statement.predicate;
        let passes = |check: &String| result.passed_tests.iter().any(|test| test.ends_with(&format!("/{check}")));
        let checks = self.checks.iter().filter(|check| !passes(check));
        unmet.extend(checks.map(|check| format!("--require-check {check}: it passed in no scenario")));
        let all = || result.passed_tests.iter().chain(&result.warned_tests).chain(&result.failed_tests);
        let was_run = |name: &String| all().any(|test| test.rsplit_once('/').is_some_and(|(it, _)| it == *name));
        let scenarios = self.scenarios.iter().filter(|name| !was_run(name));
        unmet.extend(scenarios.map(|name| format!("--require-scenario {name}: it was not run")));
        unmet.extend(self.max_age.and_then(|most| too_old(result.finished(), most, now)));
        unmet.extend(self.kubernetes.iter().filter_map(|minor| other_version(&result.kubernetes(), minor)));
        if self.no_waivers && result.has_waivers() {
            let waived =
                result.warned_tests.first().map_or(String::new(), |test| format!(", such as that of `{test}`"));
            unmet.push(format!("--no-waivers: waivers counted{waived}"));
        }
        unmet
    }
}

/// Of which bytes it speaks.
fn about(statement: &Statement, subjects: &Subjects) -> Option<String> {
    let missing = [("manifest", subjects.manifest.as_ref()), ("package", Some(&subjects.package))];
    let missing = missing.into_iter().filter_map(|(what, digest)| Some((what, digest?)));
    let (what, digest) = missing.into_iter().find(|(_, digest)| !statement.is_about(digest))?;
    let names: Vec<_> = statement.subject.iter().map(|subject| format!("`{}`", subject.name)).collect();
    Some(format!("it is about other bytes than this {what} ({digest}): {}", names.join(" and ")))
}

/// What does not let it pass, whoever asks.
fn passed(statement: &Statement) -> Vec<String> {
    let result = &statement.predicate;
    let mut red = Vec::new();
    if result.result == Outcome::Failed || !result.failed_tests.is_empty() {
        let first = result.failed_tests.first().map_or(String::new(), |test| format!(": `{test}`"));
        red.push(format!("the verdict is not a pass{first}"));
    } else if result.passed_tests.is_empty() {
        red.push("no check passed, so it proves nothing".to_owned());
    }
    if result.has_stub_images() {
        red.push("stubs ran in place of the application (`--stub-images`)".to_owned());
    }
    red
}

fn too_old(finished: Option<Timestamp>, most: Duration, now: Timestamp) -> Option<String> {
    let Some(finished) = finished else { return Some("--max-age: it does not say when it was judged".to_owned()) };
    let age = now.duration_since(finished).unsigned_abs();
    let is_late = finished < now && age > most;
    is_late.then(|| format!("--max-age: it was judged at {finished}, longer ago than {}", seconds(most)))
}

/// A time as a person writes it.
fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds % 86_400, seconds % 3600) {
        (0, _) => format!("{}d", seconds / 86_400),
        (_, 0) => format!("{}h", seconds / 3600),
        _ => format!("{seconds}s"),
    }
}

fn other_version(known: &[&str], minor: &str) -> Option<String> {
    let is_it = |version: &&str| *version == minor || version.starts_with(&format!("{minor}."));
    let judged = if known.is_empty() { "no version that it names".to_owned() } else { known.join(", ") };
    (!known.iter().any(is_it)).then(|| format!("--kubernetes {minor}: it was judged on {judged}"))
}

#[cfg(test)]
mod tests;
