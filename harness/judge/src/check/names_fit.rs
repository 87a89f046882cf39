//! `names-fit`: names stay apart and within their limits, however long the release's name is.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::manifest::{Manifest, group, is_kind, title};
use crate::tally::{Tally, note};
use crate::view::View;
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::object::{is_hook, kind, name};

pub(crate) const NAMES_FIT: Check = Check {
    name: "names-fit",
    proves: "no two objects of one kind get one name, and names and labels are short enough under the longest release name",
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
/// What it allows for a label, and for names that become one.
const LABEL_LIMIT: usize = 63;

fn judge(view: &View) -> Finding {
    let mut tally = Tally::new(NAMES_FIT.name);
    for manifest in Manifest::all(view) {
        judge_collisions(&manifest, "", &mut tally);
    }
    for (release, manifest) in Manifest::under_long_names(view) {
        let under = format!(" where the release's name has {} characters, the most that helm takes", release.len());
        judge_collisions(&manifest, &under, &mut tally);
        judge_lengths(&manifest, &under, &mut tally);
    }
    tally.finish_or("every object has a name of its own, and names and labels fit", "the chart renders nothing")
}

/// Objects of one kind with one name: helm makes the first, and the API server refuses the second.
fn judge_collisions(manifest: &Manifest, under: &str, tally: &mut Tally) {
    let mut count: BTreeMap<(&str, &str, &str, &str), usize> = BTreeMap::new();
    // A hook may be rendered once for each event, and helm skips a definition in `crds/` that is there already.
    let is_alone =
        |object: &&&Value| !is_hook(object) && !is_kind(object, "CustomResourceDefinition") && !name(object).is_empty();
    for object in manifest.objects.iter().filter(is_alone) {
        *count.entry((group(object), kind(object), manifest.namespace_of(object), name(object))).or_default() += 1;
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
        let limit = if ["Service", "Job", "Namespace"].contains(&kind(object)) { LABEL_LIMIT } else { NAME_LIMIT };
        let length = name(object).len();
        if length > limit {
            let message =
                format!("the name of {} has {length} characters{under}, and {limit} are allowed", title(object));
            tally.advise(message).hint(format!("shorten it with `trunc {limit} | trimSuffix \"-\"`"));
        }
        let labels = |of: &Value| of["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        let pods = chartgate_k8s::object::template(object).map(labels).unwrap_or_default();
        for (key, value) in labels(object).iter().chain(&pods) {
            let length = value.as_str().unwrap_or_default().len();
            if length > LABEL_LIMIT {
                let message = format!(
                    "label `{key}` of {} has {length} characters{under}, and {LABEL_LIMIT} are allowed",
                    title(object)
                );
                tally.advise(message).hint("shorten it with `trunc 63 | trimSuffix \"-\"`");
            }
        }
    }
}

#[cfg(test)]
mod tests;
