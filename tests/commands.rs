//! The commands that only look or tell. No test here needs a cluster.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod support;

use chartgate::judge;
use chartgate::tool::{Output, Tool};
use serde_json::Value;

fn command(args: &[&str]) -> Tool {
    Tool::new("chartgate", env!("CARGO_BIN_EXE_chartgate")).args(args).folder(support::repository())
}

async fn run(tool: Tool) -> Output {
    tool.run_unchecked().await.expect("the command starts")
}

/// A failure would mean that a script which asks what there is to run gets an answer it cannot read.
#[tokio::test]
async fn the_list_holds_scenarios_charts_and_checks() {
    let output = run(command(&["list", "--json"])).await;
    let list: Value = serde_json::from_str(&output.stdout).expect("it is JSON");
    let names: Vec<_> = list["scenarios"].as_array().expect("scenarios").iter().map(|it| &it["name"]).collect();
    assert!(names.iter().any(|name| *name == "codex-pooler/single-replica"), "{names:?}");
    assert_eq!(
        list["scenarios"][0]["file"], "scenarios/codex-pooler/broken-image-rolled-back.yaml",
        "the first by name"
    );
    assert!(list["charts"]["codex-pooler"]["version"].is_string());
    assert_eq!(list["checks"].as_array().map(Vec::len), Some(judge::all().len()));
    let shown = run(command(&["list", "charts/codex-pooler"])).await.stdout;
    assert!(shown.contains("codex-pooler/") && shown.contains("hook-order"), "{shown}");
}

/// A failure would mean that a machine on which no run can succeed is called well, or that nothing says how to mend it.
#[tokio::test]
async fn a_machine_that_lacks_everything_is_told_what_mends_it() {
    let home = support::Home::new();
    let tool = command(&["doctor"]).env("DOCKER_HOST", "unix:///no/engine.sock");
    let bare = run(tool.env("CHARTGATE_HOME", home.path().join("empty"))).await;
    assert_eq!(bare.status.and_then(|status| status.code()), Some(4), "{}{}", bare.stdout, bare.stderr);
    for part in
        ["WRONG  engine ", "mend it: `make engine`", "WRONG  tool ", "mend it: run `make setup`", "leftovers  none"]
    {
        assert!(bare.stdout.contains(part), "`{part}` is not in:\n{}", bare.stdout);
    }
}

/// A failure would mean that a packager finds no completions or manual pages, or some that lack a command.
#[tokio::test]
async fn completions_and_manual_pages_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(command(&["completions", shell])).await.stdout;
        assert!(script.contains("doctor") && script.contains("no-waivers"), "{shell}: {script}");
    }
    let folder = support::repository().join("target/reports").join(chartgate::random::text(8));
    let output = run(command(&["man", &folder.display().to_string()])).await;
    assert!(output.is_success(), "{}", output.stderr);
    let page = std::fs::read_to_string(folder.join("chartgate-run.1")).expect("a page for each command");
    assert!(page.contains("no\\-waivers"), "{page}");
    std::fs::remove_dir_all(folder).expect("it can be removed");
}
