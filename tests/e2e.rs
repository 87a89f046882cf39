//! One test per scenario file: the chart holds what its contract promises, on a real cluster.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod support;

use std::path::{Path, PathBuf};

use chartgate_judge::Verdict;
use chartgate_scenario::Overrides;
use rstest::rstest;

/// A failure means that a user of the chart who does what the scenario says is let down.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds(
    #[files("scenarios/*/*.yaml")]
    #[exclude("/contract\\.yaml$")]
    #[exclude("/integr8scode/")]
    // Those of `holds_beside`.
    #[exclude(
        "codex-pooler/(broken-image-rolled-back|missing-image-rolled-back|hanging-migration|slow-migration)\\.yaml$"
    )]
    #[exclude("codex-pooler/(killed-migrator|created-secret|reuse-values-from-previous)\\.yaml$")]
    #[exclude("codex-pooler/upgrade-under-traffic-owner-forwarding\\.yaml$")]
    #[exclude("(dispatch|mnemom-gateway)/(failing-migration|migrations-disabled)\\.yaml$")]
    #[exclude("codex-pooler/values-change-rolls-pods\\.yaml$")]
    #[exclude("mnemom-gateway/(drain|existing-secret|external|upgrade-under-traffic)\\.yaml$")]
    #[exclude("starter/(api-host|autoscaled|changed-secret|fast-rollback)\\.yaml$")]
    path: PathBuf,
) {
    check(&path).await;
}

/// The same of scenarios that use the harness as one in the list above does: another broken image that
/// is rolled back, another migration that fails, a drain, traffic during an upgrade, a version from git, values that replace pods, servers and
/// a Secret of the user's, an Ingress, an autoscaler.
#[rstest]
#[ignore = "the nightly CI runs it: on a push, a scenario of the same kind does"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_beside(
    #[files("scenarios/codex-pooler/broken-image-rolled-back.yaml")]
    #[files("scenarios/codex-pooler/missing-image-rolled-back.yaml")]
    #[files("scenarios/codex-pooler/hanging-migration.yaml")]
    #[files("scenarios/codex-pooler/slow-migration.yaml")]
    #[files("scenarios/codex-pooler/killed-migrator.yaml")]
    #[files("scenarios/codex-pooler/created-secret.yaml")]
    #[files("scenarios/codex-pooler/reuse-values-from-previous.yaml")]
    #[files("scenarios/codex-pooler/upgrade-under-traffic-owner-forwarding.yaml")]
    #[files("scenarios/codex-pooler/values-change-rolls-pods.yaml")]
    #[files("scenarios/dispatch/failing-migration.yaml")]
    #[files("scenarios/dispatch/migrations-disabled.yaml")]
    #[files("scenarios/mnemom-gateway/drain.yaml")]
    #[files("scenarios/mnemom-gateway/existing-secret.yaml")]
    #[files("scenarios/mnemom-gateway/external.yaml")]
    #[files("scenarios/mnemom-gateway/failing-migration.yaml")]
    #[files("scenarios/mnemom-gateway/migrations-disabled.yaml")]
    #[files("scenarios/mnemom-gateway/upgrade-under-traffic.yaml")]
    #[files("scenarios/starter/api-host.yaml")]
    #[files("scenarios/starter/autoscaled.yaml")]
    #[files("scenarios/starter/changed-secret.yaml")]
    #[files("scenarios/starter/fast-rollback.yaml")]
    path: PathBuf,
) {
    check(&path).await;
}

/// The same of a chart that brings a Kafka: its servers and its stand-in are images that no other chart needs.
#[rstest]
#[ignore = "the nightly CI runs it: to make its images takes longer than all other scenarios together"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_nightly(
    #[files("scenarios/integr8scode/*.yaml")]
    #[exclude("/contract\\.yaml$")]
    path: PathBuf,
) {
    check(&path).await;
}

/// Checks that the scenario passes, and so does each check that it exists to prove.
async fn check(path: &Path) {
    let plan = chartgate_scenario::load(path, &Overrides::default()).expect("the scenario is valid");
    assert!(!plan.proves.is_empty(), "{} lists no check that it exists to prove", path.display());
    let proves: Vec<&str> = plan.proves.iter().map(String::as_str).collect();
    support::check(&plan, Verdict::Pass, &proves).await;
}

/// A failure would mean that a scenario file exists and no test runs it.
#[test]
fn every_scenario_file_has_a_test() {
    let files =
        chartgate_scenario::discover(&[support::repository().join("scenarios")]).expect("the folder can be read");
    let tests = support::tests_of_this_binary();
    let cases = tests.iter().filter(|name| name.starts_with("holds")).count();
    assert!(cases > 0, "no test runs a scenario");
    assert_eq!(cases, files.len(), "hint: run `touch harness/build.rs` and build the tests again");
}
