//! Budgets that no pod may leave.

use serde_json::Value;

use crate::manifest::{Manifest, Selector, Workload, is_custom, scaled, title};
use crate::tally::{Tally, note};

pub(super) fn judge(manifest: &Manifest, tally: &mut Tally) {
    for budget in manifest.of_kind("PodDisruptionBudget") {
        let selector = Selector::of(&budget["spec"]["selector"]);
        if selector.is_empty() {
            continue;
        }
        let ns = manifest.namespace_of(budget);
        let workloads = manifest.lasting_workloads();
        let guarded: Vec<&Workload> =
            workloads.iter().filter(|it| it.namespace == ns && selector.selects_pods_of(it)).collect();
        // How many pods others make, nobody can say from here.
        let is_countable = guarded.iter().all(|it| !is_custom(it.object)) && !guarded.is_empty();
        let sizes: Option<Vec<u64>> = guarded.iter().map(|it| manifest.smallest_size(it)).collect();
        let Some(pods) = sizes.filter(|_| is_countable).map(|sizes| sizes.iter().sum::<u64>()).filter(|pods| *pods > 0)
        else {
            continue;
        };
        match kept(budget, pods).filter(|kept| *kept >= pods) {
            Some(_) => {
                let rule = ["minAvailable", "maxUnavailable"]
                    .into_iter()
                    .find(|rule| !budget["spec"][rule].is_null())
                    .unwrap_or_default();
                let whose: Vec<String> = guarded.iter().map(|it| it.title()).collect();
                let (number, least) =
                    (&budget["spec"][rule], if pods == 1 { "one pod".to_owned() } else { format!("{pods} pods") });
                let scaler = guarded.iter().find_map(|it| manifest.autoscaler(it));
                let at = scaler.map_or(String::new(), |it| format!(" at the minimum of {}", title(it)));
                let message = format!(
                    "{} (`{rule}: {}`) lets no pod of {} go, which has {least}{at}: a drain of its node never ends",
                    title(budget),
                    plain(number),
                    whose.join(", ")
                );
                tally
                    .fail(message)
                    .hint("render the budget only where there are more pods than it keeps, or use `maxUnavailable: 1`");
            }
            None => tally.proved(note(format!("{} lets a pod go of {pods}", title(budget)))),
        }
    }
}

/// How many of the pods a budget keeps; both of its rules round up.
fn kept(budget: &Value, pods: u64) -> Option<u64> {
    let spec = &budget["spec"];
    let least = scaled(&spec["minAvailable"], pods, true);
    least.or_else(|| Some(pods.saturating_sub(scaled(&spec["maxUnavailable"], pods, true)?)))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
