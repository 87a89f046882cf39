//! `config-rolls-pods`: a changed ConfigMap or Secret reaches the pods that use it.

use chartgate_model::plan::Action;

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::ready::is_pod_of;
use chartgate_k8s::typed::Object;

pub(crate) const CONFIG_ROLLS_PODS: Check = Check {
    name: "config-rolls-pods",
    proves: "when an upgrade changes a ConfigMap or Secret, the pods that use it are replaced",
    means: "users change the configuration, and nothing happens until a pod restarts by chance",
    explanation: include_str!("../explanation/config-rolls-pods.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: config_rolls_pods,
};

/// A workload and what it uses that a step changed.
struct Change<'a> {
    workload: &'a Object,
    config: &'a Object,
    is_followed: bool,
}

fn config_rolls_pods(view: &View) -> Finding {
    let mut tally = Tally::of_whole(CONFIG_ROLLS_PODS.name, view);
    let mut is_any = false;
    let mut before: Option<&StepRun> = None;
    for run in &view.steps {
        if let (Action::Upgrade, true, Some(before)) =
            (&run.step.action, run.is_to_succeed() && run.is_tested(), before)
        {
            for change in changes(before, run) {
                is_any = true;
                judge_change(view, run, &change, &mut tally);
            }
        }
        if run.rendered.is_some() && run.is_to_succeed() {
            before = Some(run);
        }
    }
    if !is_any {
        return not_applicable(
            CONFIG_ROLLS_PODS.name,
            "no upgrade renders another ConfigMap or Secret for a workload that uses it",
        );
    }
    tally.finish("the pods that use a changed ConfigMap or Secret were replaced")
}

fn objects<'a>(run: &StepRun<'a>) -> Vec<&'a Object> {
    run.rendered.as_ref().map(|rendered| rendered.objects.clone()).unwrap_or_default()
}

/// The workloads of a step that use a ConfigMap or Secret whose content differs from the step before.
fn changes<'a>(before: &StepRun<'a>, run: &StepRun<'a>) -> Vec<Change<'a>> {
    let (old, new) = (objects(before), objects(run));
    let mut changes: Vec<Change> = Vec::new();
    for workload in new.iter().filter(|object| ["Deployment", "StatefulSet", "DaemonSet"].contains(&object.kind())) {
        for reference in workload.template().map(|pod| pod.references()).unwrap_or_default() {
            let is_it = |object: &&&Object| {
                object.kind() == reference.kind && reference.name == object.name() && !object.is_hook()
            };
            let (Some(config), Some(other)) = (new.iter().find(is_it), old.iter().find(is_it)) else { continue };
            if !config.data().differs(other.data()) {
                continue;
            }
            // A pod may use the same by a volume, which follows, and by its environment, which does not.
            let is_known = |change: &&mut Change| {
                change.workload.slashed() == workload.slashed() && change.config.slashed() == config.slashed()
            };
            match changes.iter_mut().find(is_known) {
                Some(known) => known.is_followed &= reference.is_followed(),
                None => changes.push(Change { workload, config, is_followed: reference.is_followed() }),
            }
        }
    }
    changes
}

fn judge_change(view: &View, run: &StepRun, change: &Change, tally: &mut Tally) {
    let (workload, config, label) = (change.workload.slashed(), change.config.slashed(), run.label());
    if !run.is_succeeded() {
        return;
    }
    let Some((start, end)) = run.window() else { return };
    if let Some((seen, why)) = view.gap_in(run, &["Pod"]) {
        tally.void(format!("whether {label} replaced the pods of {workload} is unknown: {why}")).with([seen]);
        return;
    }
    let at = |seq: u64| view.object_at(change.config.kind(), change.config.name(), seq);
    if let (Some(before), Some(after)) = (at(start), at(end))
        && !before.data().differs(after.data())
    {
        // What is generated is rendered anew each time, and kept by `lookup` in the cluster.
        tally.proved(note(format!("{config} is rendered anew but stayed the same in {label}")));
        return;
    }
    let live = |pod: &Object| is_pod_of(change.workload, pod) && !pod.is_terminating();
    let pods: Vec<_> = view.tracks("Pod").filter(|pod| pod.at(end).is_some_and(live)).collect();
    if pods.is_empty() {
        tally.void(format!("no pod of {workload} was seen after {label}"));
    }
    tally.saw("pod", pods.len());
    let (new, old): (Vec<_>, Vec<_>) = pods.into_iter().partition(|pod| pod.first().seq > start);
    for pod in new {
        tally.proved(pod.first().evidence(&format!("was created in {label}, which changed {config}")));
    }
    let Some(first) = old.first() else { return };
    let shown = match old.len() {
        1 => format!("pod/{} of {workload} was", first.name()),
        count => format!("{count} pods of {workload}, such as `{}`, were", first.name()),
    };
    let message = format!("{label} changed {config}, but {shown} not replaced");
    let seen = old.iter().map(|pod| pod.first().evidence("was created before"));
    if change.is_followed {
        tally.advise(message + ": what runs in it must notice the changed files itself").with(seen);
    } else {
        let hint = "add a checksum of the configuration to the pod template's annotations";
        tally.fail(message).with(seen).hint(hint);
    }
}

#[cfg(test)]
mod tests;
