//! A post hook begins once helm has seen the release's pods ready. Pods that are ready only with what it makes wait for it in vain, and it for them.

use crate::tally::{Tally, note};
use crate::view::{StepRun, Track, View};
use chartgate_k8s::ready::{is_pod_of, is_workload, not_ready, trouble};
use chartgate_k8s::typed::{Object, is_running};
use chartgate_model::plan::Hook;

/// Whether a step runs the hook after the release's objects.
pub(super) fn is_after_pods(view: &View, run: &StepRun, name: &str, hook: &Hook) -> bool {
    run.due(view.plan, name, hook) > 0
        && run.events().iter().any(|event| event.starts_with("post-") && hook.events.iter().any(|other| other == event))
}

pub(super) fn judge(view: &View, of: &str, hook: &Hook, tally: &mut Tally) {
    let jobs = view.runs_of_hook(hook);
    for run in view.tested().filter(|run| run.started.is_some() && is_after_pods(view, run, of, hook)) {
        if let Some((seen, why)) = view.gap_in(run, &["Job", "Pod"]) {
            tally.void(format!("whether hook `{of}` began in {} is unknown: {why}", run.label())).with([seen]);
        } else if let Some(job) = jobs.iter().find(|job| run.contains(job.first().seq)) {
            tally.proved(job.first().evidence("was created"));
        } else if run.is_to_succeed() && !run.is_succeeded() {
            judge_waiting(view, run, of, tally);
        }
    }
}

/// The hook never began, because helm waited for pods that run and are not ready. Where a pod is kept by something else, this is no claim:
/// others may wait for that one.
fn judge_waiting(view: &View, run: &StepRun, of: &str, tally: &mut Tally) {
    let Some((_, end)) = run.window() else { return };
    let pods: Vec<&Object> = view.tracks("Pod").filter_map(|pod| pod.at(end)).collect();
    if pods.iter().any(|pod| trouble(pod).is_some() && !only_lacks_readiness(pod)) {
        return;
    }
    let objects = run.rendered.iter().flat_map(|rendered| rendered.objects.iter());
    for workload in objects.filter(|object| is_workload(object) && !object.is_hook()) {
        let is_it = |track: &&Track| track.name() == workload.name();
        let Some(live) = view.tracks(workload.kind()).find(is_it).and_then(|track| track.at(end)) else { continue };
        let Some(why) = not_ready(live, &pods) else { continue };
        let Some(pod) = pods.iter().find(|pod| is_pod_of(live, pod) && only_lacks_readiness(pod)) else { continue };
        let message = format!(
            "hook `{of}` never began in {}: helm runs it once all pods are ready, and those of {} ran without becoming so",
            run.label(),
            workload.slashed()
        );
        let seen =
            [note(why), note(format!("all containers of pod/{} ran, none of them was ever restarted", pod.name()))];
        tally
            .fail(message)
            .with(seen)
            .hint("let the pods become ready without what the hook makes, or make it a pre hook");
    }
}

/// Whether all containers of a pod run since they were started, and the pod is not ready: nothing but a probe keeps it from being so.
fn only_lacks_readiness(pod: &Object) -> bool {
    let mut containers = pod.container_statuses().peekable();
    containers.peek().is_some()
        && containers.all(|status| is_running(status) && status.restart_count == 0)
        && !pod.is_ready_pod()
}
