//! `replicas-spread`: where a budget promises a pod, the pods are not all on one node.

use k8s_openapi::api::core::v1::PodAntiAffinity;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};

use crate::manifest::{Manifest, Selector, Workload, scaled};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

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
        for (budget, typed) in manifest.each::<PodDisruptionBudget>() {
            let Some(spec) = &typed.spec else { continue };
            let selector = Selector::of(spec.selector.as_ref());
            let is_guarded = |it: &&Workload| {
                it.namespace == manifest.namespace_of(budget) && !selector.is_empty() && selector.selects_pods_of(it)
            };
            let workloads = manifest.lasting_workloads();
            for workload in workloads.iter().filter(|it| !it.object.is_custom()).filter(is_guarded) {
                let size = manifest.smallest_size(workload).filter(|replicas| *replicas > 1);
                let Some(replicas) = size.filter(|replicas| keeps(spec, *replicas)) else { continue };
                if is_spread(workload) {
                    tally.proved(note(format!("{} is spread", workload.slashed())));
                } else {
                    let message = format!(
                        "{} promises pods of {} ({replicas} replicas), and nothing spreads them over nodes",
                        budget.slashed(),
                        workload.slashed()
                    );
                    tally.advise(message).hint("add `topologySpreadConstraints`, or a preferred `podAntiAffinity`, on `kubernetes.io/hostname`");
                }
            }
        }
    }
    tally.finish_or("what a budget keeps is spread over nodes", "no budget keeps some of several replicas")
}

/// Whether a budget promises that a pod is there.
fn keeps(budget: &PodDisruptionBudgetSpec, replicas: u64) -> bool {
    let gone = budget.max_unavailable.as_ref().and_then(|gone| scaled(gone, replicas, true));
    budget.min_available.is_some() || gone.is_some_and(|gone| gone < replicas)
}

fn is_spread(workload: &Workload) -> bool {
    let spec = workload.pod.spec;
    let is_apart = |rules: &PodAntiAffinity| {
        rules.required_during_scheduling_ignored_during_execution.as_ref().is_some_and(|terms| !terms.is_empty())
            || rules
                .preferred_during_scheduling_ignored_during_execution
                .as_ref()
                .is_some_and(|terms| !terms.is_empty())
    };
    spec.topology_spread_constraints.as_ref().is_some_and(|constraints| !constraints.is_empty())
        || spec.affinity.as_ref().and_then(|affinity| affinity.pod_anti_affinity.as_ref()).is_some_and(is_apart)
}

#[cfg(test)]
mod tests;
