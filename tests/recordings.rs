//! One golden recording for each format that was ever written: a verdict of last month can be repeated.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod support;

use chartgate::gate;
use chartgate::judge::{self, Verdict};
use chartgate::record::Recording;

/// A failure would mean that evidence which somebody kept can no longer be read, or is judged otherwise than it was.
#[test]
fn golden_recordings_keep_their_verdict() {
    let folder = support::repository().join("tests/recordings/1/codex-pooler-single-replica");
    let scenario = gate::judge_folder(&folder).expect("the recording can be read");
    let failed = scenario.checks.iter().filter(|finding| finding.verdict >= Verdict::Void);
    let failed: Vec<_> = failed.map(|finding| format!("{}: {}", finding.check, finding.message)).collect();
    assert!(failed.is_empty() && scenario.verdict == Verdict::Pass, "{failed:#?}");
    let passed = scenario.checks.iter().filter(|finding| finding.verdict == Verdict::Pass).count();
    assert!(passed >= 20, "only {passed} checks passed");
}

/// A failure would mean that a run which was killed in the middle is green.
#[test]
fn a_recording_that_was_cut_never_passes() {
    let folder = support::repository().join("tests/recordings/1/codex-pooler-single-replica");
    let whole = Recording::load(&folder).expect("the recording can be read");
    let last = whole.entries.len() - 1;
    for end in (0..last).step_by(last / 20) {
        let mut cut = whole.clone();
        cut.entries.truncate(end);
        let verdict = judge::verdict_of(&judge::judge(&cut));
        assert!(verdict >= Verdict::Void, "cut after {end} of {last} entries, it is {verdict:?}");
    }
}
