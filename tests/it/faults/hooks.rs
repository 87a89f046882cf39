//! Hooks that run after the pods, in a chart that brings its own servers.

use chartgate_judge::Verdict;

use super::{first_steps, on_chart};
use crate::support::{self, PatchedChart};

/// The worker's resources: a probe fits before them.
const RESOURCES: &str = "          {{- with merge (deepCopy $worker.resources) $common.resources }}";

/// A failure would mean that a chart is released whose `helm install --wait` never ends: its workers are ready once they consume topics, which a
/// hook makes once they are ready.
#[ignore = "the nightly CI runs it: its images are made there alone"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_are_ready_with_what_a_post_hook_makes_are_refused() {
    let probe = "          readinessProbe: {exec: {command: [test, -f, /tmp/consumes]}, periodSeconds: 2}\n";
    let fault = format!("{probe}{RESOURCES}");
    let chart = PatchedChart::new("integr8scode", "templates/workers/_worker.tpl", RESOURCES, &fault);
    let mut plan = first_steps(1, "integr8scode/default", "workers-wait-for-a-post-hook", &chart);
    plan.steps[0].timeout_seconds = 120;
    support::check(&plan, Verdict::Fail, &["hook-order"]).await;
}

/// A failure would mean that a hook which ends well and makes nothing is accepted.
#[ignore = "the nightly CI runs it: its images are made there alone"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_makes_nothing_is_refused() {
    let command = "  command: [uv, run, python, -m, scripts.create_topics]";
    let chart = PatchedChart::new("integr8scode", "values.yaml", command, "  command: [\"true\"]");
    let plan = on_chart("integr8scode/default", "hook-without-effect", &chart);
    support::check(&plan, Verdict::Fail, &["hook-effect"]).await;
}
