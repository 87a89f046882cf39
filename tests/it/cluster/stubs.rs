//! Charts whose images exist nowhere: a stub plays every container, and what the cluster makes of the chart is examined all the same.

use std::collections::BTreeSet;

use chartgate_judge::Verdict;
use chartgate_model::plan::{Plan, StubImages};
use chartgate_model::recording::Recording;
use chartgate_runner::run::Options;
use chartgate_scenario::Overrides;
use k8s_openapi::api::core::v1::Pod;
use rstest::rstest;

use crate::support::{self, strangers::Stranger};

/// The plans of the chart in `tests/stubs/everything`, with a fault planted in it.
fn plans(fault: &str) -> Vec<Plan> {
    let chart = support::repository().join("tests/stubs/everything");
    let set = vec![format!("fault={fault}")];
    let overrides = Overrides { chart: Some(chart), set, stub_images: StubImages::All, ..Overrides::default() };
    let mut plans = chartgate_scenario::plans(&[], &overrides).expect("the chart can be read");
    for plan in &mut plans {
        plan.name = format!("stubs/{}{}", plan.name.rsplit('/').next().unwrap_or_default(), fault);
        // A fault shows long before a user would give up.
        plan.steps.iter_mut().for_each(|step| step.timeout_seconds = if fault.is_empty() { 300 } else { 60 });
    }
    plans
}

/// A failure would mean that a sound chart cannot be judged before its images exist.
#[rstest]
#[case::helm_3("3")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::helm_4("4")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_chart_passes_without_its_images(#[case] helm: &str) {
    let options = Options { helm: helm.to_owned(), ..support::options() };
    let mut plans = plans("");
    // Both cases may run at once, and evidence lies under a plan's name.
    for plan in &mut plans {
        plan.name = format!("{}-helm-{helm}", plan.name);
    }
    let lived = support::run_with(&plans[0], &options).await;
    let shown = chartgate_report::print(&chartgate_report::Report::new(vec![lived.clone()]));
    assert_eq!(lived.verdict, Verdict::Pass, "{shown}");
    let replaced = lived.replaced.expect("the report says that images were replaced");
    assert!(replaced.assumed.iter().any(|it| it.contains("secret/")), "the hook's Secret is assumed: {replaced:?}");
    assert!(replaced.steps_not_examined.is_empty(), "{replaced:?}");
    support::check_with(&plans[1], &options, Verdict::Pass, &["service-links"]).await;
}

/// A failure would mean that `--stub-images=missing` never runs, or that an image which is there does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn only_what_is_missing_is_replaced() {
    let absent = "        - name: absent\n          image: registry.example/absent:1\n";
    let first = "        - name: web\n";
    let chart = Stranger::new("bare").with("templates/everything.yaml", first, &format!("{absent}{first}"));
    let plan = Plan { stub_images: StubImages::Missing, ..chart.plan("stubs/missing") };
    let lived = support::run(&plan).await;
    let shown = chartgate_report::print(&chartgate_report::Report::new(vec![lived.clone()]));
    assert_eq!(lived.verdict, Verdict::Pass, "{shown}");
    assert_eq!(lived.replaced.expect("the report says so").images, ["registry.example/absent:1"]);
    let recording = Recording::load(&lived.evidence).expect("the run was recorded");
    let specs = recording.objects.values().filter_map(|object| object.typed::<Pod>()?.spec.as_ref());
    let commands = specs.flat_map(|spec| &spec.containers);
    let ran: BTreeSet<(&str, bool)> = commands
        .map(|it| (it.name.as_str(), it.command.iter().flatten().next().is_some_and(|program| program == "httpd")))
        .collect();
    assert!(ran.contains(&("web", true)) && !ran.contains(&("web", false)), "the image that is there runs: {ran:?}");
}

/// A failure would mean that a fault which only a cluster shows is green without images.
#[rstest]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::live_matches_manifest("live-matches-manifest")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::data_kept("data-kept")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::admitted("admitted")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::service_endpoints("service-endpoints")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::idempotent_upgrade("idempotent-upgrade")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_planted_fault_is_red_by_its_check(#[case] check: &str) {
    support::check(&plans(check)[0], Verdict::Fail, &[check]).await;
}

/// A failure would mean that a chart which cannot be called by its own name is green. Two of its Services would get one name, which is no matter
/// of variables: `service-links` says nothing of it.
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_cannot_have_the_charts_name_is_red() {
    support::check(&plans("own-name")[1], Verdict::Fail, &["release-outcome", "names-fit"]).await;
}
