//! One golden recording for each format that was ever written: a verdict of last month can be repeated.

use std::path::{Path, PathBuf};

use chartgate::gate;
use chartgate_judge::{Finding, Verdict};
use chartgate_model::recording::Recording;

use crate::support;

/// A failure would mean that evidence which somebody kept can no longer be read, or that a check judges it otherwise than it did.
#[test]
fn golden_recordings_keep_the_verdict_of_each_check() {
    for recording in recordings() {
        let scenario = gate::judge_folder(&recording).expect("the recording can be read");
        let line = |finding: &Finding| format!("{}: {}\n", finding.check, word(finding.verdict));
        let judged: String = scenario.checks.iter().map(line).collect();
        let golden = recording.with_extension("verdicts");
        if std::env::var_os("RENEW").is_some() {
            std::fs::write(&golden, &judged).expect("the golden file can be written");
        }
        let known = std::fs::read_to_string(&golden).unwrap_or_default();
        let hint = "hint: for a new check `RENEW=1 cargo test --test it recordings` adds its line; a changed line is a changed verdict";
        assert!(known == judged, "{} has other verdicts:\n{}{hint}", golden.display(), difference(&known, &judged));
    }
}

/// The recordings of every format.
fn recordings() -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).expect("the directory can be read");
        entries.map(|entry| entry.expect("its entry can be read").path()).filter(|path| path.is_dir()).collect()
    };
    let formats: Vec<PathBuf> = entries(&support::repository().join("tests/recordings"));
    let recordings: Vec<PathBuf> = formats.iter().flat_map(|format| entries(format)).collect();
    assert!(!recordings.is_empty(), "there is no recording");
    recordings
}

/// A verdict as `verdict.json` has it.
fn word(verdict: Verdict) -> String {
    let word = serde_json::to_value(verdict).expect("a verdict is a word");
    word.as_str().expect("a verdict is a word").to_owned()
}

/// The lines that only one of two texts has.
fn difference(known: &str, judged: &str) -> String {
    let only = |mark: &str, of: &str, other: &str| {
        let lines = of.lines().filter(|line| !other.lines().any(|known| known == *line));
        lines.flat_map(|line| [mark, " ", line, "\n"]).collect::<String>()
    };
    only("-", known, judged) + &only("+", judged, known)
}

/// A failure would mean that a run which was killed in the middle is green.
#[test]
fn a_recording_that_was_cut_never_passes() {
    for recording in recordings() {
        let whole = Recording::load(&recording).expect("the recording can be read");
        let last = whole.entries.len() - 1;
        for end in (0..last).step_by(last / 20) {
            let mut cut = whole.clone();
            cut.entries.truncate(end);
            let verdict = chartgate_judge::verdict_of(&chartgate_judge::judge(&cut));
            assert!(verdict >= Verdict::Void, "cut after {end} of {last} entries, it is {verdict:?}");
        }
    }
}
