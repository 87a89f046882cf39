//! `hook-inputs`: a hook needs nothing that is made after it, or gone before it.

mod availability;

use chartgate_model::plan::Action;
use serde_json::Value;

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Finding, Level, Needs, Rank};
use availability::{HookEvent, Lack};
use chartgate_k8s::object::{hook_events, items, kind, name, references, slashed, template, weight};

pub(crate) const HOOK_INPUTS: Check = Check {
    name: "hook-inputs",
    proves: "a hook's pods need no object that helm makes later, or has removed by then",
    means: "the install, the upgrade or the uninstall hangs: the hook's pod waits for a Secret, ConfigMap, ServiceAccount or volume that never comes",
    explanation: include_str!("../explanation/hook-inputs.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::cause_of(&["hook-once", "ready", "release-outcome"]),
    judges_refusals: false,
    judge: hook_inputs,
};

fn hook_inputs(view: &View) -> Finding {
    let mut tally = Tally::new(HOOK_INPUTS.name);
    let is_rendering = |run: &&StepRun| run.rendered.as_ref().is_some_and(|rendered| rendered.error.is_none());
    // Where an earlier version is installed, the upgrade renders what an install of this one would.
    let has_install = view.tested().filter(is_rendering).any(|run| run.step.action == Action::Install);
    let (mut before, mut is_first): (Option<&[&Value]>, bool) = (None, true);
    for run in view.steps.iter().filter(is_rendering) {
        let Some(rendered) = &run.rendered else { continue };
        if run.is_tested() {
            let mut events = match run.step.action {
                Action::Install => vec!["pre-install", "post-install"],
                _ if is_first && !has_install => vec!["pre-install", "post-install", "pre-upgrade", "post-upgrade"],
                _ => vec!["pre-upgrade", "post-upgrade"],
            };
            // What the release brings along for later is the same after each step that changes nothing.
            events.extend(is_first.then_some(["test", "pre-delete", "post-delete"]).into_iter().flatten());
            for event in events {
                let moment = HookEvent { event, objects: &rendered.objects, before };
                judge_event(run, &moment, &mut tally);
            }
            is_first = false;
        }
        before = Some(&rendered.objects);
    }
    let none = "the chart renders no hook with a pod";
    if is_first || !view.rendered().any(is_run) {
        return not_applicable(HOOK_INPUTS.name, none);
    }
    // A hook of the version before alone is not judged.
    tally.finish_or("no hook needs what is made later, or gone by then", none)
}

/// Whether helm runs an object as a hook and waits for its pod.
fn is_run(object: &Value) -> bool {
    ["Job", "Pod"].contains(&kind(object)) && !hook_events(object).is_empty()
}

fn judge_event(run: &StepRun, moment: &HookEvent, tally: &mut Tally) {
    for hook in moment.objects.iter().filter(|object| is_run(object) && hook_events(object).contains(&moment.event)) {
        let needs = template(hook).map(needs).unwrap_or_default();
        for need in &needs {
            judge_need(run, hook, need, moment, tally);
        }
        tally.proved(note(format!("{} needs {} objects", slashed(hook), needs.len())));
    }
}

fn judge_need(run: &StepRun, hook: &Value, need: &Need, moment: &HookEvent, tally: &mut Tally) {
    let is_it = |object: &&&Value| kind(object) == need.kind && name(object) == need.name;
    // What the chart does not make is the user's own.
    let Some(made) = moment.objects.iter().find(is_it) else { return };
    let Some(lack) = moment.lack(hook, made, need.key) else { return };
    let (event, label) = (moment.event, run.label());
    let (hook_shown, made_shown) = (slashed(hook), slashed(made));
    let (message, hint) = match lack {
        Lack::Later => (
            format!("hook {hook_shown} needs {made_shown} before the release makes it in {label}"),
            "make it a hook of the same event with a lower weight, or let the hook do without it".to_owned(),
        ),
        Lack::New => (
            format!(
                "{event} hook {hook_shown} needs {made_shown}, which only the new version makes, after the hook, in {label}"
            ),
            format!("make it a {event} hook with a lower weight, or let a post-upgrade hook need it"),
        ),
        Lack::NewKey(key) => (
            format!(
                "{event} hook {hook_shown} needs key `{key}` of {made_shown}, which only the new version has, after the hook, in {label}"
            ),
            "mark the key as optional, or let a post-upgrade hook need it".to_owned(),
        ),
        Lack::Gone => (
            format!("{event} hook {hook_shown} needs {made_shown}, which the uninstall has removed by then"),
            "make the hook a pre-delete one, or what it needs a hook of the same event with a lower weight".to_owned(),
        ),
        Lack::Removed => (
            format!(
                "{event} hook {hook_shown} needs {made_shown}, which helm removed when the hooks before it had succeeded"
            ),
            format!("add {event} to its `helm.sh/hook`, or leave `hook-succeeded` out of its delete policy"),
        ),
        Lack::NoHook => (
            format!("hook {hook_shown} needs {made_shown}, which is no hook of {event}, in {label}"),
            format!("add {event} to its `helm.sh/hook`"),
        ),
        Lack::Heavier => (
            format!(
                "hook {hook_shown} (weight {}) needs {made_shown}, which has weight {} in {label}",
                weight(hook),
                weight(made)
            ),
            "give what is needed the lower weight".to_owned(),
        ),
        Lack::AfterByName => (
            format!(
                "hook {hook_shown} needs {made_shown}, which helm makes after it in {label}: both have weight {}, and hooks of one weight run in the order of their names",
                weight(hook)
            ),
            "give what is needed a lower `helm.sh/hook-weight`".to_owned(),
        ),
    };
    tally.fail(message).hint(hint);
}

/// What a pod cannot start without.
struct Need<'v> {
    kind: &'static str,
    name: &'v str,
    /// The key of a ConfigMap or Secret that a variable is taken from.
    key: Option<&'v str>,
}

fn needs(pod: &Value) -> Vec<Need<'_>> {
    let spec = &pod["spec"];
    // The API server takes the field's old name as well.
    let account = spec["serviceAccountName"].as_str().filter(|name| !name.is_empty());
    let mut needs = vec![("ServiceAccount", account.or(spec["serviceAccount"].as_str()), None)];
    let required = references(pod).into_iter().filter(|reference| !reference.is_optional);
    needs.extend(required.map(|reference| (reference.kind, reference.name.as_str(), reference.key)));
    for volume in items(&spec["volumes"]) {
        needs.push(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"].as_str(), None));
    }
    needs
        .into_iter()
        .filter_map(|(kind, name, key)| Some(Need { kind, name: name.filter(|name| !name.is_empty())?, key }))
        .collect()
}

#[cfg(test)]
mod tests;
