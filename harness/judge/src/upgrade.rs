//! Upgrades: something was upgraded, and what must stay stayed.

mod config;
mod previous;
mod reach;
mod replicas;
mod secrets;
mod immutable;

pub(super) use config::CONFIG_ROLLS_PODS;
pub(super) use immutable::IMMUTABLE_FIELDS;
pub(super) use previous::PREVIOUS_VERSION;
pub(super) use reach::CONFIG_REACHES_PODS;
pub(super) use replicas::REPLICAS_KEPT;
pub(super) use secrets::SECRETS_STABLE;

use std::collections::{BTreeMap, BTreeSet};

use chartgate_k8s::typed::Object;
use chartgate_model::plan::Action;
use chartgate_model::recording::WALL_CLOCK;

use super::roles::changes_of;
use super::tally::{Tally, not_applicable};
use super::view::{StepRun, View};
use super::{Check, Evidence, Finding, Level, Needs, Rank};

pub(super) const UPGRADE_HAPPENED: Check = Check {
    name: "upgrade-happened",
    proves: "each upgrade changed something: pods of a new template, another image, or the schema",
    means: "nothing is known about upgrades: the run's old and new version are the same",
    explanation: include_str!("explanation/upgrade-happened.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::symptom(7),
    judges_refusals: false,
    judge: upgrade_happened,
};

fn upgrade_happened(view: &View) -> Finding {
    // Another version number alone need not change a pod.
    let need_not = |run: &StepRun| run.step.is_again || run.step.is_next_version;
    let is_upgrade = |run: &&StepRun| run.step.action == Action::Upgrade && !need_not(run) && run.is_to_succeed();
    if !view.tested().any(|run| is_upgrade(&run)) {
        return not_applicable(UPGRADE_HAPPENED.name, "the plan has no upgrade that is to succeed");
    }
    let mut tally = Tally::of_whole(UPGRADE_HAPPENED.name, view);
    for run in view.tested().filter(is_upgrade).filter(|run| run.is_succeeded()) {
        let Some(((start, end), (ended, _))) = run.window().zip(run.ended) else { continue };
        let (before, after) = (running(view, start), running(view, end));
        let label = run.label();
        if let Some((seen, why)) = view.gap_in(run, &["Pod"]) {
            tally.void(format!("whether {label} changed anything is unknown: {why}")).with([seen]);
            continue;
        }
        let seen = |text: String| Evidence { seq: Some(ended.seq), at: Some(ended.at), text };
        let new: Vec<&str> = after.difference(&before).map(|(_, images, _)| images.as_str()).collect();
        let changes: Vec<_> = view.plan.databases().flat_map(|database| changes_of(view, database)).collect();
        let from = run.started.map_or(0, |entry| view.wall_clock(entry.at));
        let is_set = view.gap(&[WALL_CLOCK], 0, u64::MAX).is_some();
        let change = changes
            .iter()
            .filter(|_| !is_set)
            .find(|change| (from..=view.wall_clock(ended.at)).contains(&change.unix_ms));
        if let Some(images) = new.first() {
            tally.proved(seen(format!(
                "{label} changed what runs: there are pods of {images} that were not there before"
            )));
        } else if let Some(change) = change {
            tally.proved(change.evidence(view));
        } else if is_to_another_version(view, run) {
            tally.proved(seen(format!("{label} brought another version of the chart, which runs the same pods")));
        } else {
            let message = format!("{label} changed nothing: the same pods run the same images, and no schema changed");
            tally.void(message).hint("let the upgrade take another image or values that change a pod");
        }
    }
    tally.finish("each upgrade changed what runs")
}

/// Whether a step before has installed another version of the chart: that is what users upgrade, whatever differs.
fn is_to_another_version(view: &View, run: &StepRun) -> bool {
    let steps = view.plan.steps.iter().take(run.index);
    let mut installed = steps.filter(|step| matches!(step.action, Action::Install | Action::Upgrade));
    installed.any(|before| before.from != run.step.from)
}

/// What runs at a moment: template, images and workload's size of every pod that is no hook's.
fn running(view: &View, seq: u64) -> BTreeSet<(String, String, usize)> {
    let hooks = view.hook_jobs();
    let pods = view.tracks("Pod").filter_map(|pod| pod.at(seq)).filter(|pod| !pod.is_terminating());
    let pods: Vec<_> = pods.filter(|pod| !hooks.iter().any(|job| pod.is_owned_by(job.uid()))).collect();
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for pod in &pods {
        *sizes.entry(pod.template_of()).or_default() += 1;
    }
    let running = |pod: &&Object| (pod.template_of().to_owned(), pod.images().join(", "), sizes[pod.template_of()]);
    pods.iter().map(running).collect()
}

#[cfg(test)]
mod tests;
