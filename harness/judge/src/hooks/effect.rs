//! `hook-effect`: what a hook makes in a server is there once it has run, and the same after it ran again.

use chartgate_model::plan::{Effect, Hook, Look};
use chartgate_model::recording::{EffectSeen, EffectState, Entry, Moment};

use crate::tally::{Tally, at, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const HOOK_EFFECT: Check = Check {
    name: "hook-effect",
    proves: "what a hook makes in a server was not there before, was there once it had run, and stayed the same when it ran again",
    means: "a hook that ends well did not do its work, or undoes what users did since it last ran",
    explanation: include_str!("../explanation/hook-effect.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: hook_effect,
};

/// What an effect was, and when.
type Seen<'a> = (&'a Entry, &'a EffectState);

/// An effect of a hook of the plan.
struct Promise<'a> {
    hook: &'a str,
    name: &'a str,
    effect: &'a Effect,
}

impl Promise<'_> {
    fn label(&self) -> String {
        format!("effect `{}` of hook `{}`", self.name, self.hook)
    }

    /// Where it is looked at.
    fn place(&self) -> String {
        match &self.effect.look {
            Look::Pod { pods, .. } => format!("`{pods}`"),
            Look::Server { server, .. } => format!("the server `{server}`"),
            Look::Database { database, .. } => format!("the database `{database}`"),
        }
    }

    /// What of it an output has, and what it lacks.
    fn sought(&self, output: &str) -> (Vec<&str>, Vec<&str>) {
        self.effect.shows.iter().map(String::as_str).partition(|text| output.contains(text))
    }
}

fn hook_effect(view: &View) -> Finding {
    let due = |(name, hook): &(&String, &Hook)| view.tested().any(|run| run.due(view.plan, name, hook) > 0);
    let hooks = view.plan.present_hooks().filter(|(_, hook)| !hook.effects.is_empty()).filter(due);
    let hooks: Vec<(&String, &Hook)> = hooks.collect();
    if hooks.is_empty() {
        return not_applicable(HOOK_EFFECT.name, "no step runs a hook of which the contract says `effects`");
    }
    let mut tally = Tally::of_whole(HOOK_EFFECT.name, view);
    for (hook, promised) in hooks {
        for (name, effect) in &promised.effects {
            judge_effect(view, promised, &Promise { hook, name, effect }, &mut tally);
        }
    }
    tally.finish("each hook made what it is to make, and changed nothing of it when it ran again")
}

fn judge_effect(view: &View, hook: &Hook, promise: &Promise, tally: &mut Tally) {
    let runs = view.steps.iter().filter(|run| run.due(view.plan, promise.hook, hook) > 0);
    for (count, run) in runs.filter(|run| run.is_succeeded()).enumerate() {
        let (before, after) = (before(view, promise, run), look(view, promise, run.index));
        match after {
            Some((entry, EffectState::Shown { output, .. })) => {
                judge_presence(run, promise, (entry, output), tally);
            }
            Some((entry, EffectState::NoPod)) => {
                let message = format!("{} could not be looked at after {}", promise.label(), run.label());
                let claim = tally.void(format!("{message}: no pod of {} was ready", promise.place()));
                claim.with([at(entry, "no pod was found")]).hint("correct `pods` in the contract");
            }
            Some((entry, EffectState::Failed { why })) => {
                let message = format!("{} could not be looked at after {}: {why}", promise.label(), run.label());
                let claim = tally.void(message).with([at(entry, format!("`{}` failed", promise.effect.look))]);
                claim.hint(format!("let the contract say what works in {}", promise.place()));
            }
            None => {
                tally.void(format!("{} was not looked at after {}", promise.label(), run.label()));
            }
        }
        match (count, before, after) {
            (0, Some(before), _) => judge_absence(run, promise, before, tally),
            (0, None, _) => {
                tally.void(format!("{} was not looked at before {}", promise.label(), run.label()));
            }
            (_, Some(before), Some(after)) => judge_repetition(run, promise, before, after, tally),
            _ => {}
        }
    }
}

/// The state that a run of the hook found: the last look before the step.
fn before<'a>(view: &View<'a>, promise: &Promise, run: &StepRun) -> Option<Seen<'a>> {
    let start = run.started?.seq;
    looks(view, promise).filter(|(entry, _)| entry.seq < start).last().map(|(entry, seen)| (entry, &seen.state))
}

fn look<'a>(view: &View<'a>, promise: &Promise, after: usize) -> Option<Seen<'a>> {
    let found = looks(view, promise).find(|(_, seen)| seen.after == Some(after));
    found.map(|(entry, seen)| (entry, &seen.state))
}

fn looks<'a>(view: &View<'a>, promise: &Promise) -> impl Iterator<Item = (&'a Entry, &'a EffectSeen)> {
    view.recording.entries.iter().filter_map(move |entry| match &entry.moment {
        Moment::Effect(seen) if seen.hook == promise.hook && seen.effect == promise.name => Some((entry, seen)),
        _ => None,
    })
}

/// Once the hook has run, all of it is there.
fn judge_presence(run: &StepRun, promise: &Promise, (entry, output): (&Entry, &str), tally: &mut Tally) {
    let (_, missing) = promise.sought(output);
    if missing.is_empty() {
        tally.proved(at(entry, format!("{} was there after {}", promise.label(), run.label())));
        return;
    }
    let message = format!(
        "{} was not there after {}: `{}` does not show {}",
        promise.label(),
        run.label(),
        promise.effect.look,
        quoted(&missing)
    );
    let claim = tally.fail(message).with([at(entry, format!("it showed {}", shortened(output)))]);
    claim.hint("let the hook end with success only once it has made it; its log says what it did");
}

/// What was there before the hook ever ran is nothing that it made.
fn judge_absence(run: &StepRun, promise: &Promise, (entry, state): Seen, tally: &mut Tally) {
    match state {
        EffectState::Shown { output, .. } => {
            let (there, _) = promise.sought(output);
            if there.is_empty() {
                tally.proved(at(entry, format!("{} was not there before {}", promise.label(), run.label())));
                return;
            }
            let message = format!(
                "{} was there before the hook ran in {}: {}, so that it proves nothing of the hook",
                promise.label(),
                run.label(),
                quoted(&there)
            );
            let claim = tally.void(message).with([at(entry, format!("it showed {}", shortened(output)))]);
            claim.hint("begin with an empty server, or name in `shows` what the hook alone makes");
        }
        EffectState::NoPod => {
            tally.proved(at(entry, format!("{} had no server before {}", promise.label(), run.label())));
        }
        EffectState::Failed { why } => {
            let message = format!("{} could not be looked at before {}: {why}", promise.label(), run.label());
            tally.void(message).with([at(entry, "it failed")]);
        }
    }
}

/// A hook that runs again finds its work done.
fn judge_repetition(run: &StepRun, promise: &Promise, before: Seen, after: Seen, tally: &mut Tally) {
    let (EffectState::Shown { output: old, .. }, EffectState::Shown { output: new, .. }) = (before.1, after.1) else {
        return;
    };
    if old == new {
        let text = format!("{} was the same before and after {}", promise.label(), run.label());
        tally.proved(at(after.0, text));
        return;
    }
    let gone = differing(old, new).map(|line| note(format!("no longer: {line}")));
    let come = differing(new, old).map(|line| note(format!("new: {line}")));
    let message = format!("{} was changed when the hook ran again in {}", promise.label(), run.label());
    let claim = tally.fail(message).with(gone.chain(come)).with([at(after.0, "it was looked at after the step")]);
    claim.hint("let the hook leave what it finds: create what is missing, and update nothing that users change");
}

/// Lines of a text that another one lacks.
fn differing<'a>(text: &'a str, other: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter(move |line| !other.lines().any(|known| known == *line))
}

fn quoted(texts: &[&str]) -> String {
    texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

/// An output in one line, and not too long for a report.
fn shortened(output: &str) -> String {
    const LIMIT: usize = 200;
    let line = output.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "nothing".to_owned();
    }
    match line.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("`{}…`", &line[..end]),
        None => format!("`{line}`"),
    }
}

#[cfg(test)]
mod tests;
