//! `schema-valid`: what the chart renders is what the API server knows.

use chartgate_k8s::typed::Object;
use chartgate_model::recording::{Moment, Recording};
use serde_json::Value;

use crate::schema::{Definitions, Known, Kubernetes, Mistake, Wrong};
use crate::tally::{Tally, not_applicable, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Problem, Rank};

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
        if let Some(template) = asking_template(recording, object)
            && matches!(kubernetes.kind_of(object), Known::NotServed)
        {
            let why = format!("{template} asks the cluster which version of {} it serves", object.kind());
            tally.proved(note(format!("{} may be of another version there: {why}", title(object))));
            continue;
        }
        let problems = problems(object, kubernetes, version, &definitions);
        if problems.is_empty() {
            tally.proved(note(format!("{} fits its schema", title(object))));
        }
        for Problem { what, hint } in problems {
            let claim = tally.fail(what);
            if let Some(hint) = hint {
                claim.hint(hint);
            }
        }
    }
    tally.finish(format!("{} objects fit the schemas of Kubernetes {}", objects.len(), minor(version)))
}

/// The template that made an object, if it asks the cluster which versions of the API it serves.
fn asking_template<'a>(recording: &'a Recording, object: &Object) -> Option<&'a str> {
    let mut asked = recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::VersionsAsked { templates } => Some(templates),
        _ => None,
    });
    let is_it = |(hash, _): &(&String, &String)| std::ptr::eq(recording.object(hash), object);
    let (_, template) = recording.sources.iter().find(is_it)?;
    asked.any(|templates| templates.contains(template)).then_some(template)
}

/// What objects break of the schemas of a version of Kubernetes, in sentences; `None`: chartgate has no schemas of it.
pub fn schema_mistakes(objects: &[Value], version: &str) -> Option<Vec<String>> {
    let kubernetes = Kubernetes::of(version)?;
    let objects: Vec<Object> = objects.iter().cloned().map(Object::from).collect();
    let definitions = Definitions::of(&objects);
    let found = objects.iter().flat_map(|object| problems(object, kubernetes, version, &definitions));
    Some(found.map(|problem| problem.what).collect())
}

/// What is wrong with one object.
fn problems(object: &Object, kubernetes: &Kubernetes, version: &str, definitions: &Definitions) -> Vec<Problem> {
    let mut found = without_identity(object);
    let mistakes = match kubernetes.kind_of(object) {
        Known::Schema(schema) => kubernetes.mistakes(schema, object.raw()),
        Known::NotServed => {
            let (api, minor) = (object.api_version(), minor(version));
            let what =
                format!("Kubernetes {minor} has no {} of `{api}`: {} cannot be made", object.kind(), title(object));
            let hint = "ask `.Capabilities.APIVersions`, or use the version that is served";
            found.push(Problem { what, hint: Some(hint.to_owned()) });
            return found;
        }
        // One whose definition is not known is left alone.
        Known::Foreign => definitions.mistakes(object).unwrap_or_default(),
    };
    found.extend(mistakes.into_iter().map(|mistake| problem(&title(object), mistake)));
    found
}

/// Every rendered object in each of its states, once.
fn distinct<'a>(view: &View<'a>) -> Vec<&'a Object> {
    // The recording holds each state once, whichever steps render it.
    let mut known: Vec<*const Object> = Vec::new();
    let mut objects = Vec::new();
    for object in view.rendered() {
        if !known.contains(&std::ptr::from_ref(object)) {
            known.push(object);
            objects.push(object);
        }
    }
    objects
}

/// What every object needs before its kind is asked, and this one lacks.
fn without_identity(object: &Object) -> Vec<Problem> {
    let generated = object.metadata().generate_name.as_ref().is_some_and(|name| !name.is_empty());
    let has_name = !object.name().is_empty() || generated;
    let fields = [
        ("kind", !object.kind().is_empty()),
        ("apiVersion", !object.api_version().is_empty()),
        ("metadata.name", has_name),
    ];
    let missing = fields.into_iter().filter(|(_, is_there)| !is_there);
    missing.map(|(field, _)| Problem { what: format!("{} has no `{field}`", title(object)), hint: None }).collect()
}

fn problem(title: &str, Mistake { path, what }: Mistake) -> Problem {
    let (what, hint) = match what {
        Wrong::Unknown(near) => {
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            let hint = hint.unwrap_or_else(|| "compare its indentation with the fields around it".to_owned());
            (format!("`{path}` of {title} is no field of its kind"), hint)
        }
        Wrong::Missing => (
            format!("`{path}` of {title} is missing, and its kind requires it"),
            "see whether the template leaves it out with these values".to_owned(),
        ),
        Wrong::Value { expected, seen } => {
            let hint =
                if expected == "a string" { "add `| quote`" } else { "see the template's value and its indentation" };
            (format!("`{path}` of {title} must be {expected}, and is {seen}"), hint.to_owned())
        }
    };
    Problem { what, hint: Some(hint) }
}

/// `deployment/x`, as kubectl takes it.
fn title(object: &Object) -> String {
    let kind = if object.kind().is_empty() { "an object".to_owned() } else { object.kind().to_lowercase() };
    if object.name().is_empty() { kind } else { format!("{kind}/{}", object.name()) }
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
