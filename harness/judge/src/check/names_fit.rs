//! `names-fit`: names stay apart and within their limits, however long the release's name is.

mod form;

use std::collections::BTreeMap;

use crate::manifest::{Manifest, is_kind};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;
use form::LABEL_LIMIT;

pub(crate) const NAMES_FIT: Check = Check {
    name: "names-fit",
    proves: "no two objects of one kind get one name, and names and labels are of a form and a length that Kubernetes takes",
    means: "an install is refused, or one object takes another's place",
    explanation: include_str!("../explanation/names-fit.md"),
    needs: Needs::Render,
    adds: None,
    level: Level::Fail,
    rank: Rank::cause_of(&["release-outcome"]),
    judges_refusals: false,
    judge,
};

/// What Kubernetes allows for most names.
const NAME_LIMIT: usize = 253;
/// What is left of that where a controller adds a hash or a time of eleven characters.
const EXTENDED_LIMIT: usize = 52;

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(NAMES_FIT.name);
    for manifest in Manifest::all(view) {
        judge_collisions(&manifest, "", &mut tally);
        form::judge(&manifest, &mut tally);
    }
    for (release, manifest) in Manifest::under_long_names(view) {
        let under = format!(" where the release's name has {} characters, the most that helm takes", release.len());
        judge_collisions(&manifest, &under, &mut tally);
        judge_lengths(&manifest, &under, &mut tally);
        form::judge_cuts(&manifest, &under, &mut tally);
    }
    tally.finish_or("every object has a name of its own, and names and labels fit", "the chart renders nothing")
}

/// Objects of one kind with one name: helm makes the first, and the API server refuses the second.
fn judge_collisions(manifest: &Manifest, under: &str, tally: &mut Tally) {
    let mut count: BTreeMap<(&str, &str, &str, &str), usize> = BTreeMap::new();
    // A hook may be rendered once for each event, and helm skips a definition in `crds/` that is there already.
    let is_alone = |object: &&&Object| {
        !object.is_hook() && !is_kind(object, "CustomResourceDefinition") && !object.name().is_empty()
    };
    for object in manifest.objects.iter().filter(is_alone) {
        *count.entry((object.group(), object.kind(), manifest.namespace_of(object), object.name())).or_default() += 1;
    }
    for ((_, of_kind, _, shared), count) in count {
        let shown = format!("{}/{shared}", of_kind.to_lowercase());
        if count > 1 {
            let message = format!("{count} objects get the name {shown}{under}: all but one are refused");
            tally
                .fail(message)
                .hint("shorten what comes before the part that tells them apart, not what comes after it");
        } else if under.is_empty() {
            tally.proved(note(format!("{shown} has its name alone")));
        }
    }
}

fn judge_lengths(manifest: &Manifest, under: &str, tally: &mut Tally) {
    for object in &manifest.objects {
        let (limit, why) = limit_of(object);
        let length = object.name().len();
        if length > limit {
            let message = format!(
                "the name of {} has {length} characters{under}, and {limit} are allowed{why}",
                object.slashed()
            );
            tally.advise(message).hint(format!("shorten it with `trunc {limit} | trimSuffix \"-\"`"));
        }
        for (key, value) in form::labels(object) {
            let length = value.len();
            if length > LABEL_LIMIT {
                let message = format!(
                    "label `{key}` of {} has {length} characters{under}, and {LABEL_LIMIT} are allowed",
                    object.slashed()
                );
                tally.advise(message).hint("shorten it with `trunc 63 | trimSuffix \"-\"`");
            }
        }
    }
}

/// How long an object's name may be, and why, where that is less than for most.
fn limit_of(object: &Object) -> (usize, &'static str) {
    match object.kind() {
        _ if object.is_custom() => (NAME_LIMIT, ""),
        "Service" | "Job" | "Namespace" => (LABEL_LIMIT, ""),
        "CronJob" => (EXTENDED_LIMIT, ", because its Jobs add a time to it"),
        "StatefulSet" => (EXTENDED_LIMIT, ", because its pods have a label with it and a hash"),
        _ => (NAME_LIMIT, ""),
    }
}

#[cfg(test)]
mod tests;
