use serde_json::json;

use super::*;
use crate::judge::Verdict;
use crate::judge::testing::{Story, check, examples, named};
use crate::record::Moment;

/// A failure would mean that an upgrade which Kubernetes refuses for every user is accepted.
#[test]
fn a_selector_that_differs_between_steps_fails() {
    let is_new = |object: &Value| {
        let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
        named("Deployment", "cg-app")(object) && image == "reg.example/codex-pooler:v2"
    };
    let story =
        Story::good().edit(is_new, |deployment| deployment["spec"]["selector"]["matchLabels"]["track"] = json!("b"));
    check(&SELECTOR_STABLE, &story, Verdict::Fail, "selector of Deployment `cg-app` differs between two steps");
}

/// A failure would mean that a selector which breaks the next version is accepted.
#[test]
fn a_selector_with_a_version_fails() {
    let story = Story::good().edit(named("Deployment", "cg-app"), |deployment| {
        deployment["spec"]["selector"]["matchLabels"]["helm.sh/chart"] = json!("codex-pooler-0.1.0");
    });
    check(&SELECTOR_STABLE, &story, Verdict::Fail, "the selector of Deployment `cg-app` has `helm.sh/chart`");
}

/// A failure would mean that a label which only looks like a version makes a sound chart red, or that a tag in a selector is overlooked.
#[test]
fn only_a_version_that_is_released_breaks_a_selector() {
    let with = |key: &'static str, value: &'static str| {
        Story::good().edit(named("Deployment", "cg-app"), move |deployment| {
            deployment["spec"]["selector"]["matchLabels"][key] = json!(value);
        })
    };
    check(&SELECTOR_STABLE, &with("version", "stable"), Verdict::Pass, "");
    check(&SELECTOR_STABLE, &with("chart", "codex-pooler"), Verdict::Pass, "");
    for (key, value) in [("version", "v1"), ("app.kubernetes.io/version", "1.36"), ("chart", "sub-0.3.0_rc.1")] {
        check(&SELECTOR_STABLE, &with(key, value), Verdict::Fail, "which changes with each version");
    }
}

/// A failure would mean that a plain Job which an upgrade changes is accepted.
#[test]
fn a_plain_job_that_differs_between_steps_fails() {
    let story = Story::good().edit(named("Job", "cg-migrations"), |job| job["metadata"]["annotations"] = json!({}));
    check(&SELECTOR_STABLE, &story, Verdict::Fail, "template of Job `cg-migrations` differs");
}

/// A failure would mean that the API server's refusal is not named.
#[test]
fn a_refused_change_is_caught() {
    let story = Story::good().moments(|moment| match moment {
        Moment::Helm(call) if call.step == 1 => {
            (call.status, call.stderr) = (Some(1), "spec.selector: Invalid value: field is immutable".to_owned());
        }
        _ => {}
    });
    check(&SELECTOR_STABLE, &story, Verdict::Fail, "step 2 (upgrade) was refused");
}

/// A failure would mean that a chart without workloads is red.
#[test]
fn without_workloads_it_does_not_apply() {
    let story = Story::good().unrendered(|object| object["kind"] != "Service");
    check(&SELECTOR_STABLE, &story, Verdict::NotApplicable, "cannot be changed");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = Story::good().edit(named("Deployment", "cg-app"), |deployment| {
        deployment["spec"]["selector"]["matchLabels"]["helm.sh/chart"] = json!("codex-pooler-0.1.0");
    });
    examples(&SELECTOR_STABLE, &Story::good(), &failing);
}
