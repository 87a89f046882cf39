use std::collections::BTreeSet;

use super::*;
use crate::recorded::judge_all;

const SET: [&str; 3] = ["shop/first", "shop/second", "shop/third"];

/// Recordings of a set of three scenarios, of which the second is broken.
struct Set {
    directory: tempfile::TempDir,
    /// Entries of each timeline: the first says all that most tests ask.
    entries: usize,
}

impl Set {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), entries: 1 }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What one run writes of some of the scenarios.
    fn run(&self, folder: &str, names: &[&str], shard: Option<Shard>) -> PathBuf {
        let folder = self.at(folder);
        for name in names {
            let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/1/codex-pooler-single-replica");
            std::fs::create_dir_all(folder.join(name)).unwrap();
            for file in chartgate_model::recording::FILES {
                let text = std::fs::read_to_string(golden.join(file)).unwrap();
                let text = text.replace("\"codex-pooler/single-replica\"", &format!("\"{name}\""));
                let is_broken = *name == "shop/second";
                let text =
                    if is_broken { text.replace(r#""answer":"refused""#, r#""answer":"connected""#) } else { text };
                let lines = if file == "timeline.jsonl" { self.entries } else { usize::MAX };
                let text: String = text.lines().take(lines).flat_map(|line| [line, "\n"]).collect();
                std::fs::write(folder.join(name).join(file), text).unwrap();
            }
        }
        let report = Report { shard, ..judge_all(&folder).unwrap() };
        report.write(&folder).unwrap();
        folder
    }

    fn shard(&self, number: usize) -> PathBuf {
        self.run(&format!("shard-{number}"), &[SET[number - 1]], Some(shard(number)))
    }
}

fn shard(number: usize) -> Shard {
    Shard { number, of: 3, set: SET.map(str::to_owned).to_vec(), digest: "a".to_owned() }
}

/// Each check of each scenario, and how it ended.
fn verdicts(report: &Report) -> BTreeSet<(String, String, String)> {
    let of = |scenario: &ScenarioReport| {
        let name = scenario.name.clone();
        let found = scenario.checks.iter().map(move |it| (name.clone(), it.check.clone(), format!("{:?}", it.verdict)));
        found.collect::<Vec<_>>()
    };
    report.scenarios.iter().flat_map(of).collect()
}

/// The findings of what is no scenario of the set: check, and what is wrong.
fn wrong(report: &Report) -> Vec<(String, String)> {
    let beside = report.scenarios.iter().filter(|it| !SET.contains(&it.name.as_str()));
    let found = beside.flat_map(|it| &it.checks).map(|it| (it.check.clone(), it.statement().to_owned()));
    found.collect()
}

/// A failure would mean that more machines give another verdict than one.
#[test]
fn three_shards_say_what_one_run_says() {
    let set = Set { entries: usize::MAX, ..Set::new() };
    let whole = set.run("whole", &SET, None);
    let merged = merge(&[set.shard(3), set.shard(1), set.shard(2)], &set.at("merged")).unwrap();
    let one_run = judge_all(&whole).unwrap();
    assert_eq!(verdicts(&merged), verdicts(&one_run));
    assert_eq!((merged.verdict, merged.shard.as_ref()), (Verdict::Fail, None));
    for file in ["junit.xml", "summary.md", "verdict.json"] {
        let read = |folder: PathBuf| {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            text.replace(&folder.display().to_string(), "OUT")
        };
        assert_eq!(read(set.at("merged")), read(set.at("whole")), "{file}");
    }
    assert!(set.at("merged/shop/second/events.txt").exists(), "the evidence is not beside the recordings");
}

/// A failure would mean that a machine which never ran is green.
#[test]
fn a_missing_shard_is_void_by_its_name_and_so_are_its_scenarios() {
    let set = Set::new();
    let merged = merge(&[set.shard(1), set.shard(3)], &set.at("merged")).unwrap();
    assert_eq!(merged.verdict, Verdict::Void);
    assert_eq!(wrong(&merged), [("shard-given".to_owned(), "shard 2 of 3 is missing".to_owned())]);
    let second = merged.scenarios.iter().find(|scenario| scenario.name == "shop/second").unwrap();
    assert!(second.checks[0].message.starts_with("not run: it belongs to a shard that is missing"), "{second:?}");
    let junit = std::fs::read_to_string(set.at("merged/junit.xml")).unwrap();
    assert!(junit.contains("shard 2 of 3 is missing"), "{junit}");
}

/// A failure would mean that the reader of a merged report takes two runs of one shard for two shards.
#[test]
fn a_shard_that_is_given_twice_is_void() {
    let set = Set::new();
    let again = set.run("again", &[SET[0]], Some(shard(1)));
    let merged = merge(&[set.shard(1), again, set.shard(3)], &set.at("merged")).unwrap();
    let checks: Vec<String> = wrong(&merged).into_iter().map(|(check, _)| check).collect();
    assert_eq!(checks, ["shard-once", "shard-given"]);
    assert!(wrong(&merged)[0].1.starts_with("shard 1 of 3 was given twice: "), "{:?}", wrong(&merged));
}

/// A failure would mean that one verdict is made of two charts.
#[test]
fn shards_of_other_files_or_versions_are_void() {
    let set = Set::new();
    let other = Shard { digest: "b".to_owned(), ..shard(2) };
    let other = set.run("other", &[SET[1]], Some(other));
    let merged = merge(&[set.shard(1), other, set.shard(3)], &set.at("merged")).unwrap();
    let found = wrong(&merged);
    assert!(found[0].1.contains("a chart, a scenario, a contract or values differ"), "{found:?}");
    assert_eq!(found[1].1, "shard 2 of 3 is missing");

    let newer = set.shard(2);
    let timeline = newer.join("shop/second/timeline.jsonl");
    let text = std::fs::read_to_string(&timeline).unwrap();
    assert!(text.contains(r#""helm":"3."#), "the recording names another helm: {}", text.lines().next().unwrap());
    std::fs::write(&timeline, text.replacen(r#""helm":"3."#, r#""helm":"4."#, 1)).unwrap();
    let merged = merge(&[set.shard(1), newer, set.shard(3)], &set.at("newer")).unwrap();
    let found = wrong(&merged);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == "shard-of-same-versions" && found[0].1.contains("with helm 4."), "{found:?}");
}

/// A failure would mean that a run which was killed is left out silently, or that a whole run is taken for a shard.
#[test]
fn a_shard_that_was_cut_is_void_and_what_is_no_shard_is_refused() {
    let set = Set::new();
    let cut = set.shard(2);
    std::fs::remove_file(cut.join("verdict.json")).unwrap();
    let merged = merge(&[set.shard(1), cut, set.shard(3)], &set.at("merged")).unwrap();
    let checks: Vec<String> = wrong(&merged).into_iter().map(|(check, _)| check).collect();
    assert_eq!((merged.verdict, checks), (Verdict::Void, vec!["shard-ended".to_owned(), "shard-given".to_owned()]));

    let refused = |directory: PathBuf| merge(&[directory], &set.at("refused")).unwrap_err().to_string();
    assert!(refused(set.run("whole", &SET, None)).contains("was not written by a shard's run"));
    assert!(refused(set.at("nowhere")).contains("no directory at"));
    let within = merge(&[set.shard(1)], &set.at("shard-1/merged")).unwrap_err();
    assert!(within.to_string().contains("which is to be merged"), "{within:#}");
}

/// A failure would mean that what only a run knows, such as that a scenario was ended, is lost when shards are merged.
#[test]
fn what_a_run_says_of_itself_is_kept() {
    let set = Set::new();
    let third = set.shard(3);
    let mut report = Report::read(&third).unwrap();
    let trouble = Problem { what: "the run itself failed".to_owned(), hint: None };
    report.scenarios[0].checks.insert(0, Finding::of_problems("run", Verdict::Void, vec![trouble], Vec::new()));
    report.write(&third).unwrap();
    let merged = merge(&[set.shard(1), set.shard(2), third], &set.at("merged")).unwrap();
    let third = merged.scenarios.iter().find(|scenario| scenario.name == "shop/third").unwrap();
    assert_eq!((third.verdict, third.checks[0].check.as_str()), (Verdict::Void, "run"));
}
