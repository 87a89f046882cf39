//! `render-stable`: the same chart with the same values renders the same.

use serde_json::Value;

use crate::manifest::title;
use crate::tally::{Tally, not_applicable, note};
use crate::variant::Variants;
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::{is_hook, kind, name};

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
    let lasting = |objects: &[&Value]| objects.iter().filter(|object| !is_hook(object)).count();
    for object in variants.base.iter().filter(|object| !is_hook(object)) {
        let is_it = |other: &&&Value| {
            kind(other) == kind(object)
                && name(other) == name(object)
                && other["metadata"]["namespace"] == object["metadata"]["namespace"]
                && other["apiVersion"] == object["apiVersion"]
        };
        let Some(other) = again.iter().find(is_it) else {
            let message = format!("{} has another name in each render", title(object));
            tally.advise(message).hint("derive the name from the release's, or from what it holds");
            continue;
        };
        // Of two objects with one name, either may be meant.
        if again.iter().filter(is_it).count() > 1 {
            continue;
        }
        match difference(object, other, String::new()) {
            Some(path) => {
                let message = format!(
                    "`{path}` of {} differs between two renders of the same chart with the same values",
                    title(object)
                );
                let hint = "what is random or depends on the time is found again with `lookup` in an upgrade, but not where no cluster is asked; let users name a Secret of their own";
                tally.advise(message).hint(hint);
            }
            None => tally.proved(note(format!("{} is the same", title(object)))),
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
