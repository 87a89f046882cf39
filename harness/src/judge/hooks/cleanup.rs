//! `hook-cleanup`: what a hook leaves behind does not stop the next upgrade.

use serde_json::Value;

use crate::judge::object::{hook_events, is_hook, text, title};
use crate::judge::tally::{Tally, not_applicable, note};
use crate::judge::view::View;
use crate::judge::{Check, Evidence, Finding};
use crate::record::Recording;

pub(in crate::judge) const HOOK_CLEANUP: Check = Check {
    name: "hook-cleanup",
    proves: "every hook's object is removed before the hook runs again",
    means: "after a hook failed once, each further upgrade fails with `already exists` until someone cleans up by hand",
    explanation: include_str!("../explanation/hook-cleanup.md"),
    judge: hook_cleanup,
};

const POLICY: &str = "helm.sh/hook-delete-policy";

fn hook_cleanup(recording: &Recording) -> Finding {
    let view = View::of(recording);
    let hooks: Vec<&Value> = view.rendered_once().into_iter().filter(|object| is_hook(object)).collect();
    let hooks: Vec<&Value> =
        hooks.into_iter().filter(|hook| hook_events(hook).iter().any(|event| *event != "test")).collect();
    if hooks.is_empty() {
        return not_applicable(HOOK_CLEANUP.name, "the chart renders no hook");
    }
    let mut tally = Tally::new(HOOK_CLEANUP.name);
    for hook in hooks {
        let policy = text(&hook["metadata"]["annotations"][POLICY]);
        let policies: Vec<&str> = policy.split(',').map(str::trim).filter(|policy| !policy.is_empty()).collect();
        let has = |wanted: &str| policies.contains(&wanted);
        // Helm takes `before-hook-creation` where there is no policy at all.
        if policies.is_empty() || has("before-hook-creation") {
            tally.proved(note(format!("{} is removed before it is made again", title(hook))));
        } else if has("hook-succeeded") && has("hook-failed") {
            tally.proved(note(format!("{} is removed however it ends", title(hook))));
        } else {
            let when = if has("hook-failed") { "succeeds" } else { "fails" };
            let message = format!(
                "{} stays behind when the hook {when}, and the next run of it collides: its policy is `{policy}`",
                title(hook)
            );
            tally.fail(message).hint(format!("add `before-hook-creation` to its `{POLICY}`"));
        }
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

#[cfg(test)]
mod tests;
