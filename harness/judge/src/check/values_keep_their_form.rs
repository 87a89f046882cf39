//! `values-keep-their-form`: a number or a text of the values arrives as it was written.

use std::collections::{BTreeMap, BTreeSet};

use chartgate_k8s::object::template;
use chartgate_k8s::typed::{Object, decode};
use chartgate_model::recording::Moment;
use serde::Deserialize;
use serde_json::Value;

use crate::manifest::{Manifest, is_kind};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};

pub(crate) const VALUES_KEEP_THEIR_FORM: Check = Check {
    name: "values-keep-their-form",
    proves: "no large number arrives in scientific notation, and no text as a number or a boolean",
    means: "the application does not understand its setting, or the API server refuses the object",
    explanation: include_str!("../explanation/values-keep-their-form.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge,
};

/// Go prints a number of this size with an exponent where a template prints it as it is.
const LARGE: f64 = 1e6;

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(VALUES_KEEP_THEIR_FORM.name);
    let written = view.recording.entries.iter().filter_map(|entry| match &entry.moment {
        Moment::NumbersWritten { numbers } => Some(numbers),
        _ => None,
    });
    let written: BTreeSet<&str> = written.flatten().map(String::as_str).collect();
    for manifest in Manifest::all(view) {
        for object in &manifest.objects {
            let settings = settings(object);
            for setting in &settings {
                judge_setting(object, setting, &written, &mut tally);
            }
            if !settings.is_empty() {
                tally.proved(note(format!("{} settings of {} were read", settings.len(), object.slashed())));
            }
        }
    }
    tally.finish_or("numbers and texts arrive as they were written", "the chart renders no setting")
}

/// A text that an application or Kubernetes reads, and where it is.
struct Setting {
    path: String,
    value: Value,
    /// Kubernetes takes a text alone there.
    is_text: bool,
}

/// What has texts, as it was written: a value of another type is what this check is about.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Written {
    metadata: WrittenMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WrittenMetadata {
    annotations: BTreeMap<String, Value>,
    labels: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WrittenPod {
    spec: WrittenPodSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WrittenPodSpec {
    init_containers: Vec<WrittenContainer>,
    containers: Vec<WrittenContainer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WrittenContainer {
    name: String,
    env: Vec<WrittenVariable>,
    command: Vec<Value>,
    args: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WrittenVariable {
    name: String,
    value: Value,
}

/// The settings of an object: variables, arguments, annotations, labels, and the data of a ConfigMap.
fn settings(object: &Object) -> Vec<Setting> {
    let mut found = Vec::new();
    let mut add = |path: String, value: Value| found.push(Setting { path, value, is_text: true });
    let WrittenMetadata { annotations, labels } = decode::<Written>(object.raw()).metadata;
    // A pod is its own template.
    let of_pods = template(object.raw()).filter(|_| !object.is_custom() && !is_kind(object, "Pod"));
    let of_pods = of_pods.map(decode::<Written>).unwrap_or_default().metadata;
    for (field, values) in [
        ("metadata.annotations", annotations),
        ("metadata.labels", labels),
        ("annotation of its pods", of_pods.annotations),
        ("label of its pods", of_pods.labels),
    ] {
        for (key, value) in values {
            add(
                if field.starts_with("metadata") { format!("{field}.{key}") } else { format!("{field} `{key}`") },
                value,
            );
        }
    }
    if is_kind(object, "ConfigMap") {
        object.data().data.iter().for_each(|(key, value)| add(format!("data.{key}"), value.clone()));
    }
    let pod = template(object.raw()).filter(|_| !object.is_custom()).map(decode::<WrittenPod>).unwrap_or_default().spec;
    for container in pod.init_containers.into_iter().chain(pod.containers) {
        let of = container.name;
        for variable in container.env {
            add(format!("`env` `{}` of container `{of}`", variable.name), variable.value);
        }
        for (field, values) in [("command", container.command), ("args", container.args)] {
            for value in values {
                add(format!("`{field}` of container `{of}`"), value);
            }
        }
    }
    found
}

fn judge_setting(object: &Object, setting: &Setting, written: &BTreeSet<&str>, tally: &mut Tally) {
    let (path, shown) = (&setting.path, object.slashed());
    match &setting.value {
        Value::String(value) => {
            let Some(number) = scientific(value, written) else { return };
            let digits = number.parse::<f64>().map_or(String::new(), |value| format!("{value:.0}"));
            let message = format!("{path} of {shown} has `{number}`, which is {digits} in scientific notation");
            tally.fail(message).hint("print the number with `int64`: `{{ .Values.limit | int64 | quote }}`");
        }
        Value::Bool(_) | Value::Number(_) if setting.is_text => {
            let what = if setting.value.is_boolean() { "a boolean" } else { "a number" };
            let message =
                format!("{path} of {shown} is {what} (`{}`), and Kubernetes takes a text alone there", setting.value);
            tally.fail(message).hint("quote it: `{{ .Values.setting | quote }}`");
        }
        _ => {}
    }
}

/// A number as Go prints a large one by itself, such as `1.048576e+07`, in a place of its own in a text.
fn scientific<'t>(text: &'t str, written: &BTreeSet<&str>) -> Option<&'t str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    text.split(|c: char| !is_part(c)).find(|word| {
        let Some((mantissa, exponent)) = word.split_once("e+") else { return false };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "1"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
        // Go writes one digit before the point and at least two in the exponent.
        let is_gos =
            whole.len() == 1 && is_digits(whole) && is_digits(fraction) && exponent.len() == 2 && is_digits(exponent);
        is_gos
            && !written.contains(word)
            && word.parse::<f64>().is_ok_and(|number| number >= LARGE && number.fract() == 0.0)
    })
}

#[cfg(test)]
mod tests;
