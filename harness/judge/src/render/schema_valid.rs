//! `schema-valid`: what the chart renders is what the API server knows.

use serde_json::Value;

use crate::judge::object::{kind, name, text};
use crate::judge::schema::{Definitions, Known, Kubernetes, Mistake, Wrong};
use crate::judge::tally::{Tally, not_applicable, note};
use crate::judge::view::View;
use crate::judge::{Check, Finding, Level, Needs, Rank};
use crate::record::{Moment, Recording};

pub(crate) const SCHEMA_VALID: Check = Check {
    name: "schema-valid",
    proves: "every object has only fields that its kind has, with values of their type",
    means: "the API server refuses the object, or drops the field without a word and does something else",
    explanation: include_str!("../explanation/schema-valid.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: schema_valid,
};

fn schema_valid(view: &View) -> Finding {
    let recording = view.recording;
    let version = version_of(recording);
    let Some(kubernetes) = Kubernetes::of(version) else {
        let why =
            format!("chartgate has no schemas of Kubernetes {}", if version.is_empty() { "there" } else { version });
        return not_applicable(SCHEMA_VALID.name, why);
    };
    let objects = distinct(view);
    if objects.is_empty() {
        return not_applicable(SCHEMA_VALID.name, "the chart renders no object");
    }
    let required = recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::Required { objects } => Some(objects),
        _ => None,
    });
    let required = required.flatten().map(|hash| recording.object(hash));
    let definitions = Definitions::of(objects.iter().copied().chain(required));
    let mut tally = Tally::new(SCHEMA_VALID.name);
    for object in &objects {
        judge_identity(object, &mut tally);
        match kubernetes.kind_of(object) {
            Known::Schema(schema) => judge_object(object, kubernetes.mistakes(schema, object), &mut tally),
            Known::NotServed => {
                let (api, minor) = (text(&object["apiVersion"]), minor(version));
                let message =
                    format!("Kubernetes {minor} has no {} of `{api}`: {} cannot be made", kind(object), title(object));
                tally.fail(message).hint("ask `.Capabilities.APIVersions`, or use the version that is served");
            }
            Known::Foreign => match definitions.mistakes(object) {
                Some(mistakes) => judge_object(object, mistakes, &mut tally),
                None => tally.proved(note(format!("{} is of a kind whose definition is not here", title(object)))),
            },
        }
    }
    tally.finish(format!("{} objects fit the schemas of Kubernetes {}", objects.len(), minor(version)))
}

/// Every rendered object in each of its states, once.
fn distinct<'a>(view: &View<'a>) -> Vec<&'a Value> {
    // The recording holds each state once, whichever steps render it.
    let mut known: Vec<*const Value> = Vec::new();
    let mut objects = Vec::new();
    for object in view.rendered() {
        if !known.contains(&std::ptr::from_ref(object)) {
            known.push(object);
            objects.push(object);
        }
    }
    objects
}

/// What every object needs before its kind is asked.
fn judge_identity(object: &Value, tally: &mut Tally) {
    let metadata = &object["metadata"];
    let has_name = ["name", "generateName"].iter().any(|field| !text(&metadata[*field]).is_empty());
    for (is_there, field) in [
        (object["kind"].is_string(), "kind"),
        (object["apiVersion"].is_string(), "apiVersion"),
        (has_name, "metadata.name"),
    ] {
        if !is_there {
            tally.fail(format!("{} has no `{field}`", title(object)));
        }
    }
}

fn judge_object(object: &Value, mistakes: Vec<Mistake>, tally: &mut Tally) {
    let title = title(object);
    if mistakes.is_empty() {
        tally.proved(note(format!("{title} fits its schema")));
    }
    for Mistake { path, what } in mistakes {
        match what {
            Wrong::Unknown(near) => {
                let claim = tally.fail(format!("`{path}` of {title} is no field of its kind"));
                if let Some(near) = near {
                    claim.hint(format!("did you mean `{near}`?"));
                } else {
                    claim.hint("compare its indentation with the fields around it");
                }
            }
            Wrong::Missing => {
                tally.fail(format!("`{path}` of {title} is missing, and its kind requires it"));
            }
            Wrong::Value { expected, seen } => {
                let claim = tally.fail(format!("`{path}` of {title} must be {expected}, and is {seen}"));
                let is_text = expected == "a string";
                claim.hint(if is_text { "add `| quote`" } else { "see the template's value and its indentation" });
            }
        }
    }
}

/// `deployment/x`, as kubectl takes it.
fn title(object: &Value) -> String {
    let kind = if kind(object).is_empty() { "an object".to_owned() } else { kind(object).to_lowercase() };
    if name(object).is_empty() { kind } else { format!("{kind}/{}", name(object)) }
}

/// The version of Kubernetes that the objects are for.
fn version_of(recording: &Recording) -> &str {
    let of = |moment: &'_ Moment| matches!(moment, Moment::Started { .. });
    match recording.entries.iter().find(|entry| of(&entry.moment)).map(|entry| &entry.moment) {
        Some(Moment::Started { versions, .. }) => versions.get("kubernetes").map_or("", String::as_str),
        _ => "",
    }
}

/// `1.34` of `v1.34.4`.
fn minor(version: &str) -> String {
    version.trim_start_matches('v').split('.').take(2).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests;
