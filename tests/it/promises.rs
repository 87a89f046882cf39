//! docs/src/promises.md names what shows each promise of the charts' documents, and no part of the harness knows one of these charts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support;
use crate::support::markdown::{Document, cells, spans};

/// How a cell begins of a promise that nothing shows, or not all of it.
const SHORT: [&str; 2] = ["out of reach: ", "in part: "];

/// A row of a table of promises.
struct Row {
    line: usize,
    promise: String,
    shown_by: String,
}

impl Row {
    fn is_short(&self) -> bool {
        SHORT.iter().any(|begin| self.shown_by.starts_with(begin))
    }
}

fn rows(document: &Document) -> Vec<Row> {
    let rows = document.prose().filter_map(|piece| {
        let row = cells(&piece.text)?;
        let is_head = row[0] == "promise" || row[0].starts_with('-');
        (row.len() == 2 && !is_head).then(|| Row {
            line: piece.line,
            promise: row[0].clone(),
            shown_by: row[1].clone(),
        })
    });
    rows.collect()
}

fn promises() -> Document {
    Document::read(&support::repository().join("docs/src/promises.md"))
}

/// What is wrong with a name in the second column; `None`: it is a scenario, a check or a test.
fn mistake(name: &str) -> Option<String> {
    let root = support::repository();
    if let Some((file, test)) = name.rsplit_once("::") {
        let path = root.join("tests/it").join(file.replace("::", "/")).with_extension("rs");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        return (!text.contains(&format!("fn {test}("))).then(|| format!("no test `{test}` in {}", path.display()));
    }
    if name.contains('/') {
        let path = root.join("scenarios").join(name).with_extension("yaml");
        return (!path.exists()).then(|| format!("no scenario `{name}`"));
    }
    (!chartgate_judge::all().any(|check| check.name == name)).then(|| format!("no check `{name}`"))
}

/// A failure would mean that a reader is told of a proof that is not there.
#[test]
fn what_shows_a_promise_exists() {
    let rows = rows(&promises());
    assert!(rows.len() > 50, "the tables were not read: {} rows", rows.len());
    let mut wrong = Vec::new();
    for row in rows {
        let names: Vec<String> = spans(&row.shown_by).collect();
        if names.is_empty() && !row.is_short() {
            wrong.push(format!("line {}: nothing shows it, and no reason is given", row.line));
        }
        // A reason may name other things.
        let names = names.into_iter().filter(|_| !row.is_short());
        wrong.extend(names.filter_map(|name| mistake(&name)).map(|what| format!("line {}: {what}", row.line)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A failure would mean that the test above is green whatever the table says.
#[test]
fn a_proof_that_is_not_there_is_missed() {
    for name in ["hook-odrer", "starter/none", "rendered::none", "none::caught", "starter"] {
        assert!(mistake(name).is_some(), "{name}");
    }
    for name in ["hook-order", "starter/worker", "promises::a_proof_that_is_not_there_is_missed"] {
        assert_eq!(mistake(name), None);
    }
}

/// A failure would mean that who reads what chartgate is, does not read what it cannot show.
#[test]
fn the_architecture_lists_what_is_out_of_reach() {
    let document = Document::read(&support::repository().join("ARCHITECTURE.md"));
    let listed = document.prose().skip_while(|piece| piece.text != "## Out of reach").skip(1);
    let listed = listed.take_while(|piece| !piece.text.starts_with("## "));
    let listed: BTreeSet<String> = listed.filter_map(|piece| cells(&piece.text)).map(|row| row[0].clone()).collect();
    let rows = rows(&promises());
    let missing: Vec<&str> = rows
        .iter()
        .filter(|row| row.is_short() && !listed.contains(&row.promise))
        .map(|row| row.promise.as_str())
        .collect();
    assert!(missing.is_empty(), "not under `Out of reach` of ARCHITECTURE.md:\n{}", missing.join("\n"));
    let of_table = |promise: &str| rows.iter().any(|row| row.is_short() && row.promise == promise);
    let heads = ["promise".to_owned(), "---".to_owned()];
    let more: Vec<_> = listed.iter().filter(|promise| !heads.contains(promise) && !of_table(promise)).collect();
    assert!(more.is_empty(), "no longer out of reach: {more:?}");
}

/// All Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder can be read").map(|entry| entry.expect("an entry").path());
    let found = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

/// The lines that the command is made of: no comment, and nothing from a file's tests on.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).expect("a source can be read");
    let lines = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    let is_code = |line: &str| !line.trim_start().starts_with("//");
    lines.filter(|(_, line)| is_code(line)).map(|(index, line)| (index + 1, line.to_lowercase())).collect()
}

/// The charts of this repository, and the applications that they bring, by every name under which code could know them.
fn subjects() -> BTreeSet<String> {
    let charts = std::fs::read_dir(support::repository().join("charts")).expect("charts/ can be read");
    let charts = charts.map(|chart| chart.expect("an entry").file_name().to_string_lossy().into_owned());
    let charts: Vec<String> = charts.collect();
    let others = ["codex", "oban", "mnemom", "smoltbot", "misospace", "prisma", "standin"].map(str::to_owned);
    // As a Rust name it has another sign between its words.
    charts.iter().map(|name| name.replace('-', "_")).chain(charts.clone()).chain(others).collect()
}

/// Whether a line has a word, and not as a part of another one.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    line.match_indices(word)
        .any(|(at, _)| !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next()))
}

/// A failure would mean that the harness treats one chart, or one application, otherwise than a stranger's.
#[test]
fn the_harness_knows_no_chart_and_no_application() {
    // Every crate but the applications of the charts and the doubles that stand in for others' programs.
    let harness = support::repository().join("harness");
    let crates = [
        "base", "cluster", "judge", "k8s", "model", "process", "protocol", "redact", "report", "runner", "scenario",
        "yaml", "prober",
    ];
    let roots = crates.map(|name| harness.join(name)).into_iter().chain([harness.join("src")]);
    let subjects = subjects();
    let mut wrong = Vec::new();
    let is_test =
        |path: &Path| path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "testing");
    let files: Vec<_> = roots.flat_map(|root| sources(&root)).collect();
    assert!(files.len() > 50 && subjects.contains("starter"), "the sources were not read");
    for path in files.iter().filter(|path| !is_test(path) && !path.ends_with("testing.rs")) {
        for (line, text) in code(path) {
            let known = subjects.iter().find(|name| has_word(&text, name));
            wrong.extend(known.map(|name| format!("{}:{line} knows `{name}`: {text}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
