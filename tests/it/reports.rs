//! What a run writes for people and machines: its formats are what they say they are. No test here needs a cluster.

use std::path::{Path, PathBuf};

use chartgate::gate;
use chartgate_base::stdio;
use chartgate_judge::{Evidence, Finding, Verdict};
use chartgate_process::tool::{Output, Tool};
use chartgate_report::Report;
use html5gum::Token;
use serde_json::Value;

use crate::support;

const GOLDEN: &str = "tests/recordings/1/codex-pooler-single-replica";

/// A copy of the golden recording, in a folder that goes with it.
struct Copy(PathBuf);

impl Copy {
    fn new() -> Self {
        let folder = support::repository().join("target/reports").join(chartgate_base::random::text(8));
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
    let passing = Copy::new();
    check_verdict(&passing.0, Verdict::Pass);
    check_verdict(&broken().0, Verdict::Fail);
    let copy = Copy::new();
    let timeline = copy.0.join("codex-pooler/single-replica/timeline.jsonl");
    let whole = std::fs::read_to_string(&timeline).expect("it can be read");
    std::fs::write(timeline, &whole[..whole.len() / 2]).expect("it can be written");
    check_verdict(&copy.0, Verdict::Void);
    std::fs::remove_dir_all(copy.0.join("codex-pooler")).expect("it can be removed");
    let refused = gate::judge_all(&copy.0).map(|_| ()).expect_err("a directory without recordings is refused");
    assert!(refused.to_string().contains("no recording"), "{refused:#}");
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
    assert!(copy.read("junit.xml").contains(r#"<failure message="pod/"#), "{}", copy.read("junit.xml"));
    assert!(copy.read("summary.md").contains("### FAIL role-serves in codex-pooler/single-replica"));
}

/// What a chart, a pod or a node may say: colours, a terminal's title, what no XML takes, and the ends of what texts are put into.
const HOSTILE: &str = "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7} \u{0}\u{8}\u{9b}\u{fffe}\u{202e} ]]> --> </pre></script><script>alert(1)</script> \
                       | `a` | <img src=x onerror=alert(2)> &lt; \" ' ``` the end";

/// A run that failed with hostile words in every place that a chart can write to, and a very long line.
fn hostile() -> Report {
    let folder = support::repository().join(GOLDEN);
    let mut scenario = gate::judge_folder(&folder).expect("the recording can be read");
    let seen = |text: String| Evidence { seq: Some(1), at: Some(1234), text };
    for verdict in
        [Verdict::Fail, Verdict::Void, Verdict::Advice, Verdict::Waived, Verdict::NotApplicable, Verdict::Pass]
    {
        scenario.checks.push(Finding {
            check: "ready".to_owned(),
            verdict,
            message: format!("{HOSTILE}\n{}\nhint: {HOSTILE}", "long ".repeat(200_000)),
            evidence: vec![seen(HOSTILE.to_owned()), seen("x".repeat(1_000_000))],
            problems: Vec::new(),
            since: None,
            templates: Vec::new(),
        });
    }
    for text in [&mut scenario.name, &mut scenario.description, &mut scenario.chart] {
        HOSTILE.clone_into(text);
    }
    (scenario.verdict, scenario.repeat) = (Verdict::Fail, Some(format!("chartgate run '{HOSTILE}'")));
    Report::new(vec![scenario])
}

/// The files of a report, by name, and what the terminal shows of it.
fn written(report: &Report) -> (impl Fn(&str) -> String + use<>, String) {
    let folder = support::repository().join("target/reports").join(chartgate_base::random::text(8));
    report.write(&folder).expect("it can be written");
    let files = ["verdict.json", "junit.xml", "summary.md", "report.html"]
        .map(|name| (name, std::fs::read_to_string(folder.join(name)).expect("it was written as UTF-8")));
    std::fs::remove_dir_all(&folder).expect("it can be removed");
    let read = move |name: &str| files.iter().find(|file| file.0 == name).expect("it is one of them").1.clone();
    (read, chartgate_report::print(report))
}

/// A failure would mean that a log line clears a person's screen, or that CI's viewer refuses a report.
#[test]
fn no_report_holds_what_steers_a_terminal_or_breaks_a_format() {
    let (read, shown) = written(&hostile());
    assert!(!shown.contains("\u{1b}[31mred") && !shown.contains("\u{1b}]"), "the terminal is steered: {shown:?}");
    // The rest of its codes are our colours.
    let texts = [stdio::plain(&shown), read("junit.xml"), read("summary.md"), read("report.html")];
    for (text, name) in texts.iter().zip(["terminal", "junit.xml", "summary.md", "report.html"]) {
        assert!(text.contains("the end"), "{name} shows the message");
        let wrong = text.chars().find(|c| (c.is_control() && *c != '\n') || ['\u{fffe}', '\u{202e}'].contains(c));
        assert_eq!(wrong, None, "in {name}");
        assert!(!text.contains("[31m") && !text.contains("]0;title"), "{name} shows what is left of a colour");
        assert!(text.len() < 300_000, "{name} has {} bytes", text.len());
    }
    let longest = texts[0].lines().map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest < 5000), "a line of {longest:?} characters");
}

fn number(node: roxmltree::Node, name: &str) -> usize {
    let text = node.attribute(name).unwrap_or_else(|| panic!("`{}` has no `{name}`", node.tag_name().name()));
    text.parse().unwrap_or_else(|_| panic!("`{name}` is `{text}`"))
}

/// A failure would mean that a viewer counts other failures than there are, or shows none of their text.
#[test]
fn junit_is_read_by_another_parser_and_its_counts_agree() {
    let (read, _) = written(&hostile());
    let text = read("junit.xml");
    let document = roxmltree::Document::parse(&text).expect("it is XML");
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    let suites: Vec<_> = root.children().filter(roxmltree::Node::is_element).collect();
    assert!(!suites.is_empty() && suites.iter().all(|suite| suite.has_tag_name("testsuite")));
    for level in suites.iter().chain([&root]) {
        let cases: Vec<_> = level.descendants().filter(|node| node.has_tag_name("testcase")).collect();
        let with = |tag: &str| cases.iter().filter(|case| case.children().any(|it| it.has_tag_name(tag))).count();
        assert!(level.attribute("name").is_some() && level.attribute("time").is_some());
        assert_eq!(number(*level, "tests"), cases.len());
        assert_eq!((number(*level, "failures"), number(*level, "errors")), (with("failure"), with("error")));
        assert_eq!((with("failure"), with("error")), (1, 1));
    }
    for case in document.descendants().filter(|node| node.has_tag_name("testcase")) {
        assert!(case.attribute("name").is_some() && case.attribute("classname").is_some());
    }
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).expect("one failed");
    assert!(failure.attribute("message").is_some_and(|message| message.starts_with("red")), "{failure:?}");
    assert!(failure.text().is_some_and(|text| text.contains("]]>") && text.contains("repeat")), "{failure:?}");
}

/// A failure would mean that a message ends the table of a job's summary, or that it is markup there.
#[test]
fn a_summary_holds_no_markup_of_others() {
    let (read, _) = written(&hostile());
    let text = read("summary.md");
    let row = text.lines().find(|line| line.starts_with("| FAIL |")).expect("a row for the scenario");
    assert_eq!(row.replace("\\|", "").matches('|').count(), 6, "{row}");
    let mut fence = None;
    for line in text.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(length) if ticks >= length && line.len() == ticks => fence = None,
            Some(_) => {}
            None if ticks >= 3 => fence = Some(ticks),
            None => {
                let own =
                    line.replace("<details><summary>evidence, and what to try</summary>", "").replace("</details>", "");
                assert!(!own.contains('<'), "{line}");
            }
        }
    }
    assert_eq!(fence, None, "what is foreign ends where its fence does");
}

/// Elements that end with a tag of their own, in the page as we write it.
const CLOSED: [&str; 12] =
    ["html", "body", "main", "div", "table", "details", "article", "dl", "ol", "span", "button", "script"];

/// A failure would mean that a browser makes something else of the page than we wrote, or that it asks another server for a part of it.
#[test]
fn the_page_is_read_by_another_parser_without_a_complaint() {
    let (read, _) = written(&hostile());
    let page = read("report.html");
    let mut emitter = html5gum::DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let (mut open, mut scripts, mut words) = (Vec::new(), 0, String::new());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for token in html5gum::Tokenizer::new_with_emitter(&page, emitter) {
        match token.expect("a text can be read to its end") {
            Token::StartTag(tag) => {
                let name = text(&tag.name);
                let attributes: Vec<_> = tag.attributes.iter().map(|(key, value)| (text(key), text(value))).collect();
                let value =
                    |wanted: &str| attributes.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
                assert!(
                    !["img", "iframe", "link", "object", "embed", "base", "form"].contains(&name.as_str()),
                    "{name}"
                );
                assert!(
                    value("src").is_none() && value("href").is_none_or(|href| href.starts_with('#')),
                    "{attributes:?}"
                );
                assert!(attributes.iter().all(|(key, _)| !key.starts_with("on")), "{attributes:?}");
                scripts += usize::from(name == "script" && value("type").is_none());
                open.extend(CLOSED.contains(&name.as_str()).then_some(name));
            }
            Token::EndTag(tag) => {
                let name = text(&tag.name);
                let is_closed = CLOSED.contains(&name.as_str());
                assert!(!is_closed || open.pop().as_ref() == Some(&name), "`{name}` ends where it is not open");
            }
            Token::String(part) => words.push_str(&text(&part)),
            Token::Error(error) => panic!("{:?}", error.value),
            Token::Comment(_) | Token::Doctype(_) => {}
        }
    }
    assert!(open.is_empty() && scripts == 1, "{open:?} never ends, {scripts} scripts are there");
    assert!(words.contains("</pre></script><script>alert(1)</script>"), "foreign words are words");
}

/// A failure would mean that a verdict with a chart's own words in it is refused by whoever trusts the schema.
#[test]
fn a_verdict_keeps_every_word_and_fits_the_schema() {
    let (read, _) = written(&hostile());
    let verdict: Value = serde_json::from_str(&read("verdict.json")).expect("it is JSON");
    assert!(jsonschema::validator_for(&schema()).expect("it is a schema").is_valid(&verdict));
    assert_eq!(verdict["scenarios"][0]["name"], HOSTILE);
}
