//! What our node lacks for a pod, which is no fault of its chart.

use crate::run::stage::Stage;
use chartgate_base::Environment;

/// What the scheduler says of a node that is smaller than, or not like, the one that the chart was written for.
const OF_NODE: [&str; 6] = [
    "Insufficient ",
    "didn't match Pod's node affinity/selector",
    "had untolerated taint",
    "didn't have free ports",
    "unbound immediate PersistentVolumeClaims",
    "Too many pods",
];
/// What a chart itself asks of how its pods lie to each other.
const OF_CHART: [&str; 2] = ["anti-affinity", "topology spread"];

/// # Errors
/// [`Environment`] if a pod cannot be scheduled on our node.
pub(in crate::run) fn check(stage: &Stage) -> Result<(), Environment> {
    for pod in stage.namespace.of_kind("Pod") {
        let scheduled = pod.condition("PodScheduled").filter(|it| it.is_false());
        let Some(said) = scheduled.map(|it| it.message.as_str()) else { continue };
        if is_of_node(said) {
            let hint = "give it less to ask for with `--set`, or run it on a cluster that has it with `--context`";
            return Err(Environment::hinted(format!("{} does not fit on the node: {said}", pod.slashed()), hint));
        }
    }
    Ok(())
}

fn is_of_node(said: &str) -> bool {
    OF_NODE.iter().any(|words| said.contains(words)) && !OF_CHART.iter().any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a chart is blamed for a small node, or that a rollout which waits for itself is not.
    #[test]
    fn a_small_node_is_not_the_charts_fault() {
        assert!(is_of_node("0/1 nodes are available: 1 Insufficient cpu."));
        assert!(is_of_node("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."));
        assert!(!is_of_node("0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."));
        assert!(!is_of_node("persistentvolumeclaim \"data\" not found"));
    }
}
