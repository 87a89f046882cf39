use chartgate_model::recording::StepOutcome;

use super::*;
use crate::Verdict;
use crate::Verdict::{Advice, NotApplicable, Pass};
use crate::testing::{Story, check, examples, rendering};

const CHECK: &Check = &SERVICE_LINKS;

/// A Service of the chart's own name, a Deployment that sets `APP_PORT`, and a Job of the same image.
fn pods(job: &str, image: &str) -> String {
    format!(
        "kind: Service
metadata: {{name: cg-app}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: cg-app}}
spec: {{template: {{spec: {{containers: [{{name: app, image: 'example.com/app:1', env: [{{name: APP_PORT, value: '80'}}]}}]}}}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {{name: cg-job}}
spec: {{template: {{spec: {{containers: [{{name: job, image: '{image}'{job}}}]}}}}}}
"
    )
}

/// A failure would mean that a pod which takes an address for its port goes unnoticed.
#[test]
fn a_variable_that_the_image_reads_must_not_come_from_a_service() {
    let bad = rendering(&pods("", "example.com/app:1"));
    let good = rendering(&pods(", env: [{name: APP_PORT, value: '80'}]", "example.com/app:1"));
    check(CHECK, &bad, Advice, "container `job` of job/cg-job gets `APP_PORT` from service/cg-app as `tcp://…`");
    check(CHECK, &rendering(&pods("", "example.com/other:1")), Pass, "");
    let unlinked = pods("", "example.com/app:1")
        .replace("{spec: {containers: [{name: job", "{spec: {enableServiceLinks: false, containers: [{name: job");
    check(CHECK, &rendering(&unlinked), Pass, "");
    check(CHECK, &rendering("kind: Service\nmetadata: {name: cg}\n"), NotApplicable, "");
    examples(&SERVICE_LINKS, &good, &bad);
}

fn own_name() -> Story {
    Story::good().plan(|plan| (plan.is_own_name, plan.release) = (true, "codex-pooler".to_owned()))
}

fn taken_for_a_setting() -> Story {
    let why = "deployment/codex-pooler has 0 of 1 pods available: container `app` ended with exit code 1".to_owned();
    let crash = |pod: &mut serde_json::Value| {
        pod["status"]["containerStatuses"][0]["lastState"] = serde_json::json!({"terminated": {"exitCode": 1}});
    };
    own_name().ending(0, &StepOutcome::NotReady { why }, "").edit(|object| object["kind"] == "Pod", crash)
}

/// A failure would mean that a chart is told to change its Services because its values name a Secret that nobody made.
#[test]
fn pods_that_never_start_do_not_blame_the_name() {
    let why = "deployment/codex-pooler has 0 of 1 pods available: secret \"cert\" not found".to_owned();
    let never_started = own_name().ending(0, &StepOutcome::NotReady { why }, "");
    check(&SERVICE_LINKS, &never_started, Verdict::Void, "whether the name is at fault is unknown: step 1 (install)");
}

/// A failure would mean that a chart which does not start under its own name is green.
#[test]
fn a_release_that_does_not_start_under_the_charts_name_fails() {
    check(&SERVICE_LINKS, &taken_for_a_setting(), Verdict::Fail, "a release called `codex-pooler`, as the chart is");
}

/// A failure would mean that a run under another name claims to have shown it.
#[test]
fn it_needs_the_charts_own_name() {
    check(&SERVICE_LINKS, &own_name(), Verdict::Pass, "");
}
