//! `hook-inputs`: a hook that runs first needs nothing that is made later.

use serde_json::Value;

use crate::judge::object::{hook_events, is_hook, items, kind, name, references, template, title, weight};
use crate::judge::tally::{Tally, not_applicable, note};
use crate::judge::view::{StepRun, View};
use crate::judge::{Check, Finding};
use crate::plan::Action;
use crate::record::Recording;

pub(in crate::judge) const HOOK_INPUTS: Check = Check {
    name: "hook-inputs",
    proves: "a pre-install hook's pods need no object that the same install makes later",
    means: "the first install hangs: the hook's pod waits for a Secret, ConfigMap, ServiceAccount or volume that is never made",
    explanation: include_str!("../explanation/hook-inputs.md"),
    judge: hook_inputs,
};

const EVENT: &str = "pre-install";

fn hook_inputs(recording: &Recording) -> Finding {
    let view = View::of(recording);
    // Where an earlier version is installed, the upgrade renders what an install of this one would.
    let has_install = view.tested().any(|run| run.step.action == Action::Install);
    let wanted = if has_install { Action::Install } else { Action::Upgrade };
    let is_install = |run: &&StepRun| run.step.action == wanted;
    let mut tally = Tally::new(HOOK_INPUTS.name);
    let mut is_any = false;
    for run in view.tested().filter(is_install) {
        let objects = run.rendered.as_ref().map(|rendered| rendered.objects.clone()).unwrap_or_default();
        for hook in objects.iter().filter(|object| hook_events(object).contains(&EVENT)) {
            let Some(pod) = template(hook) else { continue };
            is_any = true;
            judge_hook(run, hook, pod, &objects, &mut tally);
        }
    }
    if !is_any {
        return not_applicable(HOOK_INPUTS.name, "no pre-install hook with a pod is rendered");
    }
    tally.finish("no pre-install hook needs what is made later")
}

fn judge_hook(run: &StepRun, hook: &Value, pod: &Value, objects: &[&Value], tally: &mut Tally) {
    for (of_kind, with_name) in needs(pod) {
        let made = objects.iter().find(|object| kind(object) == of_kind && name(object) == with_name);
        let Some(made) = made else { continue };
        let label = run.label();
        if !is_hook(made) {
            let message = format!("hook {} needs {} before the release makes it in {label}", title(hook), title(made));
            let claim = tally.fail(message);
            claim.hint("make it a hook of the same event with a lower weight, or let the hook do without it");
        } else if !hook_events(made).contains(&EVENT) {
            let message =
                format!("hook {} needs {}, which is no hook of {EVENT}, in {label}", title(hook), title(made));
            tally.fail(message).hint(format!("add {EVENT} to its `helm.sh/hook`"));
        } else if weight(made) > weight(hook) {
            let (later, own) = (weight(made), weight(hook));
            let message = format!(
                "hook {} (weight {own}) needs {}, which has weight {later} in {label}",
                title(hook),
                title(made)
            );
            tally.fail(message).hint("give what is needed the lower weight");
        }
    }
    tally.proved(note(format!("{} needs {} objects", title(hook), needs(pod).len())));
}

/// Kind and name of what a pod cannot start without.
fn needs(pod: &Value) -> Vec<(&'static str, &str)> {
    let mut needs = vec![("ServiceAccount", &pod["spec"]["serviceAccountName"])];
    for reference in references(pod) {
        if !reference.is_optional {
            needs.push((reference.kind, reference.name));
        }
    }
    for volume in items(&pod["spec"]["volumes"]) {
        needs.push(("PersistentVolumeClaim", &volume["persistentVolumeClaim"]["claimName"]));
    }
    needs.into_iter().filter_map(|(kind, name)| Some((kind, name.as_str().filter(|name| !name.is_empty())?))).collect()
}

#[cfg(test)]
mod tests;
