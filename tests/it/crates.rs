//! Which crate may use which: `ARCHITECTURE.md` draws the arrows, and cargo knows them.

use chartgate_process::tool::Tool;

use crate::support;

/// The names of all crates that one of this repository is built of.
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

/// Dot-separated numbers, to be compared.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

/// A failure would mean that the stated minimum is one that cargo refuses. That this repository's own code compiles with it, `make msrv`
/// shows, and clippy that it uses nothing newer of the standard library.
#[tokio::test]
async fn no_dependency_asks_for_a_newer_rust_than_is_stated() {
    let call = |args: &str| Tool::on_path("cargo").args(args.split(' ')).folder(support::repository()).run();
    // A new machine has the crates that were compiled; it gets the others here.
    let metadata = call("metadata --locked --format-version 1").await.expect("cargo knows the workspace").stdout;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("it is JSON");
    let tree = "tree --offline --workspace --exclude chartgate-standin-integr8scode --prefix none --format {p}";
    let tree = call(tree).await.expect("cargo knows its crates").stdout;
    let used = |package: &serde_json::Value| {
        let line = format!("{} v{}", package["name"].as_str().unwrap_or(""), package["version"].as_str().unwrap_or(""));
        tree.lines().any(|used| used == line || used.starts_with(&format!("{line} ")))
    };
    let packages = metadata["packages"].as_array().expect("there are packages");
    let stated = packages.iter().find(|package| package["name"] == "chartgate").expect("it is one of them");
    let stated = numbers(stated["rust_version"].as_str().expect("it is stated"));
    let newer = |package: &&serde_json::Value| {
        package["rust_version"].as_str().is_some_and(|asked| numbers(asked)[..2] > stated[..2])
    };
    let newer: Vec<_> = packages.iter().filter(newer).filter(|package| used(package)).map(|it| &it["name"]).collect();
    assert!(newer.is_empty(), "{newer:?} ask for a newer Rust than {stated:?}");
}
