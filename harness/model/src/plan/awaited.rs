//! What is to come of objects that a step applies.

use chartgate_k8s::object::slashed;
use serde::{Deserialize, Serialize};

/// Something that is to come of objects that were applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// The kind of the object that shows it.
    pub kind: String,
    /// That object's name, which may hold templates.
    pub name: String,
    /// What of it.
    pub outcome: Outcome,
}

/// What an object is to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A condition of its status is `True`.
    Condition(String),
    /// The field at this dotted path has another value than before the step.
    Changes(String),
}

impl Awaited {
    /// What is waited for, in words.
    pub fn title(&self) -> String {
        let Self { kind, name, outcome } = self;
        match outcome {
            Outcome::Condition(condition) => format!("{} is {condition}", slashed(kind, name)),
            Outcome::Changes(path) => format!("`{path}` of {} changes", slashed(kind, name)),
        }
    }

    /// What came, in words.
    pub fn came(&self) -> String {
        let Self { kind, name, outcome } = self;
        match outcome {
            Outcome::Condition(condition) => format!("{} is {condition}", slashed(kind, name)),
            Outcome::Changes(path) => format!("`{path}` of {} has changed", slashed(kind, name)),
        }
    }
}
