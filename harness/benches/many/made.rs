//! Recordings that nobody ran: an install and an upgrade with as many pods and requests as asked for.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use chartgate_model::recording::{FILES, hash_of};
use serde_json::{Value, json};

/// How much was recorded.
pub struct Size {
    pub scenarios: usize,
    /// Of each scenario.
    pub pods: usize,
    /// Of each scenario; one of a hundred failed.
    pub requests: usize,
}

/// Requests of one slice of time: what a rate of 50/s gives in a second.
const SLICE: usize = 50;

/// Writes the recordings; where they are.
pub fn set(directory: &Path, size: &Size) -> Vec<PathBuf> {
    (0..size.scenarios).map(|number| recording(directory, number, size)).collect()
}

/// How many bytes a recording has.
pub fn size(folder: &Path) -> u64 {
    FILES.iter().filter_map(|name| folder.join(name).metadata().ok()).map(|it| it.len()).sum()
}

fn recording(directory: &Path, number: usize, size: &Size) -> PathBuf {
    let name = format!("shop/case-{number}");
    let folder = directory.join(&name);
    std::fs::create_dir_all(&folder).expect("a directory can be made");
    let mut tape = Tape::default();
    tape.say(
        json!({"kind": "started", "format": 1, "unix_ms": 1_795_259_546_879_u64, "namespace": "cg", "single_etcd": true,
        "versions": {"helm": "3.22.0", "kubernetes": "v1.34.4"}}),
    );
    tape.say(json!({"kind": "watching"}));
    for step in 0..2 {
        tape.say(json!({"kind": "step-started", "step": step}));
        for pod in 0..size.pods / 2 {
            life(&mut tape, step, pod);
        }
        for _ in 0..size.requests / 2 / SLICE {
            let at = tape.at;
            tape.say(
                json!({"kind": "served", "role": "web", "from": at, "to": at + 1000, "count": SLICE, "slowest_ms": 9,
                "late_ms": 1, "by_pod": {}}),
            );
        }
        for _ in 0..size.requests / 2 / 100 {
            let at = tape.at;
            tape.say(
                json!({"kind": "failed", "role": "web", "sent": at, "took_ms": 3, "failure": "refused", "pod": null}),
            );
        }
        tape.say(json!({"kind": "step-ended", "step": step, "outcome": "succeeded"}));
    }
    tape.say(json!({"kind": "traffic-stopped"}));
    tape.say(json!({"kind": "ended"}));
    let plan = plan(&name).to_string();
    for (file, text) in FILES.iter().zip([plan, tape.timeline, tape.objects]) {
        std::fs::write(folder.join(file), text).expect("it can be written");
    }
    folder
}

fn plan(name: &str) -> Value {
    let golden = include_str!("../../../tests/recordings/1/codex-pooler-single-replica/plan.json");
    let mut plan: Value = serde_json::from_str(golden).expect("it is JSON");
    plan["name"] = json!(name);
    plan["steps"].as_array_mut().expect("there are steps").truncate(2);
    plan["traffic"] = json!({"web": {"rate": 50, "slow_ms": 5000, "sessions": 0}});
    plan
}

/// A pod from its creation to its readiness, with a line of its log.
fn life(tape: &mut Tape, step: usize, pod: usize) {
    let name = format!("web-{step}-{pod}");
    for (phase, is_ready) in [("Pending", "False"), ("Running", "False"), ("Running", "True")] {
        tape.version += 1;
        tape.see(&json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "cg", "uid": format!("uid-{name}"), "resourceVersion": tape.version.to_string(),
                "labels": {"app.kubernetes.io/component": "web", "app.kubernetes.io/instance": "shop"}},
            "spec": {"containers": [{"name": "app", "image": "shop:1", "ports": [{"containerPort": 8080}],
                "env": [{"name": "MODE", "value": "web"}]}]},
            "status": {"phase": phase, "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": is_ready}],
                "containerStatuses": [{"name": "app", "containerID": "x", "restartCount": 0, "ready": is_ready == "True",
                    "state": {"running": {}}}]}}));
    }
    tape.say(json!({"kind": "log", "pod": name, "container": "app", "line": "listening on 8080"}));
}

/// A timeline and its objects, as text.
#[derive(Default)]
struct Tape {
    seq: u64,
    at: u64,
    version: u64,
    timeline: String,
    objects: String,
}

impl Tape {
    fn say(&mut self, mut entry: Value) {
        entry["seq"] = json!(self.seq);
        entry["at"] = json!(self.at);
        writeln!(self.timeline, "{entry}").expect("a text takes it");
        (self.seq, self.at) = (self.seq + 1, self.at + 7);
    }

    fn see(&mut self, object: &Value) {
        let hash = hash_of(object);
        writeln!(self.objects, "{}", json!({"hash": hash, "object": object})).expect("a text takes it");
        self.say(json!({"kind": "object", "change": "applied", "hash": hash}));
    }
}
