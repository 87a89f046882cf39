//! `selector-stable`: an upgrade changes nothing that Kubernetes refuses to change.

use serde_json::Value;

use crate::judge::object::{containers, is_hook, kind, name, repository, template, text, title};
use crate::judge::tally::{Tally, not_applicable, note};
use crate::judge::view::View;
use crate::judge::{Check, Evidence, Finding};
use crate::record::Recording;

pub(in crate::judge) const SELECTOR_STABLE: Check = Check {
    name: "selector-stable",
    proves: "selectors and other immutable fields are the same for every version and all values",
    means: "the upgrade is refused with `field is immutable`, and users must delete the workload by hand",
    explanation: include_str!("../explanation/selector-stable.md"),
    judge: selector_stable,
};

/// Labels that name a version of the chart or the application. A version that nobody releases, such as `v1` of a mesh, stays.
const VERSIONED: [&str; 5] = ["helm.sh/chart", "app.kubernetes.io/version", "chart", "version", "appVersion"];

fn selector_stable(recording: &Recording) -> Finding {
    let view = View::of(recording);
    let workloads: Vec<&Value> =
        view.rendered().filter(|object| !is_hook(object) && !fixed(object).is_empty()).collect();
    if workloads.is_empty() {
        return not_applicable(SELECTOR_STABLE.name, "the chart renders no object with a field that cannot be changed");
    }
    let mut tally = Tally::new(SELECTOR_STABLE.name);
    let earlier = view.steps.iter().filter(|run| !run.is_tested()).filter_map(|run| run.rendered.as_ref());
    let earlier: Vec<&Value> = earlier.flat_map(|rendered| rendered.objects.iter().copied()).collect();
    for (index, workload) in workloads.iter().enumerate() {
        let same = |other: &&&Value| kind(other) == kind(workload) && name(other) == name(workload);
        let known = workloads[..index].iter().find(same);
        if known.is_none() {
            judge_labels(&view, workload, &mut tally);
        }
        let Some(first) = known.or_else(|| earlier.iter().find(same)) else { continue };
        for (field, value) in fixed(workload) {
            let before = fixed(first).into_iter().find(|(other, _)| *other == field).map(|(_, value)| value);
            if before != Some(value) {
                let message =
                    format!("{} of {} differs between two steps, and it cannot be changed", field, title(workload));
                tally.fail(message).hint("keep versions and values out of it");
            }
        }
    }
    for run in view.tested() {
        let Some((entry, call)) = run.helm.filter(|(_, call)| call.status != Some(0)) else { continue };
        if let Some(line) = call.stderr.lines().find(|line| line.contains("field is immutable")) {
            let message = format!("{} was refused: {}", run.label(), line.trim());
            tally.fail(message).with([Evidence {
                seq: Some(entry.seq),
                at: Some(entry.at),
                text: call.stderr.clone(),
            }]);
        }
    }
    tally.finish("selectors and other immutable fields are the same in every step")
}

fn judge_labels(view: &View, workload: &Value, tally: &mut Tally) {
    let labels = workload["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let is_versioned = |value: &str| has_version(value) || releases(view, workload).contains(&value);
    let mut versioned = labels
        .filter(|(key, value)| VERSIONED.contains(&key.as_str()) && is_versioned(text(value)))
        .map(|(key, _)| key);
    match versioned.next() {
        Some(label) => {
            let message = format!("the selector of {} has `{label}`, which changes with each version", title(workload));
            tally.fail(message).hint("select by name, instance and component alone");
        }
        None => tally.proved(note(format!("{} selects by labels that stay", title(workload)))),
    }
}

/// Whether a text holds a version of at least two numbers, such as `app-1.2.3`.
fn has_version(text: &str) -> bool {
    let is_digit = |c: Option<&char>| c.is_some_and(char::is_ascii_digit);
    let characters: Vec<char> = text.chars().collect();
    characters.windows(3).any(|three| three[1] == '.' && is_digit(three.first()) && is_digit(three.last()))
}

/// What each release changes: the versions of the chart, and the tags of the workload's images.
fn releases<'v>(view: &'v View, workload: &'v Value) -> Vec<&'v str> {
    let chart = &view.plan.chart;
    let tags = template(workload).into_iter().flat_map(containers).filter_map(|container| {
        let image = text(&container["image"]);
        image.strip_prefix(repository(image))?.strip_prefix(':')
    });
    tags.chain([chart.version.as_str()]).chain(chart.app_version.as_deref()).collect()
}

/// The fields of a workload that Kubernetes refuses to change.
fn fixed(workload: &Value) -> Vec<(&'static str, &Value)> {
    let spec = &workload["spec"];
    let fields: &[&'static str] = match kind(workload) {
        "Deployment" | "DaemonSet" | "ReplicaSet" => &["selector"],
        "StatefulSet" => &["selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"],
        "Job" => &["template", "selector", "completionMode"],
        _ => &[],
    };
    fields.iter().map(|field| (*field, &spec[*field])).collect()
}

#[cfg(test)]
mod tests;
