//! `previous-version`: the upgrade started from the version that the scenario names.

use chartgate_model::plan::Origin;

use crate::tally::{Tally, not_applicable, note};
use crate::view::View;
use crate::{Check, Evidence, Finding, Level, Needs, Rank};

pub(crate) const PREVIOUS_VERSION: Check = Check {
    name: "previous-version",
    proves: "each version to upgrade from could be had and was installed",
    means: "nothing is known about the upgrade that users will make: the version they have was not there",
    explanation: include_str!("../explanation/previous-version.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: previous_version,
};

fn previous_version(view: &View) -> Finding {
    let origins = &view.plan.from;
    if origins.is_empty() {
        return not_applicable(PREVIOUS_VERSION.name, "the scenario upgrades from no other version of the chart");
    }
    if view.plan.is_first_release && origins.iter().any(|origin| origin.missing.is_some()) {
        return not_applicable(PREVIOUS_VERSION.name, "this is the chart's first release, says the contract");
    }
    let mut tally = Tally::new(PREVIOUS_VERSION.name);
    if let Some(why) = view.missing_origin() {
        tally.void(why).hint("name a version that can be had: `from: [git:REF]`, or a path");
    } else {
        for index in 0..origins.len() {
            judge_origin(view, index, &mut tally);
        }
    }
    let named: Vec<String> = origins.iter().map(named).collect();
    tally.finish(format!("upgraded from {}", named.join(", then ")))
}

/// The version, and how it was asked for.
fn named(origin: &Origin) -> String {
    let version = origin.chart.as_ref().map_or("an unknown version", |chart| chart.version.as_str());
    format!("{version} ({})", origin.asked)
}

fn judge_origin(view: &View, index: usize, tally: &mut Tally) {
    let origin = named(&view.plan.from[index]);
    let mut runs = view.steps.iter().filter(|run| run.step.from == Some(index)).peekable();
    if runs.peek().is_none() {
        let is_planned = view.plan.steps.iter().any(|step| step.from == Some(index));
        match &view.lacking {
            Some(lacking) if is_planned => tally.void_since(lacking, format!("{origin} was not installed")),
            None if is_planned => tally.void(format!("the step that installs {origin} was not examined")),
            _ => tally.void(format!("no step installs {origin}")).hint("let the scenario begin with an install"),
        };
    }
    for run in runs {
        let label = run.label();
        match (run.unfinished(), run.ended) {
            (None, Some((entry, _))) => {
                let text = format!("{label} brought {origin}");
                tally.proved(Evidence { seq: Some(entry.seq), at: Some(entry.at), text });
            }
            (why, _) => {
                let message = why.unwrap_or_else(|| format!("{label} did not end").into());
                let said = run.helm.map(|(_, call)| note(format!("helm said: {}", call.stderr)));
                let is_refused = run.rendered.as_ref().is_some_and(|rendered| rendered.error.is_some());
                let claim = tally.void(message).with(said).with(view.troubles(run));
                if is_refused {
                    let asked = &view.plan.from[index].asked;
                    claim.hint(format!(
                        "give this version the values that it takes: `from: {{chart: {asked}, values: {{…}}}}`"
                    ));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
