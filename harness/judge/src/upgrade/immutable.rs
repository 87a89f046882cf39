//! `immutable-fields`: an upgrade changes nothing that Kubernetes refuses to change.

mod fields;

use chartgate_model::plan::Action;
use chartgate_model::recording::Variant;

use crate::tally::{Tally, not_applicable, note};
use crate::variant::{Variants, same};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::object::repository;
use chartgate_k8s::typed::Object;
use fields::{Difference, difference, has_fields, has_fixed_selector, place};

pub(crate) const IMMUTABLE_FIELDS: Check = Check {
    name: "immutable-fields",
    proves: "selectors and other fields that cannot be changed are the same for every version and all values",
    means: "the upgrade is refused with `field is immutable`, and users must delete the object by hand",
    explanation: include_str!("../explanation/immutable-fields.md"),
    needs: Needs::Render,
    adds: Some(Needs::Orchestration),
    level: Level::Fail,
    rank: Rank::cause_of(&["ready", "release-outcome"]),
    judges_refusals: false,
    judge: immutable_fields,
};

/// Labels that name a version of the chart or the application. A version that nobody releases, such as `v1` of a mesh, stays.
const VERSIONED: [&str; 5] = ["helm.sh/chart", "app.kubernetes.io/version", "chart", "version", "appVersion"];
const HINT: &str = "keep versions and values out of it, or give the object a name that changes with it";

/// How the API server refuses to change a field.
const REFUSALS: [&str; 5] = [
    "field is immutable",
    "may not change once set",
    "cannot change roleRef",
    "updates to statefulset spec for fields other than",
    "is immutable after creation",
];

fn immutable_fields(view: &View) -> Finding {
    let mut tally = Tally::new(IMMUTABLE_FIELDS.name);
    let is_any = view.rendered().any(has_fields);
    if !is_any {
        return not_applicable(
            IMMUTABLE_FIELDS.name,
            "the chart renders no object with a field that cannot be changed",
        );
    }
    let mut said: Vec<(&StepRun, &str)> = view.tested().filter_map(|run| Some((run, refusal(run)?))).collect();
    let variants = Variants::of(view.recording);
    judge_steps(view, &variants, &mut said, &mut tally);
    judge_version(view, &variants, &mut tally);
    for (run, line) in said {
        let message = format!("{} was refused: {}", run.label(), line.trim());
        tally.fail(message).with(helms_words(run)).hint(HINT);
    }
    tally.finish("selectors and other fields that cannot be changed are the same in every step")
}

/// What the API server said in a step that it refused for such a field.
fn refusal<'a>(run: &StepRun<'a>) -> Option<&'a str> {
    let (_, call) = run.helm.filter(|(_, call)| call.status != Some(0))?;
    call.stderr.lines().find(|line| REFUSALS.iter().any(|words| line.contains(words)))
}

fn helms_words(run: &StepRun) -> Option<Evidence> {
    let (entry, call) = run.helm?;
    Some(Evidence { seq: Some(entry.seq), at: Some(entry.at), text: call.stderr.clone() })
}

/// Each object against what the step before rendered of it, an earlier version's too.
fn judge_steps(view: &View, variants: &Variants, said: &mut Vec<(&StepRun, &str)>, tally: &mut Tally) {
    let mut before: Vec<(&StepRun, &Object)> = Vec::new();
    for run in &view.steps {
        if run.step.action == Action::Uninstall {
            before.clear();
        }
        for object in
            run.rendered.iter().flat_map(|rendered| rendered.objects.iter().copied()).filter(|it| has_fields(it))
        {
            let known = before.iter_mut().find(|(_, other)| other.is_same(object));
            let Some((earlier, old)) = known else {
                before.push((run, object));
                tally.proved(note(format!("{} is rendered", object.slashed())));
                continue;
            };
            // What a release holds is what was installed; what is only rendered may be made up anew each time.
            let counts =
                |found: &Difference| run.is_tested() && (run.release.is_some() || !is_random(variants, object, found));
            if let Some(found) = difference(old, object).filter(counts) {
                let [was, is] = [&found.before, &found.after].map(Difference::shown);
                let (place, earlier) = (place(object, &found), earlier.label());
                let message = format!(
                    "{place} is {was} in {earlier} and {is} in {}, and Kubernetes refuses to change it",
                    run.label()
                );
                let claim = tally.fail(message).hint(HINT);
                if let Some(index) = said.iter().position(|(other, _)| other.index == run.index) {
                    claim.with(helms_words(said.remove(index).0));
                }
            }
            (*earlier, *old) = (run, object);
        }
    }
}

/// Each object against what the chart's next version renders of it.
fn judge_version(view: &View, variants: &Variants, tally: &mut Tally) {
    let newer = variants.find(|variant| matches!(variant, Variant::Version { .. }));
    for object in variants.base.iter().filter(|object| has_fields(object)) {
        let Some((version, newer)) = newer else { break };
        let Some(found) = same(newer, object).and_then(|other| difference(object, other)) else { continue };
        if is_random(variants, object, &found) {
            continue;
        }
        let [was, is] = [&found.before, &found.after].map(Difference::shown);
        let message = format!(
            "{} is {was} in chart {} and {is} in {}, and Kubernetes refuses to change it: every upgrade fails",
            place(object, &found),
            named(&view.plan.chart.version, view.plan.chart.app_version.as_deref()),
            match version {
                Variant::Version { chart, app } => named(chart, app.as_deref()),
                _ => "the next".to_owned(),
            }
        );
        tally.fail(message).hint(HINT);
    }
    let objects: Vec<&Object> = if newer.is_some() { variants.base.clone() } else { view.rendered_once() };
    for workload in objects.into_iter().filter(|object| has_fixed_selector(object)) {
        judge_labels(view, workload, newer.is_some(), tally);
    }
}

/// Whether a field differs between two renders of the same: then its difference says nothing of steps and versions.
fn is_random(variants: &Variants, object: &Object, found: &Difference) -> bool {
    let pair = same(&variants.base, object).zip(variants.repeated().and_then(|again| same(again, object)));
    pair.and_then(|(one, other)| difference(one, other)).is_some_and(|random| random.path == found.path)
}

/// A version of a chart, with the application's.
fn named(chart: &str, app: Option<&str>) -> String {
    app.map_or(chart.to_owned(), |app| format!("{chart} (appVersion {app})"))
}

/// A version in a selector that comes from the values shows in no other render.
fn judge_labels(view: &View, workload: &Object, is_rendered_newer: bool, tally: &mut Tally) {
    let labels = workload.common().spec.selector.iter().flat_map(|selector| selector.match_labels.iter().flatten());
    let released = releases(view, workload);
    let is_versioned = |key: &str, value: &str| {
        let is_released = released.contains(&value);
        if VERSIONED.contains(&key) {
            is_released || (!is_rendered_newer && has_version(value))
        } else {
            // Under another name it has to look like one.
            is_released && has_version(value)
        }
    };
    let versioned = labels.filter(|(key, value)| is_versioned(key, value));
    for (label, value) in versioned {
        let message =
            format!("the selector of {} has `{label}: {value}`, which changes with each version", workload.slashed());
        tally.fail(message).hint("select by name, instance and component alone");
    }
}

/// Whether a text holds a version of at least two numbers, such as `app-1.2.3`.
fn has_version(text: &str) -> bool {
    let is_digit = |c: Option<&char>| c.is_some_and(char::is_ascii_digit);
    let characters: Vec<char> = text.chars().collect();
    characters.windows(3).any(|three| three[1] == '.' && is_digit(three.first()) && is_digit(three.last()))
}

/// What each release changes: the versions of the chart, and the tags of the workload's images.
fn releases<'v>(view: &'v View, workload: &'v Object) -> Vec<&'v str> {
    let chart = &view.plan.chart;
    let images = workload.images().into_iter();
    let tags = images.filter_map(|image| image.strip_prefix(repository(image))?.strip_prefix(':'));
    tags.chain([chart.version.as_str()]).chain(chart.app_version.as_deref()).collect()
}

#[cfg(test)]
mod tests;
