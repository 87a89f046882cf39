//! The pods behind a role's Service while its users ask it.

use chartgate_model::recording::{Failed, Failure};

use crate::Evidence;
use crate::view::{StepRun, Track, View};
use chartgate_k8s::ready::is_pod_of;
use chartgate_k8s::typed::Object;

/// The watch tells of a change a little after it, and a request is lost at once, in milliseconds.
const WATCH_LAG: u64 = 100;
/// A node takes over what changed once a second at most (kube-proxy's `minSyncPeriod`), and as long again for the doing. A request that goes
/// to a pod that left earlier was sent there by a machine that does too much.
const LATE: u64 = 2000;
/// No node is behind for longer than this: a later loss has another cause.
const LONGEST: u64 = 30_000;

/// Which pods of a role were ending and starting at a time, as the end of a sentence, and the moments that show it.
pub(super) fn coming_and_going(view: &View, role: &str, at: u64) -> (String, Vec<Evidence>) {
    let (mut words, mut evidence) = (Vec::new(), Vec::new());
    for pod in view.pods_of_role(role) {
        let Some(state) = pod.at_time(at) else { continue };
        let end = pod.first_where(Object::is_terminating).filter(|end| end.at <= at + WATCH_LAG);
        if let Some(end) = end {
            words.push(format!("pod/{} was ending", pod.name()));
            evidence.push(end.evidence("began to end"));
        } else if !state.is_ready_pod() {
            words.push(format!("pod/{} was starting", pod.name()));
            evidence.push(pod.first().evidence("was created"));
            evidence.extend(pod.first_where(Object::is_ready_pod).map(|seen| seen.evidence("was ready")));
        }
    }
    let text = if words.is_empty() { String::new() } else { format!(", while {}", words.join(" and ")) };
    (text, evidence)
}

/// How long before a lost request the last pod began to end, in milliseconds, where the role's Service had other pods since, and the same ones
/// for long: it was the node that did not follow, and what the chart is worth remains unknown. `None`: the request says something of the chart.
pub(super) fn left_before(view: &View, role: &str, lost: &Failed) -> Option<u64> {
    if !matches!(lost.failure, Failure::Refused | Failure::Reset | Failure::TimedOut) {
        return None;
    }
    let pods = view.pods_of_role(role);
    let is_ready = |pod: &Track, at: u64| pod.at_time(at).is_some_and(Object::is_ready_pod);
    let (before, after) = (lost.sent.saturating_sub(LATE), lost.sent + WATCH_LAG);
    let is_same = |pod: &&Track| is_ready(pod, before) == is_ready(pod, after);
    if !pods.iter().all(is_same) || !pods.iter().any(|pod| is_ready(pod, before)) {
        return None;
    }
    let ends = pods.iter().filter_map(|pod| pod.first_where(Object::is_terminating));
    let last = ends.map(|end| end.at).filter(|end| *end <= before && before - end <= LONGEST).max()?;
    Some(lost.sent - last)
}

/// Why a pod is not one that may answer a role's users after a step; `None`: it may.
pub(super) fn stranger(view: &View, run: &StepRun, role: &str, name: &str, at: u64) -> Option<String> {
    let all: Vec<&Track> = view.tracks("Pod").filter(|pod| pod.name() == name).collect();
    if all.is_empty() {
        return Some("which is no pod of the namespace".to_owned());
    }
    if all.iter().all(|pod| view.is_neighbours(pod)) {
        return Some("which is the second release's".to_owned());
    }
    let own: Vec<&Track> = view.pods_of_role(role).into_iter().filter(|pod| pod.name() == name).collect();
    if own.is_empty() {
        return Some("which is none of the role's".to_owned());
    }
    let Some(state) = own.iter().find_map(|pod| pod.at_time(at)) else {
        return Some("which did not exist any more".to_owned());
    };
    if state.is_terminating() {
        return Some("which was ending".to_owned());
    }
    let manifest = view.release_of(run).map(|release| view.manifest(release)).unwrap_or_default();
    let workload = manifest.into_iter().find(|workload| is_pod_of(workload, state))?;
    let running = state.images();
    let missing = workload.images().into_iter().find(|image| !running.contains(image))?;
    Some(format!("which runs {}, not {missing}", running.join(", ")))
}
