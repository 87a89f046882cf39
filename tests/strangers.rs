//! Charts that are not ours and promise nothing: they run with their own `ci/*-values.yaml`, and are judged by what every
//! chart must hold.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod support;

use std::path::PathBuf;

use chartgate::home;
use chartgate::judge::Verdict;
use chartgate::plan::Plan;
use chartgate::scenario::{self, Overrides};
use support::PatchedChart;

/// The plans of a stranger's chart, on an image that is on the node anyway and has a shell.
fn plans(chart: PathBuf, name: &str) -> Vec<Plan> {
    let image = home::image("PROBER").expect("the set-up made it");
    let overrides = Overrides { chart: Some(chart), set: vec![format!("image={image}")], ..Overrides::default() };
    let mut plans = scenario::plans(&[], &overrides).expect("the chart has values files");
    for plan in &mut plans {
        plan.name = format!("{name}/{}", plan.name);
    }
    plans
}

/// A failure would mean that a sound chart needs files of ours before it can pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_chart_without_a_contract_passes() {
    let plans = plans(support::repository().join("tests/strangers/mixed"), "strangers");
    assert_eq!(plans.len(), 2, "one for each values file");
    let runs = plans.iter().map(|plan| support::check(plan, Verdict::Pass, &[]));
    futures::future::join_all(runs).await;
}

/// A failure would mean that a chart whose second upgrade breaks is released, because its first install works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_collides_with_its_last_run_is_caught() {
    let (policy, leftover) = ("before-hook-creation,hook-succeeded", "hook-failed");
    let chart =
        PatchedChart::of(&support::repository().join("tests/strangers/mixed"), "templates/all.yaml", policy, leftover);
    let plan = plans(chart.path().to_owned(), "strangers-collision").remove(0);
    support::check(&plan, Verdict::Fail, &["hook-cleanup"]).await;
}

/// A failure would mean that a workload which is no Deployment is taken for ready when it is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_never_becomes_ready_is_caught() {
    let (up, never) = ("touch /tmp/up", "true");
    let chart = PatchedChart::of(&support::repository().join("tests/strangers/mixed"), "templates/all.yaml", up, never);
    let mut plan = plans(chart.path().to_owned(), "strangers-never-ready").remove(0);
    plan.steps[0].timeout_seconds = 20;
    support::check(&plan, Verdict::Fail, &["ready"]).await;
}
