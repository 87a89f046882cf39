//! Faults planted in a chart of ours at run time: the gate is red, and names the check that the fault breaks.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod support;

use chartgate::judge::Verdict;
use chartgate::plan::Plan;
use chartgate::scenario::{self, Overrides};
use support::PatchedChart;

/// A fault that keeps pods from becoming ready is only known when helm gives up; these pods are ready within seconds.
const TIMEOUT_SECONDS: u64 = 25;

/// The first step of a scenario, on another chart.
fn install_of(name: &str, chart: &PatchedChart) -> Plan {
    let path = support::repository().join("scenarios/codex-pooler/single-replica.yaml");
    let overrides = Overrides { chart: Some(chart.path().to_owned()), ..Overrides::default() };
    let mut plan = scenario::load(&path, &overrides).expect("the scenario is valid");
    plan.name = format!("faults/{name}");
    plan.steps.truncate(1);
    plan.steps[0].timeout_seconds = TIMEOUT_SECONDS;
    plan
}

/// A failure would mean that a worker which takes web's work is accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_started_as_web_is_caught() {
    let chart = PatchedChart::new("codex-pooler", "templates/oban-worker.yaml", "value: worker", "value: web");
    support::check(&install_of("worker-as-web", &chart), Verdict::Fail, &["role-env"]).await;
}

/// A failure would mean that pods which wait for a migration that comes after them are accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_after_the_pods_is_caught() {
    let hook = "helm.sh/hook: pre-install,pre-upgrade";
    let late = "helm.sh/hook: post-install,post-upgrade";
    let chart = PatchedChart::new("codex-pooler", "templates/migrations.yaml", hook, late);
    support::check(&install_of("post-install-migration", &chart), Verdict::Fail, &["hook-order", "ready"]).await;
}

/// A failure would mean that pods which never get traffic are accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_readiness_path_is_caught() {
    let chart = PatchedChart::new("codex-pooler", "templates/app.yaml", "{path: /readyz,", "{path: /ready,");
    support::check(&install_of("wrong-readiness-path", &chart), Verdict::Fail, &["ready"]).await;
}
