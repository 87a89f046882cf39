//! What a run writes for people and machines: its formats are what they say they are. No test here needs a cluster.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod support;

use std::path::{Path, PathBuf};

use chartgate::gate;
use chartgate::judge::Verdict;
use chartgate::report::Report;
use chartgate::tool::{Output, Tool};
use serde_json::Value;

const GOLDEN: &str = "tests/recordings/1/codex-pooler-single-replica";

/// A copy of the golden recording, in a folder that goes with it.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Self {
        let folder = support::repository().join("target/reports").join(chartgate::random::text(8));
        let case = folder.join("codex-pooler/single-replica");
        std::fs::create_dir_all(&case).expect("a folder can be made");
        for name in ["plan.json", "timeline.jsonl", "objects.jsonl"] {
            std::fs::copy(support::repository().join(GOLDEN).join(name), case.join(name)).expect("it can be copied");
        }
        Self(folder)
    }

    /// The same with a text of its timeline replaced: a run that went otherwise.
    fn with(text: &str, other: &str) -> Self {
        let copy = Self::new();
        let path = copy.0.join("codex-pooler/single-replica/timeline.jsonl");
        let before = std::fs::read_to_string(&path).expect("it can be read");
        assert!(before.contains(text), "`{text}` is not in the recording");
        std::fs::write(path, before.replace(text, other)).expect("it can be written");
        copy
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_else(|error| panic!("read {name}: {error}"))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

async fn chartgate(args: &[&str]) -> Output {
    Tool::new("chartgate", env!("CARGO_BIN_EXE_chartgate")).args(args).run_unchecked().await.expect("it starts")
}

fn schema() -> Value {
    let text = std::fs::read_to_string(support::repository().join("docs/verdict.schema.json")).expect("it is there");
    serde_json::from_str(&text).expect("it is JSON")
}

/// A failure would mean that a reader of verdicts is told a format that they do not have.
#[test]
fn the_published_schema_is_up_to_date() {
    let now = serde_json::to_value(Report::schema()).expect("it is JSON");
    assert!(now == schema(), "run: cargo run --quiet -- schema > docs/verdict.schema.json");
}

#[track_caller]
fn check_verdict(folder: &Path, expected: Verdict) {
    let report = gate::judge_all(folder).expect("the recordings can be read");
    assert_eq!(report.verdict, expected);
    let text = std::fs::read_to_string(folder.join("verdict.json")).expect("it was written");
    let verdict = serde_json::from_str(&text).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema()).expect("it is a schema");
    let wrong: Vec<_> = validator.iter_errors(&verdict).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A failure would mean that a verdict is refused by whoever trusts the schema.
#[test]
fn every_verdict_fits_the_published_schema() {
    let empty = Copy::new();
    check_verdict(&empty.0, Verdict::Pass);
    std::fs::remove_dir_all(empty.0.join("codex-pooler")).expect("it can be removed");
    check_verdict(&empty.0, Verdict::Void);
    check_verdict(&broken().0, Verdict::Fail);
    let copy = Copy::new();
    let timeline = copy.0.join("codex-pooler/single-replica/timeline.jsonl");
    let whole = std::fs::read_to_string(&timeline).expect("it can be read");
    std::fs::write(timeline, &whole[..whole.len() / 2]).expect("it can be written");
    check_verdict(&copy.0, Verdict::Void);
}

/// A run in which the worker accepted a connection.
fn broken() -> Copy {
    Copy::with(r#""answer":"refused""#, r#""answer":"connected""#)
}

/// A failure would mean that evidence which somebody downloaded can no longer be looked at.
#[tokio::test]
async fn reports_are_made_again_from_recordings() {
    let copy = broken();
    let folder = copy.0.display().to_string();
    let output = chartgate(&["report", &folder]).await;
    assert!(output.is_success(), "{}{}", output.stdout, output.stderr);
    assert!(output.stdout.contains(&format!("report: {folder}/report.html")), "{}", output.stdout);
    assert!(copy.read("junit.xml").contains(r#"<failure message="pod `"#), "{}", copy.read("junit.xml"));
    assert!(copy.read("summary.md").contains("### FAIL role-serves in codex-pooler/single-replica"));
}
