use std::collections::BTreeMap;
use std::fs;

use chartgate_model::recording::{Change, Entry};
use serde_json::json;

use super::*;

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn of(recording: &Recording) -> Self {
        let folder = Self(std::env::temp_dir().join(format!("chartgate-evidence-{}", chartgate_base::random::text(8))));
        write(recording, &folder.0).unwrap();
        folder
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_else(|error| panic!("read {name}: {error}"))
    }

    /// Every file below it, by its name from here.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&self.0).unwrap().to_string_lossy().into_owned();
                    files.insert(name.clone(), self.read(&name));
                }
            }
        }
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn golden() -> Recording {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Recording::load(&root.join("tests/recordings/1/codex-pooler-single-replica")).unwrap()
}

fn add(recording: &mut Recording, seq: u64, moment: Value) {
    let moment = serde_json::from_value(moment).unwrap();
    recording.entries.push(Entry { seq, at: seq, moment });
    recording.entries.sort_by_key(|entry| entry.seq);
}

fn pod(name: &str, uid: &str, restarts: u32) -> Value {
    let status = json!({"name": "app", "containerID": "containerd://1", "restartCount": restarts});
    json!({"kind": "Pod", "metadata": {"name": name, "uid": uid}, "status": {"containerStatuses": [status]}})
}

fn see(recording: &mut Recording, seq: u64, object: Value) {
    let hash = chartgate_base::random::text(8);
    recording.objects.insert(hash.clone(), object.into());
    recording.entries.push(Entry { seq, at: seq, moment: Moment::Object { change: Change::Applied, hash } });
}

/// A failure would mean that a person who opens the evidence misses a line of a log, or a container that ran.
#[test]
fn every_container_has_its_whole_log() {
    let recording = golden();
    let files = Folder::of(&recording).files();
    let logs: BTreeMap<_, _> = files.iter().filter(|(name, _)| name.starts_with("logs/")).collect();
    let lines: usize = logs.values().map(|text| text.lines().count()).sum();
    let recorded = recording.entries.iter().filter(|entry| matches!(entry.moment, Moment::Log { .. })).count();
    assert!(recorded > 20 && lines == recorded, "{lines} of {recorded} lines");
    let is_first_migration = |(name, text): &(&&String, &&String)| {
        name.starts_with("logs/codex-pooler-migrations-") && text.starts_with("migrated 20260101000001 create_ledger\n")
    };
    let migration = logs.iter().find(is_first_migration).unwrap_or_else(|| panic!("{:?}", logs.keys()));
    assert!(migration.0.ends_with("/migrations.log"), "{}", migration.0);
}

/// A failure would mean that what a container said before it crashed is mixed with what it said afterwards, or is missing.
#[test]
fn restarts_and_pods_of_one_name_are_kept_apart() {
    let mut recording = Recording { entries: Vec::new(), ..golden() };
    see(&mut recording, 1, pod("db-0", "one", 0));
    add(&mut recording, 2, json!({"kind": "log", "pod": "db-0", "container": "app", "line": "first"}));
    see(&mut recording, 3, pod("db-0", "one", 2));
    add(&mut recording, 4, json!({"kind": "log", "pod": "db-0", "container": "app", "restart": 2, "line": "third"}));
    see(&mut recording, 5, pod("db-0", "two", 0));
    add(&mut recording, 6, json!({"kind": "log", "pod": "db-0", "container": "app", "line": "another pod"}));
    let files = Folder::of(&recording).files();
    let logs: Vec<_> = files.iter().filter(|(name, _)| name.starts_with("logs/")).collect();
    let logs: Vec<_> = logs.into_iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let expected = [
        ("logs/db-0.2/app.log", "another pod\n"),
        ("logs/db-0/app.1.log", ""),
        ("logs/db-0/app.2.log", "third\n"),
        ("logs/db-0/app.log", "first\n"),
    ];
    assert_eq!(logs, expected);
}

/// A failure would mean that nobody can see what an upgrade made of an object, or what helm was told.
#[test]
fn objects_and_helms_view_are_there_for_each_step() {
    let recording = golden();
    let folder = Folder::of(&recording);
    let files = folder.files();
    let is_yaml = |name: &str| Path::new(name).extension().is_some_and(|ending| ending == "yaml");
    for (name, text) in files.iter().filter(|(name, _)| is_yaml(name)) {
        let documents = chartgate_yaml::objects(text).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert!(!documents.is_empty(), "{name} is empty");
    }
    let image = |step: &str| {
        chartgate_yaml::value(&folder.read(&format!("objects/{step}/deployment-codex-pooler-app.yaml"))).unwrap()
        ["spec"]["template"]["spec"]["containers"][0]["image"]
        .clone()
    };
    let images = ["1-install", "2-upgrade", "3-rollback"].map(image);
    assert_eq!(images, ["chartgate/codex-pooler:v1", "chartgate/codex-pooler:v2", "chartgate/codex-pooler:v1"]);
    for file in ["call.txt", "status.yaml", "values.yaml", "manifest.yaml", "hooks.yaml"] {
        assert!(files.contains_key(&format!("helm/2-upgrade/{file}")), "no {file} in {:?}", files.keys());
    }
    let call = &files["helm/2-upgrade/call.txt"];
    assert!(call.starts_with("helm upgrade codex-pooler ") && call.contains("\nexit status 0 after "), "{call}");
    let hook = files.keys().find(|name| name.starts_with("objects/1-install/pod-codex-pooler-migrations-"));
    assert!(hook.is_some(), "the pod of a hook is gone at the step's end, and its object stays: {:?}", files.keys());
    assert!(folder.read("events.txt").contains("Pulled"), "{}", folder.read("events.txt"));
    let versions = chartgate_yaml::value(&folder.read("versions.yaml")).unwrap();
    assert_eq!((&versions["helm"], &versions["kubernetes"]), (&json!("3.22.0"), &json!("v1.34.4")));
    assert!(versions["images"]["chartgate/codex-pooler:v2"][0].as_str().unwrap().contains("@sha256:"), "{versions}");
}

/// A failure would mean that a release which helm rolled back by itself looks as if it had never been tried.
#[test]
fn a_history_tells_what_became_of_each_revision() {
    let mut recording = golden();
    let last = recording.entries.last().unwrap().seq;
    let revision = |number: u32, status: &str| json!({"kind": "revision", "release": "codex-pooler", "revision": number, "status": status});
    for (after, (number, status)) in
        [(1, "deployed"), (2, "failed"), (1, "superseded"), (3, "deployed")].iter().enumerate()
    {
        add(&mut recording, last + after as u64, revision(*number, status));
    }
    let history = Folder::of(&recording).read("helm/3-rollback/history.txt");
    let lines: Vec<_> = history.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>()).collect();
    assert_eq!(lines, [["REVISION", "STATUS"], ["1", "superseded"], ["2", "failed"], ["3", "deployed"]]);
}

/// A failure would mean that a name from a cluster writes a file somewhere else, or one object over another.
#[test]
fn foreign_names_stay_in_the_folder() {
    let mut recording = golden();
    let last = recording.entries.last().unwrap().seq;
    for (seq, name) in [(1, "../../../evil"), (2, "system:node"), (3, "system_node")] {
        let object = json!({"kind": "Role", "metadata": {"name": name, "uid": name}});
        see(&mut recording, last + seq, object);
    }
    let files = Folder::of(&recording).files();
    for name in ["role-.._.._.._evil.yaml", "role-system_node.yaml", "role-system_node.2.yaml"] {
        assert!(files.contains_key(&format!("objects/3-rollback/{name}")), "no {name} in {:?}", files.keys());
    }
}

/// A failure would mean that the evidence of an interrupted run is lost, or that an earlier run's is taken for it.
#[test]
fn a_run_that_was_cut_has_its_evidence_and_nothing_of_an_earlier_one() {
    let recording = golden();
    let folder = Folder::of(&recording);
    let second = steps(&recording)[1].from;
    let mut cut = recording.clone();
    cut.entries.retain(|entry| entry.seq <= second + 20);
    write(&cut, &folder.0).unwrap();
    let files = folder.files();
    assert!(files.contains_key("helm/1-install/status.yaml"), "{:?}", files.keys());
    assert!(files.keys().any(|name| name.starts_with("objects/2-upgrade/")), "{:?}", files.keys());
    assert!(!files.keys().any(|name| name.contains("3-rollback")), "{:?}", files.keys());
    remove(&folder.0).unwrap();
    assert!(folder.files().is_empty(), "{:?}", folder.files().keys());
}
