//! `chartgate init`: what it writes for any chart can be read, and runs.

use std::path::Path;

use chartgate::init;
use chartgate_judge::Verdict;
use chartgate_model::plan::Plan;
use chartgate_scenario::Overrides;
use rstest::rstest;

use crate::support::{
    self, PatchedChart,
    strangers::{self, Stranger},
};

/// Writes a contract and scenarios for a copy of a chart, and reads them.
async fn written(chart: &Path, set: &[String]) -> Vec<Plan> {
    let files = init::init(chart, &support::options().helm).await.unwrap_or_else(|error| panic!("{error:#}"));
    let overrides = Overrides { chart: Some(chart.to_owned()), set: set.to_vec(), ..Overrides::default() };
    let plans = chartgate_scenario::plans(&[], &overrides).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(plans.len() + 1, files.len(), "a contract, and a scenario for each set of values");
    plans
}

/// A failure would mean that the first thing which a newcomer does with us ends with an error.
#[tokio::test]
async fn what_is_written_for_any_chart_can_be_read() {
    let charts = support::repository().join("charts");
    for folder in [strangers::folder(), charts] {
        for entry in folder.read_dir().expect("the folder can be read") {
            let chart = entry.expect("an entry").path();
            let copy = PatchedChart::copy(&chart);
            let plans = written(copy.path(), &[]).await;
            let has_pods = !plans[0].roles.is_empty() || chart.ends_with("batch");
            assert!(has_pods, "{} has pods, and no role was found", chart.display());
            let second = init::init(copy.path(), &support::options().helm).await.expect_err("it is there already");
            assert!(second.to_string().contains("hint: "), "{second:#}");
        }
    }
}

/// A failure would mean that a newcomer's first contract accuses a sound chart, or proves nothing of it.
#[rstest]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::hooked("hooked")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::agent("agent")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::umbrella("umbrella")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_runs_and_passes(#[case] name: &str) {
    let stranger = Stranger::new(name);
    let mut plans = written(stranger.path(), stranger.set()).await;
    for plan in &mut plans {
        plan.name = format!("init/{name}/{}", plan.name.rsplit('/').next().unwrap_or_default());
    }
    let runs = plans.iter().map(|plan| support::check(plan, Verdict::Pass, &[]));
    futures::future::join_all(runs).await;
}
