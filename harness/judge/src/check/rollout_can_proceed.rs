//! `rollout-can-proceed`: nothing that the chart renders keeps a rollout or a drain from ending.

mod budget;
mod readiness;
mod volume;
mod webhook;

use chartgate_k8s::typed::PodTemplate;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::PodAffinityTerm;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::manifest::{Manifest, Selector, Workload, scaled};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use volume::HOSTNAME;

pub(crate) const ROLLOUT_CAN_PROCEED: Check = Check {
    name: "rollout-can-proceed",
    proves: "no strategy, budget, claim, webhook or readiness of the release makes a rollout or a drain wait for itself",
    means: "an upgrade or the maintenance of a node never ends, and a person must delete pods or objects by hand",
    explanation: include_str!("../explanation/rollout-can-proceed.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge,
};

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(ROLLOUT_CAN_PROCEED.name);
    for manifest in Manifest::all(view) {
        for workload in manifest.lasting_workloads() {
            tally.proved(note(format!("{} can replace its pods", workload.slashed())));
            judge_strategy(&workload, &mut tally);
            volume::judge(&manifest, &workload, &mut tally);
            readiness::judge(&manifest, &workload, &mut tally);
            judge_anti_affinity(&manifest, &workload, view.plan.workers, &mut tally);
        }
        budget::judge(&manifest, &mut tally);
        webhook::judge(&manifest, &view.plan.namespace_labels, &mut tally);
    }
    tally.finish_or("every rollout and every drain can end", "the chart renders no workload")
}

/// A strategy that lets neither a pod go nor another one come.
fn judge_strategy(workload: &Workload, tally: &mut Tally) {
    let deployment = || {
        let strategy = workload.object.typed::<Deployment>()?.spec.as_ref()?.strategy.as_ref()?;
        let rolling = strategy.rolling_update.as_ref()?;
        Some((rolling.max_surge.as_ref(), rolling.max_unavailable.as_ref(), "strategy.rollingUpdate"))
    };
    let daemon_set = || {
        let strategy = workload.object.typed::<DaemonSet>()?.spec.as_ref()?.update_strategy.as_ref()?;
        let rolling = strategy.rolling_update.as_ref()?;
        // Nothing is what Kubernetes takes for its surge where nothing is said.
        let surge = rolling.max_surge.as_ref().unwrap_or(&IntOrString::Int(0));
        Some((Some(surge), rolling.max_unavailable.as_ref(), "updateStrategy.rollingUpdate"))
    };
    let Some((surge, unavailable, shown)) = deployment().or_else(daemon_set) else { return };
    // The percentages count as written: Kubernetes looks at what they come to only later.
    let nothing = |value: Option<&IntOrString>| value.and_then(|value| scaled(value, 100, true)) == Some(0);
    if nothing(surge) && nothing(unavailable) {
        let message = format!(
            "`{shown}` of {} has `maxSurge` 0 and `maxUnavailable` 0, so no pod can be replaced",
            workload.slashed()
        );
        tally.fail(message).hint("let one of the two be at least 1");
    }
}

/// Pods that keep each other off a node need a free one for each rollout that begins with a new pod.
fn judge_anti_affinity(manifest: &Manifest, workload: &Workload, workers: u8, tally: &mut Tally) {
    let Some(replicas) = manifest.smallest_size(workload).filter(|replicas| *replicas > 0) else { return };
    let Some(rollout) = workload.rollout(replicas).filter(|rollout| rollout.unavailable == 0) else { return };
    let is_own = |term: &PodAffinityTerm| {
        let selector = Selector::of(term.label_selector.as_ref());
        let names_version = term.match_label_keys.iter().flatten().any(|key| key == "pod-template-hash");
        term.topology_key == HOSTNAME && !names_version && !selector.is_empty() && selector.selects(workload.labels())
    };
    if !keeps_away(workload.pod).any(is_own) {
        return;
    }
    let nodes = replicas + 1;
    if u64::from(workers) >= nodes {
        tally.proved(note(format!("{} needs {nodes} nodes to roll out, and there are {workers}", workload.slashed())));
        return;
    }
    let message = format!(
        "a rollout of {} needs {nodes} nodes: its required anti-affinity lets one pod on each, and a new one ({} at once) comes before an old one goes",
        workload.slashed(),
        rollout.surge
    );
    tally.advise(message).hint("let the anti-affinity be preferred, or set `maxUnavailable: 1`");
}

/// What a pod's node must not have.
fn keeps_away(pod: PodTemplate<'_>) -> impl Iterator<Item = &PodAffinityTerm> {
    let affinity = pod.spec.affinity.as_ref().and_then(|affinity| affinity.pod_anti_affinity.as_ref());
    affinity.and_then(|it| it.required_during_scheduling_ignored_during_execution.as_ref()).into_iter().flatten()
}

#[cfg(test)]
mod tests;
