//! `replicas-spread`: where a budget promises a pod, the pods are not all on one node.

use serde_json::Value;

use crate::manifest::{Manifest, Selector, Workload, is_custom, scaled, title};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::items;

pub(crate) const REPLICAS_SPREAD: Check = Check {
    name: "replicas-spread",
    proves: "replicas of which a budget keeps some are spread over nodes",
    means: "one node holds all of them, and when it fails none is left",
    explanation: include_str!("../explanation/replicas-spread.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Advice,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge,
};

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(REPLICAS_SPREAD.name);
    for manifest in Manifest::all(view) {
        for budget in manifest.of_kind("PodDisruptionBudget") {
            let selector = Selector::of(&budget["spec"]["selector"]);
            let is_guarded = |it: &&Workload| {
                it.namespace == manifest.namespace_of(budget) && !selector.is_empty() && selector.selects_pods_of(it)
            };
            let workloads = manifest.lasting_workloads();
            for workload in workloads.iter().filter(|it| !is_custom(it.object)).filter(is_guarded) {
                let size = manifest.smallest_size(workload).filter(|replicas| *replicas > 1);
                let Some(replicas) = size.filter(|replicas| keeps(budget, *replicas)) else { continue };
                if is_spread(workload) {
                    tally.proved(note(format!("{} is spread", workload.title())));
                } else {
                    let message = format!(
                        "{} promises pods of {} ({replicas} replicas), and nothing spreads them over nodes",
                        title(budget),
                        workload.title()
                    );
                    tally.advise(message).hint("add `topologySpreadConstraints`, or a preferred `podAntiAffinity`, on `kubernetes.io/hostname`");
                }
            }
        }
    }
    tally.finish_or("what a budget keeps is spread over nodes", "no budget keeps some of several replicas")
}

/// Whether a budget promises that a pod is there.
fn keeps(budget: &Value, replicas: u64) -> bool {
    let spec = &budget["spec"];
    let gone = scaled(&spec["maxUnavailable"], replicas, true);
    !spec["minAvailable"].is_null() || gone.is_some_and(|gone| gone < replicas)
}

fn is_spread(workload: &Workload) -> bool {
    let spec = &workload.pod["spec"];
    let apart = &spec["affinity"]["podAntiAffinity"];
    let rules = ["requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"];
    items(&spec["topologySpreadConstraints"]).next().is_some()
        || rules.iter().any(|rule| items(&apart[rule]).next().is_some())
}

#[cfg(test)]
mod tests;
