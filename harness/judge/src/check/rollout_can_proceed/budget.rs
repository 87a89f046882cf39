//! Budgets that no pod may leave.

use chartgate_k8s::typed::written;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::manifest::{Manifest, Selector, Workload, scaled};
use crate::tally::{Tally, note};

pub(super) fn judge(manifest: &Manifest, tally: &mut Tally) {
    for (budget, spec) in manifest.each::<PodDisruptionBudget>() {
        let Some(spec) = &spec.spec else { continue };
        let selector = Selector::of(spec.selector.as_ref());
        if selector.is_empty() {
            continue;
        }
        let ns = manifest.namespace_of(budget);
        let workloads = manifest.lasting_workloads();
        let guarded: Vec<&Workload> =
            workloads.iter().filter(|it| it.namespace == ns && selector.selects_pods_of(it)).collect();
        // How many pods others make, nobody can say from here.
        let is_countable = guarded.iter().all(|it| !it.object.is_custom()) && !guarded.is_empty();
        let sizes: Option<Vec<u64>> = guarded.iter().map(|it| manifest.smallest_size(it)).collect();
        let Some(pods) = sizes.filter(|_| is_countable).map(|sizes| sizes.iter().sum::<u64>()).filter(|pods| *pods > 0)
        else {
            continue;
        };
        match kept(spec, pods).filter(|kept| *kept >= pods).and_then(|_| rule(spec)) {
            Some((rule, number)) => {
                let whose: Vec<String> = guarded.iter().map(|it| it.slashed()).collect();
                let least = if pods == 1 { "one pod".to_owned() } else { format!("{pods} pods") };
                let scaler = guarded.iter().find_map(|it| manifest.autoscaler(it));
                let at = scaler.map_or(String::new(), |it| format!(" at the minimum of {}", it.object.slashed()));
                let message = format!(
                    "{} (`{rule}: {}`) lets no pod of {} go, which has {least}{at}: a drain of its node never ends",
                    budget.slashed(),
                    written(number),
                    whose.join(", ")
                );
                tally
                    .fail(message)
                    .hint("render the budget only where there are more pods than it keeps, or use `maxUnavailable: 1`");
            }
            None => tally.proved(note(format!("{} lets a pod go of {pods}", budget.slashed()))),
        }
    }
}

/// The rule of a budget, as it is written.
fn rule(spec: &PodDisruptionBudgetSpec) -> Option<(&'static str, &IntOrString)> {
    let least = spec.min_available.as_ref().map(|value| ("minAvailable", value));
    least.or_else(|| spec.max_unavailable.as_ref().map(|value| ("maxUnavailable", value)))
}

/// How many of the pods a budget keeps; both of its rules round up.
fn kept(spec: &PodDisruptionBudgetSpec, pods: u64) -> Option<u64> {
    let least = spec.min_available.as_ref().and_then(|least| scaled(least, pods, true));
    least.or_else(|| Some(pods.saturating_sub(scaled(spec.max_unavailable.as_ref()?, pods, true)?)))
}
