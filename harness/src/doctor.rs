//! What a run needs of the machine, looked at without changing anything: what is wrong, and the command that fixes it.

mod diagnosis;
mod facts;

use std::fmt::Write;

use anyhow::Result;

use facts::Facts;

/// How something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Fine,
    /// It may become a hindrance: what a person can do about it.
    Note(String),
    /// No run can succeed: what a person can do about it.
    Wrong(String),
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Symptom {
    /// What it is: `engine`, `disk`, …
    pub of: &'static str,
    /// What was seen.
    pub seen: String,
    /// How that is.
    pub health: Health,
}

/// Looks at everything.
///
/// # Errors
/// If the state folder cannot be read.
pub async fn examine() -> Result<Vec<Symptom>> {
    Ok(diagnosis::of(&Facts::gather().await?))
}

/// The findings as text, and what is to be done below each that is not as it should be.
pub fn print(symptoms: &[Symptom]) -> String {
    let mut out = String::new();
    for Symptom { of, seen, health } in symptoms {
        let (word, fix) = match health {
            Health::Fine => ("ok", None),
            Health::Note(fix) => ("note", Some(fix)),
            Health::Wrong(fix) => ("WRONG", Some(fix)),
        };
        // Writing to a text cannot fail.
        writeln!(out, "{word:<6} {of:<10} {seen}").ok();
        if let Some(fix) = fix {
            writeln!(out, "{:>17} to fix it: {fix}", "").ok();
        }
    }
    out
}

/// Whether a run can succeed.
pub fn is_well(symptoms: &[Symptom]) -> bool {
    !symptoms.iter().any(|symptom| matches!(symptom.health, Health::Wrong(_)))
}

#[cfg(test)]
mod tests;
