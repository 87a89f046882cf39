//! What the documents name exists: files, targets of make, commands and their flags. No test here needs a cluster.

mod pipelines;

use std::path::{Path, PathBuf};

use chartgate_process::home;
use chartgate_process::tool::Tool;
use chartgate_yaml::nearest;

use crate::support;
use crate::support::markdown::{self, Document, Piece};

/// Where the documents' paths begin, besides the document's own folder. What they say of any chart's files holds of this repository's.
const BASES: [&str; 3] = ["", "harness/src", "charts/starter"];
/// A name with one of these is a file's.
const EXTENSIONS: [&str; 8] = [".rs", ".md", ".toml", ".yaml", ".json", ".jsonl", ".env", ".sh"];
/// What a run makes in a checkout.
const MADE: [&str; 2] = ["target", "chartgate-out"];
/// More lines than this, and the README is no longer read to its end.
const README_LINES: usize = 120;

fn documents() -> Vec<Document> {
    let root = support::repository();
    let charts = std::fs::read_dir(root.join("charts")).expect("charts/ can be read");
    let charts = charts.map(|chart| chart.expect("an entry").path().join("README.md")).filter(|path| path.exists());
    markdown::own().into_iter().chain(charts.map(|path| Document::read(&path))).collect()
}

/// Checks that nothing was found wrong.
#[track_caller]
fn check_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn place(document: &Document, piece: &Piece) -> String {
    let root = support::repository();
    format!("{}:{}", document.path.strip_prefix(root).unwrap_or(&document.path).display(), piece.line)
}

/// Code spans and the commands of `bash` blocks.
fn code(document: &Document) -> Vec<Piece> {
    let mut code = document.spans();
    code.extend(document.commands());
    code
}

fn folder(document: &Document) -> &Path {
    document.path.parent().expect("a document is in a folder")
}

/// Whether a code span means a file or folder of the repository: it ends as a file's name does, or its first part is here or nearly so.
fn is_path(document: &Document, text: &str) -> bool {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    // `NAME` stands for a name of the reader's.
    if !is_plain || text.contains("NAME") || text.starts_with('/') || text.starts_with("../") {
        return false;
    }
    let (first, is_below) =
        text.trim_start_matches("./").split_once('/').map_or((text, false), |(first, _)| (first, true));
    if MADE.contains(&first) {
        return false;
    }
    let is_file = EXTENSIONS.iter().any(|extension| text.ends_with(extension));
    if is_file || !is_below {
        return is_file;
    }
    let bases = BASES.map(|base| support::repository().join(base)).into_iter().chain([folder(document).to_owned()]);
    let entries = bases.flat_map(|base| std::fs::read_dir(base).expect("a folder can be read"));
    let names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name().into_string()).collect();
    nearest(first, names.iter().flatten().map(String::as_str)).is_some()
}

fn exists(document: &Document, path: &str) -> bool {
    let bases = BASES.map(|base| support::repository().join(base));
    // A scenario is named without its ending.
    let is_scenario = support::repository().join("scenarios").join(format!("{path}.yaml")).exists();
    is_scenario || bases.iter().any(|base| base.join(path).exists()) || folder(document).join(path).exists()
}

/// All files below a folder of the repository.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder can be read").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whether the command's own sources name a path: a run writes it, or looks for it in a chart.
fn is_in_sources(path: &str) -> bool {
    let quoted = format!("\"{}\"", path.trim_end_matches('/'));
    let sources = files(&support::repository().join("harness"));
    sources.iter().any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(&quoted)))
}

/// Names of `make` targets, and of variables it takes from the command line.
fn makefile() -> (Vec<String>, String) {
    let text = std::fs::read_to_string(support::repository().join("Makefile")).expect("the Makefile can be read");
    let rules = text.lines().filter_map(|line| line.split_once(':')).map(|(targets, _)| targets);
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let targets = rules.filter(|targets| is_name(targets)).map(str::to_owned).collect();
    (targets, text)
}

/// The words after `program` in a command, if it is called there.
fn words_after<'a>(command: &'a str, program: &str) -> Option<Vec<&'a str>> {
    let mut words = command.split_whitespace();
    words.find(|word| *word == program || word.ends_with(&format!("/{program}")))?;
    Some(words.collect())
}

fn flags<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let flags = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
    flags.map(|word| word.split('=').next().unwrap_or(word)).collect()
}

/// What the command says of a subcommand; `None`: there is none of that name.
async fn help(subcommand: &str) -> Option<String> {
    home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
    let call = Tool::new("chartgate", env!("CARGO_BIN_EXE_chartgate")).args(["help", subcommand]);
    let output = call.run_unchecked().await.expect("the command starts");
    output.is_success().then_some(output.stdout)
}

fn has_flag(help: &str, flag: &str) -> bool {
    help.split(|c: char| c.is_whitespace() || ",[]".contains(c)).any(|word| word == flag)
}

/// Whether a link's file is there and has its heading.
fn leads(document: &Document, link: &str) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() { document.path.clone() } else { folder(document).join(path) };
    target.exists() && (anchor.is_empty() || Document::read(&target).anchors().iter().any(|known| known == anchor))
}

/// A failure would mean that a reader follows a link to nothing.
#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    for document in documents() {
        let links = document.links();
        let dead = links.iter().filter(|link| !leads(&document, &link.text));
        wrong.extend(dead.map(|link| format!("{}: no `{}`", place(&document, link), link.text)));
    }
    check_none(&wrong);
    let root = support::repository();
    let document = Document::new(&root.join("README.md"), "");
    assert!(leads(&document, "docs/src/reasons.md#verdicts"));
    assert!(!leads(&document, "docs/src/reasons.md#none") && !leads(&document, "none.md"));
}

/// A failure would mean that a page of the book is found by no one, or that the book cannot be built.
#[test]
fn the_books_summary_names_every_page() {
    let summary = Document::read(&support::repository().join("docs/src/SUMMARY.md"));
    let named: Vec<PathBuf> = summary.links().iter().map(|link| folder(&summary).join(&link.text)).collect();
    let missing = markdown::pages().into_iter().filter(|page| *page != summary.path && !named.contains(page));
    check_none(&missing.map(|page| format!("SUMMARY.md does not name {}", page.display())).collect::<Vec<_>>());
}

/// A failure would mean that the book describes other checks, another command line or other keys of files than those that count.
#[tokio::test]
async fn the_reference_is_what_the_code_says() {
    for page in ["checks", "command-line", "contract", "exit-codes", "scenario"] {
        let path = format!("docs/src/reference/{page}.md");
        let written = std::fs::read_to_string(support::repository().join(&path)).expect("it can be read");
        let call = Tool::new("chartgate", env!("CARGO_BIN_EXE_chartgate")).args(["reference", page]);
        let output = call.run_unchecked().await.expect("the command starts");
        assert!(written == output.stdout, "{path} is not current\nhint: `cargo run -- reference {page} > {path}`");
    }
}

/// A failure would mean that a program which is written after the book's example does not understand a verdict.
#[test]
fn the_books_verdict_is_valid() {
    let page = Document::read(&support::repository().join("docs/src/reference/verdict.md"));
    let block = page.blocks().into_iter().find(|block| block.language == "json").expect("the page has an example");
    let example = serde_json::from_str(&block.text).expect("it is JSON");
    let schema = serde_json::to_value(chartgate_report::Report::schema()).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let errors: Vec<_> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
    check_none(&errors);
}

/// A failure would mean that a reader looks for a file that was moved.
#[test]
fn every_file_that_a_document_names_exists() {
    let mut wrong = Vec::new();
    for document in documents() {
        for span in document.spans().iter().filter(|span| is_path(&document, &span.text)) {
            let path = span.text.as_str();
            let is_there = exists(&document, path) || is_in_sources(path);
            wrong.extend((!is_there).then(|| format!("{}: no `{path}`", place(&document, span))));
        }
    }
    check_none(&wrong);
}

/// A failure would mean that the test above is green whatever a document says.
#[test]
fn a_path_that_is_not_there_is_taken_for_one() {
    let root = support::repository();
    let document = Document::new(&root.join("README.md"), "");
    for path in ["harness/src/nowhere.rs", "hraness/src/run.rs", "charts/none/", "src/main.rs", "NONE.md"] {
        assert!(is_path(&document, path) && !exists(&document, path), "{path}");
    }
    for other in [
        "kindest/node",
        "/readyz",
        "~/.cache/chartgate",
        "target/chartgate/",
        "networking.k8s.io/v1",
        "v1.34",
        "scenarios/NAME.yaml",
    ] {
        assert!(!is_path(&document, other), "{other}");
    }
}

/// A failure would mean that the first thing a reader types is answered by "no rule to make target".
#[test]
fn every_make_target_that_a_document_names_exists() {
    let (targets, text) = makefile();
    let mut wrong = Vec::new();
    let mut count = 0;
    for document in documents() {
        for piece in code(&document) {
            for word in words_after(&piece.text, "make").unwrap_or_default() {
                let is_known = match word.split_once('=') {
                    Some((variable, _)) => text.contains(&format!("$({variable})")),
                    None => targets.iter().any(|target| target == word),
                };
                count += 1;
                wrong.extend((!is_known).then(|| format!("{}: make knows no `{word}`", place(&document, &piece))));
            }
        }
    }
    assert!(count > 0, "no document names a target, or none was found");
    check_none(&wrong);
}

/// A failure would mean that a documented command is refused.
#[tokio::test]
async fn every_command_and_flag_that_a_document_names_is_known() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for document in documents() {
        for piece in code(&document) {
            let words = words_after(&piece.text, "chartgate").unwrap_or_default();
            let is_name = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && word.len() > 1;
            let Some(subcommand) = words.first().filter(is_name).filter(|word| !word.starts_with('-')) else {
                continue;
            };
            count += 1;
            let Some(help) = help(subcommand).await else {
                wrong.push(format!("{}: there is no `chartgate {subcommand}`", place(&document, &piece)));
                continue;
            };
            for flag in flags(&words).into_iter().filter(|flag| !has_flag(&help, flag)) {
                wrong.push(format!("{}: `chartgate {subcommand}` knows no `{flag}`", place(&document, &piece)));
            }
        }
    }
    assert!(count > 0, "no document names a command, or none was found");
    check_none(&wrong);
}

/// A failure would mean that a documented flag, named without its command, is refused.
#[tokio::test]
async fn every_flag_that_stands_alone_is_known() {
    let mut known = String::new();
    let looking = ["explain", "list", "doctor", "judge", "report", "merge", "compare", "verify"];
    for subcommand in ["check", "run", "release", "mutate", "soak", "init", "setup", "clean"].into_iter().chain(looking)
    {
        known.push_str(&help(subcommand).await.expect("the subcommand is there"));
    }
    let mut wrong = Vec::new();
    // A chart's README speaks of helm's flags.
    for document in documents().iter().filter(|document| folder(document) == support::repository()) {
        for span in document.spans().iter().filter(|span| span.text.starts_with("--")) {
            for flag in flags(&span.text.split_whitespace().collect::<Vec<_>>()) {
                wrong.extend((!has_flag(&known, flag)).then(|| format!("{}: no `{flag}`", place(document, span))));
            }
        }
    }
    check_none(&wrong);
}

/// A failure would mean that a contributor is sent to a test that is not there.
#[test]
fn every_test_that_a_document_names_exists() {
    let mut wrong = Vec::new();
    for document in documents() {
        for piece in code(&document) {
            let names = piece.text.split("--test ").skip(1).filter_map(|rest| rest.split_whitespace().next());
            let exists = |name: &str| {
                let paths = [format!("tests/{name}.rs"), format!("tests/{name}/main.rs")];
                paths.iter().any(|path| support::repository().join(path).exists())
            };
            for name in names.filter(|name| !exists(name)) {
                wrong.push(format!("{}: no test `{name}`", place(&document, &piece)));
            }
            let modules = piece.text.split("--test it ").skip(1).filter_map(|rest| rest.split_whitespace().next());
            let modules = modules.filter(|word| word.starts_with(|first: char| first.is_ascii_lowercase()));
            for name in modules.filter(|name| !exists(&format!("it/{}", name.replace("::", "/")))) {
                wrong.push(format!("{}: no module `{name}` in `it`", place(&document, &piece)));
            }
        }
    }
    check_none(&wrong);
}

/// A failure would mean that a newcomer gives up before the two commands are understood.
#[test]
fn the_readme_is_short() {
    let text = std::fs::read_to_string(support::repository().join("README.md")).expect("it can be read");
    let lines = text.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines, and {README_LINES} are enough");
}
