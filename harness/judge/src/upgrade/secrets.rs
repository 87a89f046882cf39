//! `secrets-stable`: an upgrade keeps what was generated.

use std::collections::BTreeSet;

use chartgate_model::plan::{Action, Plan, Step};
use serde_json::{Map, Value};

use crate::tally::{Tally, not_applicable, note};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;

pub(crate) const SECRETS_STABLE: Check = Check {
    name: "secrets-stable",
    proves: "an upgrade or rollback leaves the release's Secrets as they were",
    means: "each upgrade makes new passwords and keys: sessions are lost, and a database refuses the new password",
    explanation: include_str!("../explanation/secrets-stable.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: secrets_stable,
};

fn secrets_stable(view: &View) -> Finding {
    let secrets: BTreeSet<&str> =
        view.rendered().filter(|object| object.kind() == "Secret" && !object.is_hook()).map(Object::name).collect();
    let is_change = |run: &&StepRun| matches!(run.step.action, Action::Upgrade | Action::Rollback { .. });
    if secrets.is_empty() || !view.tested().any(|run| is_change(&run)) {
        return not_applicable(SECRETS_STABLE.name, "the chart renders no Secret, or the plan has no upgrade");
    }
    let mut tally = Tally::of_whole(SECRETS_STABLE.name, view);
    for run in view.settled().filter(is_change) {
        let Some((start, end)) = run.window() else { continue };
        let label = run.label();
        if let Some((seen, why)) = view.gap_in(run, &["Secret"]) {
            tally.void(format!("whether {label} changed a Secret is unknown: {why}")).with([seen]);
            continue;
        }
        for secret in &secrets {
            let Some(before) = view.object_at("Secret", secret, start) else { continue };
            let Some(after) = view.object_at("Secret", secret, end) else {
                tally
                    .fail(format!("{label} removed secret/{secret}"))
                    .hint("rename a Secret only with a migration path");
                continue;
            };
            let changed = changed_keys(before, after);
            if changed.is_empty() {
                tally.proved(note(format!("secret/{secret} is the same after {label}")));
                continue;
            }
            let message = format!("{label} changed secret/{secret}: {}", changed.join(", "));
            let seen: Vec<Evidence> = view
                .tracks("Secret")
                .filter(|track| track.name() == *secret)
                .flat_map(|track| track.sightings.iter().filter(|seen| run.contains(seen.seq)))
                .map(|sighting| sighting.evidence("was changed"))
                .collect();
            if is_asked_for(view.plan, run) {
                tally.advise(message + ", and the step's values differ from those before").with(seen);
            } else {
                let hint = "keep what exists: `lookup` the Secret before generating a value, or let the user bring it";
                tally.fail(message).with(seen).hint(hint);
            }
        }
    }
    tally.finish("no upgrade or rollback changed a Secret of the release")
}

/// Keys whose values differ, or that came or went.
fn changed_keys(before: &Object, after: &Object) -> Vec<String> {
    let (before, after) = (&before.data().data, &after.data().data);
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).map(|key| format!("`{key}`")).collect()
}

/// Whether the step's values differ from the last ones by more than the images: then a Secret may follow them.
fn is_asked_for(plan: &Plan, run: &StepRun) -> bool {
    let before = plan.steps.iter().take(run.index).rev();
    let before = before.clone().find(|step| matches!(step.action, Action::Install | Action::Upgrade));
    let own = |step: &Step| without_images(plan, &step.values);
    // A version that is upgraded from may have values of its own.
    let of_version = |step: &Step| {
        let values =
            step.from.and_then(|index| plan.from.get(index)).map(|origin| without_images(plan, &origin.values));
        values.filter(|values| values.as_object().is_some_and(|values| !values.is_empty()))
    };
    let is_other = |before: &Step| own(before) != own(run.step) || of_version(before) != of_version(run.step);
    match run.step.action {
        // Each step's template makes up a value of its own, though it reads the same in both.
        Action::Upgrade => before.is_some_and(is_other) || makes_up(&own(run.step)),
        // Going back may bring back what an earlier step's values said.
        Action::Install
        | Action::Rollback { .. }
        | Action::Uninstall
        | Action::RunHook { .. }
        | Action::Disrupt
        | Action::Scale { .. }
        | Action::Test
        | Action::Apply { .. } => plan
            .steps
            .iter()
            .take(run.index)
            .any(|step| of_version(step).is_some() || !own(step).as_object().is_none_or(Map::is_empty)),
    }
}

/// Whether values hold a template that is filled in with something new.
fn makes_up(values: &Value) -> bool {
    values.to_string().contains("{{random")
}

fn without_images(plan: &Plan, values: &Value) -> Value {
    let mut values = values.clone();
    for image in plan.images.values() {
        for path in [Some(&image.repository_path), image.tag_path.as_ref()].into_iter().flatten() {
            remove(&mut values, path);
        }
    }
    values
}

/// Removes a dotted path, and what becomes empty by it.
fn remove(values: &mut Value, path: &str) {
    let Some(map) = values.as_object_mut() else { return };
    match path.split_once('.') {
        None => drop(map.remove(path)),
        Some((first, rest)) => {
            let Some(inner) = map.get_mut(first) else { return };
            remove(inner, rest);
            if inner.as_object().is_some_and(Map::is_empty) {
                map.remove(first);
            }
        }
    }
}

#[cfg(test)]
mod tests;
