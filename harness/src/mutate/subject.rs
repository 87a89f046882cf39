//! A chart with the scenarios that are to notice its harms.

use chartgate_model::plan::{Plan, Survivor};

/// One chart, under one contract.
pub(super) struct Subject {
    /// The chart's name; with the scenarios' directory where several contracts are about one chart.
    pub(super) name: String,
    /// Its scenarios that are to succeed: one that only refuses values renders nothing.
    pub(super) plans: Vec<Plan>,
}

impl Subject {
    /// The operators that the contract lets survive.
    pub(super) fn survives(&self) -> &[Survivor] {
        self.plans.first().map_or(&[], |plan| &plan.survives)
    }
}

/// The scenarios by their directory, which is where a contract is.
pub(super) fn subjects(plans: Vec<Plan>) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = Vec::new();
    for plan in plans {
        let name = plan.name.split('/').next().unwrap_or_default().to_owned();
        match subjects.iter_mut().find(|subject| subject.name == name) {
            Some(subject) => subject.plans.push(plan),
            None => subjects.push(Subject { name, plans: vec![plan] }),
        }
    }
    subjects
}
