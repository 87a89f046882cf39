//! `render-stable`: the same chart with the same values renders the same.

use serde_json::Value;

use crate::tally::{Tally, not_applicable, note};
use crate::variant::Variants;
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;

pub(crate) const RENDER_STABLE: Check = Check {
    name: "render-stable",
    proves: "two renders of the same chart with the same values are equal",
    means: "what renders without a cluster, such as Argo CD, changes passwords or replaces pods at each synchronisation",
    explanation: include_str!("../explanation/render-stable.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Advice,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge,
};

fn judge(view: &View) -> Finding {
    let variants = Variants::of(view.recording);
    let Some(again) = variants.repeated() else {
        return not_applicable(RENDER_STABLE.name, "the chart was not rendered twice");
    };
    let mut tally = Tally::new(RENDER_STABLE.name);
    // A hook runs, and is gone before anybody compares.
    let lasting = |objects: &[&Object]| objects.iter().filter(|object| !object.is_hook()).count();
    for object in variants.base.iter().filter(|object| !object.is_hook()) {
        let is_it = |other: &&&Object| {
            other.is_same(object)
                && other.namespace() == object.namespace()
                && other.api_version() == object.api_version()
        };
        let Some(other) = again.iter().find(is_it) else {
            let message = format!("{} has another name in each render", object.slashed());
            tally.advise(message).hint("derive the name from the release's, or from what it holds");
            continue;
        };
        // Of two objects with one name, either may be meant.
        if again.iter().filter(is_it).count() > 1 {
            continue;
        }
        match difference(object.raw(), other.raw(), String::new()) {
            Some(path) => {
                let message = format!(
                    "`{path}` of {} differs between two renders of the same chart with the same values",
                    object.slashed()
                );
                let hint = "what is random or depends on the time is found again with `lookup` in an upgrade, but not where no cluster is asked; let users name a Secret of their own";
                tally.advise(message).hint(hint);
            }
            None => tally.proved(note(format!("{} is the same", object.slashed()))),
        }
    }
    if lasting(&variants.base) != lasting(again) {
        tally.advise("two renders of the same chart with the same values have different numbers of objects");
    }
    tally.finish_or("two renders are equal", "the chart renders nothing")
}

/// Where two values differ first.
fn difference(one: &Value, other: &Value, path: String) -> Option<String> {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (one, other) {
        (Value::Object(own), Value::Object(others)) => {
            let keys = own.keys().chain(others.keys().filter(|key| !own.contains_key(*key)));
            keys.into_iter().find_map(|key| difference(&one[key], &other[key], below(key)))
        }
        (Value::Array(own), Value::Array(others)) if own.len() == others.len() => {
            let pairs = own.iter().zip(others).enumerate();
            pairs.into_iter().find_map(|(index, (one, other))| difference(one, other, format!("{path}[{index}]")))
        }
        _ => (one != other).then_some(path),
    }
}

#[cfg(test)]
mod tests;
