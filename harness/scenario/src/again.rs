//! `again`: a step that repeats what is there has the values of what is there.

use chartgate_model::plan::{Action, EffectOnRelease, Expect, Step};
use chartgate_yaml::{Mistake, Spot};
use serde_json::Value;

use super::merge;

/// Refuses a repeated upgrade that changes something: the chart would be blamed for what the scenario asked for.
pub(super) fn check(at: Spot, base: &Value, steps: &[Step]) {
    let mut revisions: Vec<Value> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let at = at.item(index).key("upgrade");
        let there = revisions.last().cloned();
        record(step, base, &mut revisions);
        if step.is_again && step.action == Action::Upgrade && there.is_some() && there.as_ref() != revisions.last() {
            let mistake = Mistake::new("`again` repeats what is there, and this upgrade has other values or images");
            let hint = "give it those that the release has by then, or leave `again` out";
            at.key("again").of_key().refuse(mistake.with_hint(hint));
        }
    }
}

/// Adds the values of the revisions that a step makes.
fn record(step: &Step, base: &Value, revisions: &mut Vec<Value>) {
    match step.action.effect() {
        EffectOnRelease::Installed => *revisions = vec![merged(base, &step.values)],
        EffectOnRelease::Upgraded => {
            let before = revisions.last().cloned();
            let reused = before.as_ref().filter(|_| step.reuses_values);
            revisions.push(merged(reused.unwrap_or(base), &step.values));
            let is_taken_back = step.rolls_back && matches!(step.expect, Expect::Fails(_));
            revisions.extend(before.filter(|_| is_taken_back));
        }
        EffectOnRelease::RolledBack { to } => {
            let target = to.map_or_else(|| revisions.len().checked_sub(2), |to| (to as usize).checked_sub(1));
            let values = target.and_then(|index| revisions.get(index)).cloned();
            revisions.extend(values);
        }
        EffectOnRelease::Removed => revisions.clear(),
        EffectOnRelease::Disturbed | EffectOnRelease::None => {}
    }
}

fn merged(base: &Value, over: &Value) -> Value {
    let mut values = base.clone();
    merge(&mut values, over.clone());
    values
}
