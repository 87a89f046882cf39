//! Charts that are not ours and promise nothing: they run with their own `ci/*-values.yaml`, and are judged by what every
//! chart must hold.

use std::collections::BTreeSet;

use chartgate_judge::Verdict;
use chartgate_model::plan::{Action, Plan};
use chartgate_runner::run::Options;
use rstest::rstest;

use crate::support::{
    self,
    strangers::{self, Stranger},
};

const ALL: [&str; 9] = ["agent", "bare", "batch", "generated", "hooked", "mixed", "operator", "queue", "umbrella"];

/// Runs a stranger's plans, all at the same time, and checks that each passes.
async fn check_all(plans: &[Plan], options: &Options) {
    let runs = plans.iter().map(|plan| support::check_with(plan, options, Verdict::Pass, &[]));
    futures::future::join_all(runs).await;
}

/// A failure would mean that a sound chart needs files for chartgate before its install and upgrade can pass.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_chart_passes_quickly(#[values("bare", "hooked", "queue")] name: &str) {
    let stranger = Stranger::new(name);
    let plans = stranger.plans("quick", |overrides| overrides.is_quick = true);
    check_all(&plans, &support::options()).await;
}

/// A failure would mean that a sound chart without a contract is red somewhere in a release's life.
#[rstest]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_chart_without_a_contract_passes(
    #[values("agent", "bare", "batch", "generated", "hooked", "mixed", "operator", "queue", "umbrella")] name: &str,
) {
    let stranger = Stranger::new(name);
    let plans = stranger.plans("strangers", |_| {});
    let files = strangers::folder().join(name).join("ci").read_dir().map_or(1, Iterator::count);
    assert_eq!(
        plans.len(),
        files + 1,
        "one for each values file, or for the defaults, and one under the chart's own name"
    );
    check_all(&plans, &support::options()).await;
}

/// A failure would mean that the first chart that anybody makes is refused, or that its own test is left out.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn what_helm_create_writes_passes(#[values("3", "4")] helm: &str) {
    let stranger = Stranger::scaffold(helm).await;
    let plans = stranger.plans(&format!("strangers/helm-{helm}"), |_| {});
    assert!(plans[0].steps.iter().any(|step| step.action == Action::Test), "the scaffold has a test");
    check_all(&plans, &Options { helm: helm.to_owned(), ..support::options() }).await;
}

/// A failure would mean that a stranger's chart lies here and nobody runs it.
#[test]
fn every_stranger_is_run() {
    let folders = strangers::folder().read_dir().expect("the folder can be read");
    let names: BTreeSet<_> = folders.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(names, ALL.iter().map(Into::into).collect());
    let tests = support::tests_of_this_binary();
    let cases = tests
        .iter()
        .filter(|name| name.starts_with("cluster::strangers::a_sound_chart_without_a_contract_passes::"))
        .count();
    assert_eq!(cases, ALL.len());
}
