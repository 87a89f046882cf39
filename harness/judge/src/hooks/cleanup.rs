//! `hook-cleanup`: what a hook leaves behind does not stop the next upgrade.

use crate::tally::{Tally, not_applicable, note};
use crate::variant::{Variants, same};
use crate::view::View;
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::object::{may_hold_revision, may_hold_time};
use chartgate_k8s::typed::Object;

pub(crate) const HOOK_CLEANUP: Check = Check {
    name: "hook-cleanup",
    proves: "every hook's object is removed before the hook runs again",
    means: "after a hook failed once, each further try fails with `already exists` until someone cleans up by hand",
    explanation: include_str!("../explanation/hook-cleanup.md"),
    needs: Needs::Render,
    adds: Some(Needs::Orchestration),
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge: hook_cleanup,
};

const POLICY: &str = "helm.sh/hook-delete-policy";

fn hook_cleanup(view: &View) -> Finding {
    let is_judged = |object: &&Object| object.hook_events().iter().any(|event| *event != "test");
    let hooks: Vec<&Object> =
        view.rendered_once().into_iter().filter(|object| object.is_hook()).filter(is_judged).collect();
    if hooks.is_empty() {
        return not_applicable(HOOK_CLEANUP.name, "the chart renders no hook");
    }
    let mut tally = Tally::new(HOOK_CLEANUP.name);
    let variants = Variants::of(view.recording);
    for hook in hooks {
        judge_hook(hook, &variants, &mut tally);
    }
    for run in view.tested() {
        let Some((entry, call)) = run.helm.filter(|(_, call)| call.status != Some(0)) else { continue };
        if let Some(line) = call.stderr.lines().find(|line| line.contains("already exists") && line.contains("hook")) {
            let message = format!("{} met an object that an earlier hook left behind: {}", run.label(), line.trim());
            tally.fail(message).with([Evidence {
                seq: Some(entry.seq),
                at: Some(entry.at),
                text: call.stderr.clone(),
            }]);
        }
    }
    tally.finish("every hook's object is removed before the hook runs again")
}

fn judge_hook(hook: &Object, variants: &Variants, tally: &mut Tally) {
    let policies = hook.delete_policies();
    let has = |wanted: &str| policies.contains(&wanted);
    let shown = hook.slashed();
    if has("before-hook-creation") {
        tally.proved(note(format!("{shown} is removed before it is made again")));
    } else if has("hook-succeeded") && has("hook-failed") {
        tally.proved(note(format!("{shown} is removed however it ends")));
    } else if has("hook-succeeded") && !runs(hook) {
        // It succeeds by being made, and is removed with those that ran before a hook that fails.
        tally.proved(note(format!("{shown} is removed when the hooks of its event end, also when one of them fails")));
    } else if let Some(why) = new_each_time(hook, variants) {
        tally.proved(note(format!("{shown} does not meet an earlier one: {why}")));
    } else {
        let when = if !has("hook-succeeded") && !runs(hook) {
            "was made"
        } else if has("hook-failed") {
            "succeeds"
        } else {
            "fails"
        };
        let message = format!(
            "{shown} stays behind when the hook {when}, and {} collides: its policy is `{}`",
            next_run(hook),
            policies.join(",")
        );
        tally.fail(message).hint(format!("add `before-hook-creation` to its `{POLICY}`"));
    }
}

/// Whether helm waits for the object's end, so that it can fail.
fn runs(hook: &Object) -> bool {
    ["Job", "Pod"].contains(&hook.kind())
}

/// What runs the hook again after its object stayed behind.
fn next_run(hook: &Object) -> &'static str {
    let is_of_delete = |event: &&str| event.ends_with("-delete");
    if hook.hook_events().iter().all(is_of_delete) { "the next `helm uninstall`" } else { "the next run of it" }
}

/// Why each run of a hook makes an object of another name; `None`: as far as can be seen, it does not.
fn new_each_time(hook: &Object, variants: &Variants) -> Option<&'static str> {
    // A step's own render has another name than the first one's.
    let stem = |object: &Object| object.name().rsplit_once('-').map(|(stem, _)| stem.to_owned());
    let is_like = |other: &&Object| other.is_hook() && other.kind() == hook.kind() && stem(other) == stem(hook);
    let first = same(&variants.base, hook).copied().or_else(|| variants.base.iter().copied().find(is_like));
    let is_random = first.is_some_and(|first| variants.repeated().is_some_and(|again| same(again, first).is_none()));
    if is_random {
        Some("its name is made up anew each time")
    } else if hook.metadata().generate_name.is_some() {
        Some("Kubernetes makes up the end of its name")
    } else if may_hold_time(hook.name()) {
        Some("its name holds a time")
    } else {
        may_hold_revision(hook.name()).then_some("its name may hold the release's revision")
    }
}

#[cfg(test)]
mod tests;
