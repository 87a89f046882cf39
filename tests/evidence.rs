//! What a run writes: it holds no secret.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod support;

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chartgate::judge::Verdict;
use chartgate::scenario::{self, Overrides};
use serde_json::json;

/// A failure would mean that evidence which is shown to others gives a password away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_nowhere_in_the_evidence() {
    let path = support::repository().join("scenarios/codex-pooler/created-secret.yaml");
    let canary = "canary-9f2c41d7-".repeat(4);
    let set = vec![format!("secrets.data.secret-key-base={canary}")];
    let mut plan = scenario::load(&path, &Overrides { set, ..Overrides::default() }).expect("the scenario is valid");
    plan.name = "evidence/canary".to_owned();
    plan.steps.truncate(1);
    // Where no secret belongs, and where a chart may put one all the same; the container's shell prints it, too.
    plan.values["app"] = json!({"extraEnv": [{"name": "COPY", "value": canary}]});
    support::run(&plan).await;

    let folder = support::repository().join("target/chartgate/evidence/canary");
    let files = files_below(&folder);
    assert!(files.len() >= 3, "there is evidence: {files:?}");
    let recording = chartgate::record::Recording::load(&folder).expect("the recording can be read");
    assert!(
        recording.entries.len() > 50 && chartgate::judge::judge(&recording).iter().all(|f| f.verdict != Verdict::Void)
    );
    let text = std::fs::read_to_string(folder.join("objects.jsonl")).expect("evidence is text");
    assert!(text.contains("[redacted]"), "the copy in the pod's environment was seen, and replaced");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("evidence is text");
        for form in [canary.clone(), STANDARD.encode(&canary)] {
            assert!(!text.contains(&form), "`{form}` stands in {}", file.display());
        }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
