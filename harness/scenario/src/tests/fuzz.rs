//! Files that nobody meant: whatever stands in a scenario or a contract, it is read or refused, and nothing panics or hangs.
//!
//! `PROPTEST_CASES=100000 cargo test -p chartgate-scenario fuzz` looks longer than CI does.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// What a reader has to tell apart.
const WORDS: [&str; 26] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    "- ",
    "\n",
    "  ",
    "\t",
    "'",
    "\"",
    "#",
    "null",
    "~",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "{{random.9999999}}",
    "{{postgres.url}}",
    "---\n",
    "99999999999999999999",
    "-1",
    "0x_",
    "\u{0}",
];

/// One more step than the smallest scenario has of each kind.
const SCENARIO_TEXT: &str = "description: x
proves: [renders, role-serves]
from: [previous, {chart: 'git:v1', values: {a: null}}]
images: {app: v1}
values: {image: {pullPolicy: Never}, text: '{{random.8}}'}
secrets: {keys: {token: '{{random.32}}'}}
traffic: {web: 50/s}
timeout: 90s
neighbour: {release: other}
steps:
  - install: {values: {a: 1}}
  - upgrade: {images: {app: v2}, atomic: true, fault: {migration-slow: 20s}}
    expect: {fails: text}
  - apply: {objects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}], until: [{kind: ConfigMap, name: a, changes: data.a}]}
  - scale: {web: 3}
  - run-hook: {hook: migrate}
  - rollback: {to: 1}
  - fault: {pod-killed: web}
  - uninstall: {}
";

/// An edit of a text: where, how much of it goes, and what comes.
fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, String)>> {
    let word = prop_oneof![
        prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned),
        "\\PC{0,4}".prop_map(|text| text),
        (1usize..400).prop_map(|count| "[".repeat(count)),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, word), 1..6)
}

fn edited(text: &str, edits: &[(prop::sample::Index, usize, String)]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (at, gone, word) in edits {
        let start = at.index(letters.len().max(1)).min(letters.len());
        let end = (start + gone).min(letters.len());
        letters.splice(start..end, word.chars());
    }
    letters.into_iter().collect()
}

#[track_caller]
fn check(contract: &str, scenario: &str) {
    let began = Instant::now();
    // What it says is other tests' matter.
    drop(Files::new("fuzz", contract, scenario).load());
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "it takes {:?} to read\n{scenario}\n{contract}",
        began.elapsed()
    );
}

/// A few seconds' worth, unless `PROPTEST_CASES` says more.
fn cases() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    if asked { ProptestConfig::default() } else { ProptestConfig::with_cases(192) }
}

proptest! {
    #![proptest_config(cases())]

    /// A failure would mean that a slip of the keyboard ends in a panic, and not in a line that says where it is.
    #[test]
    fn any_scenario_is_read_or_refused(edits in edits()) {
        check(CONTRACT_TEXT, &edited(SCENARIO_TEXT, &edits));
    }

    /// The same of what a chart promises.
    #[test]
    fn any_contract_is_read_or_refused(edits in edits()) {
        check(&edited(CONTRACT_TEXT, &edits), SCENARIO_TEXT);
    }
}
