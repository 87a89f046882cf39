//! Small charts that are wrong in one way, and the same charts put right: what `chartgate check` says of each.
//!
//! A file of `tests/cases/` is named as a check and holds its cases: the check's `level` for the chart `bad`, words of its finding, and a
//! chart `good` for which no check is red and this one gives no advice; `chart` in place of the two is one that is as `level` says. `old`
//! and `good-old` are the versions upgraded from. A chart is its `templates/all.yaml`, or its files by path.

use std::fs;
use std::path::{Path, PathBuf};

use chartgate_base::stdio;
use chartgate_process::tool::Tool;
use rstest::rstest;
use serde_json::{Map, Value};

/// A failure would mean that a fault which public charts had is not seen, or that the chart without it is refused.
#[rstest]
#[tokio::test]
async fn each_case_ends_as_it_says(#[files("tests/cases/*.yaml")] file: PathBuf) {
    let check = file.file_stem().expect("it has a name").to_string_lossy().into_owned();
    let text = fs::read_to_string(&file).expect("it can be read");
    let cases = chartgate_yaml::value(&text).expect("it is YAML");
    let cases = cases.as_object().expect("it holds cases by name");
    assert!(!cases.is_empty(), "{} holds no case", file.display());
    let mut wrong = Vec::new();
    for (name, case) in cases {
        wrong.extend(Case { check: &check, name, written: case }.mistakes().await);
    }
    assert!(wrong.is_empty(), "{} of {} cases end otherwise:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

struct Case<'a> {
    check: &'a str,
    name: &'a str,
    written: &'a Value,
}

impl Case<'_> {
    /// How it ends otherwise than it says.
    async fn mistakes(&self) -> Vec<String> {
        let charts = [("bad", "old"), ("good", "good-old"), ("chart", "old")];
        let mut mistakes = Vec::new();
        for (chart, old) in charts.into_iter().filter(|(chart, _)| !self.written[*chart].is_null()) {
            let own = if self.written[old].is_null() { "old" } else { old };
            let judged = self.judge(chart, own).await;
            let wrong = if chart == "good" { self.wrong_of_good(&judged) } else { self.wrong_of_bad(&judged) };
            mistakes.extend(wrong.map(|what| format!("{}/{chart}: {what}\n{}", self.name, judged.said)));
        }
        mistakes
    }

    fn wrong_of_bad(&self, judged: &Judged) -> Option<String> {
        let all = |key: &str| self.written[key].as_array().cloned().unwrap_or_default();
        let (level, expected) = (self.written["level"].as_str().unwrap_or("fail"), self.written["exit"].as_i64());
        let told = if expected.is_some() { judged.said.clone() } else { judged.finding(self.check).to_string() };
        let has = |word: &Value| told.contains(word.as_str().expect("words are texts"));
        let seen = &judged.finding(self.check)["verdict"];
        let is_so = match expected {
            Some(code) => judged.code == Some(code),
            None => seen == level || (level == "pass" && seen == "not-applicable"),
        };
        let missing: Vec<Value> = all("words").into_iter().filter(|word| !has(word)).collect();
        let unwanted: Vec<Value> = all("without").into_iter().filter(has).collect();
        let is_right = is_so && missing.is_empty() && unwanted.is_empty();
        let check = self.check;
        (!is_right)
            .then(|| format!("{check} is {seen}, not {level}; missing {missing:?}, unwanted {unwanted:?}: {told}"))
    }

    fn wrong_of_good(&self, judged: &Judged) -> Option<String> {
        let finding = judged.finding(self.check);
        let is_right = judged.code == Some(0) && finding["verdict"] != "advice" && !finding.is_null();
        (!is_right).then(|| format!("exit code {:?}, {} is {}", judged.code, self.check, finding["verdict"]))
    }

    /// Checks one of the charts.
    async fn judge(&self, chart: &str, old: &str) -> Judged {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases").join(self.check).join(self.name);
        let directory = directory.join(chart);
        // What an earlier run left would be a part of the chart.
        drop(fs::remove_dir_all(&directory));
        // The release's name is made from the chart's directory's.
        let (own, before) = (directory.join("app"), directory.join("old/app"));
        write(&own, &self.written[chart], &self.written["values"], "1.2.3");
        let out = directory.join("out");
        let call = Tool::new("chartgate", env!("CARGO_BIN_EXE_chartgate")).args(["check"]).args([&own]);
        let call = call.args(["--out"]).args([&out]).args(["--kubernetes", "1.34", "--helm", "4"]);
        // Nothing may ask an engine.
        let mut call = call.env("DOCKER_HOST", "tcp://127.0.0.1:1").without_env("GITHUB_ACTIONS");
        if !self.written[old].is_null() {
            write(&before, &self.written[old], &self.written["values"], "1.2.2");
            call = call.args(["--from"]).args([&before]);
        }
        let output = call.run_unchecked().await.expect("the command starts");
        let said = output.stdout + &output.stderr;
        let verdict = fs::read_to_string(out.join("verdict.json")).unwrap_or_default();
        Judged {
            code: output.status.and_then(|status| status.code()).map(i64::from),
            said: stdio::plain(&said),
            verdict: serde_json::from_str(&verdict).unwrap_or_default(),
        }
    }
}

/// Writes a chart: its files by path, or the text of its only template.
fn write(directory: &Path, chart: &Value, values: &Value, version: &str) {
    let mut files = Map::new();
    let description = format!("apiVersion: v2\nname: app\nversion: {version}\nappVersion: \"4\"\n");
    files.insert("Chart.yaml".to_owned(), description.into());
    files.insert("values.yaml".to_owned(), values.as_str().unwrap_or("{}").into());
    match chart {
        Value::Object(own) => files.extend(own.clone()),
        template => _ = files.insert("templates/all.yaml".to_owned(), template.clone()),
    }
    for (path, text) in &files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a directory can be made");
        fs::write(path, text.as_str().expect("a file is a text")).expect("a file can be written");
    }
}

/// What the command said of a chart.
struct Judged {
    code: Option<i64>,
    said: String,
    verdict: Value,
}

impl Judged {
    /// A check's finding; null where it has none.
    fn finding(&self, check: &str) -> &Value {
        let checks = self.verdict["scenarios"][0]["checks"].as_array();
        checks.into_iter().flatten().find(|finding| finding["check"] == check).unwrap_or(&Value::Null)
    }
}
