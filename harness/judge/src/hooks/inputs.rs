//! `hook-inputs`: a hook needs nothing that is made after it, or gone before it.

mod availability;

use chartgate_model::plan::{Action, EffectOnRelease};

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Finding, Level, Needs, Rank};
use availability::{HookEvent, Lack};
use chartgate_k8s::typed::{Object, PodTemplate, ReferredFrom};

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
    let (mut before, mut is_first): (Option<&[&Object]>, bool) = (None, true);
    for run in view.steps.iter().filter(is_rendering) {
        let Some(rendered) = &run.rendered else { continue };
        if run.is_tested() {
            let (install, upgrade) = (Action::Install.verb().events, Action::Upgrade.verb().events);
            let is_install = run.step.action.effect() == EffectOnRelease::Installed;
            let mut events = Vec::new();
            events.extend(install.iter().copied().filter(|_| is_install || (is_first && !has_install)));
            events.extend(upgrade.iter().copied().filter(|_| !is_install));
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
fn is_run(object: &Object) -> bool {
    ["Job", "Pod"].contains(&object.kind()) && !object.hook_events().is_empty()
}

fn judge_event(run: &StepRun, moment: &HookEvent, tally: &mut Tally) {
    for hook in moment.objects.iter().filter(|object| is_run(object) && object.hook_events().contains(&moment.event)) {
        let needs = hook.template().map(needs).unwrap_or_default();
        for need in &needs {
            judge_need(run, hook, need, moment, tally);
        }
        tally.proved(note(format!("{} needs {} objects", hook.slashed(), needs.len())));
    }
}

fn judge_need(run: &StepRun, hook: &Object, need: &Need, moment: &HookEvent, tally: &mut Tally) {
    let is_it = |object: &&&Object| object.kind() == need.kind && object.name() == need.name;
    // What the chart does not make is the user's own.
    let mut made = moment.objects.iter().filter(is_it).map(|made| (made, moment.lack(hook, made, need.key)));
    // It may be rendered once for each event.
    let Some((made, Some(lack))) = made.clone().find(|(_, lack)| lack.is_none()).or_else(|| made.next()) else {
        return;
    };
    let (event, label) = (moment.event, run.label());
    let (hook_shown, made_shown) = (hook.slashed(), made.slashed());
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
                hook.weight(),
                made.weight()
            ),
            "give what is needed the lower weight".to_owned(),
        ),
        Lack::AfterByName => (
            format!(
                "hook {hook_shown} needs {made_shown}, which helm makes after it in {label}: both have weight {}, and hooks of one weight run in the order of their names",
                hook.weight()
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

fn needs(pod: PodTemplate<'_>) -> Vec<Need<'_>> {
    let required = pod.references().into_iter().filter(|reference| !reference.is_optional);
    let of_config = required.map(|reference| {
        // The keys that a volume names are files: which of them a program reads, nobody knows.
        let key = reference.keys.first().copied().filter(|_| matches!(reference.from, ReferredFrom::Variable { .. }));
        Need { kind: reference.kind, name: reference.name, key }
    });
    let named = |kind: &'static str, name| Need { kind, name, key: None };
    let account = std::iter::once(named("ServiceAccount", pod.account())).filter(|account| !account.name.is_empty());
    let claims = pod.claims().map(|claim| named("PersistentVolumeClaim", claim));
    account.chain(of_config).chain(claims.filter(|claim| !claim.name.is_empty())).collect()
}

#[cfg(test)]
mod tests;
