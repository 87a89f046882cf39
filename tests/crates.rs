//! Which crate may use which: `ARCHITECTURE.md` draws the arrows, and cargo knows them.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod support;

use chartgate::tool::Tool;

/// The names of all crates that one of ours is built of.
async fn crates_of(package: &str) -> Vec<String> {
    let args = ["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package", package];
    let output = Tool::on_path("cargo").args(args).folder(support::repository()).run().await.expect("cargo knows it");
    let names = output.stdout.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned);
    names.collect()
}

/// A failure would mean that a check or a report can talk to a cluster.
#[tokio::test]
async fn judge_and_report_have_no_way_to_a_cluster() {
    for package in ["chartgate-judge", "chartgate-report"] {
        let crates = crates_of(package).await;
        assert!(crates.iter().any(|name| name == "chartgate-model"), "{package} is built of {crates:?}");
        let ways =
            |name: &&String| ["tokio", "hyper", "kube", "kube-client", "chartgate-process"].contains(&name.as_str());
        assert_eq!(crates.iter().find(ways), None, "{package}");
    }
}

/// A failure would mean that the images that are built statically compile what they do not run.
#[tokio::test]
async fn the_prober_is_built_of_the_protocol_alone() {
    let crates = crates_of("chartgate-prober").await;
    let own = |name: &&String| name.starts_with("chartgate-") && *name != "chartgate-prober";
    assert_eq!(crates.iter().filter(own).collect::<Vec<_>>(), ["chartgate-protocol"]);
}
