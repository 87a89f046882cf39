use std::path::PathBuf;

use chartgate_cluster::Standing;

use super::facts::{Disk, Engine, Kept, Kernel};
use super::*;

/// A machine that lacks nothing.
fn sound() -> Facts {
    let engine = Engine {
        version: "28.1.0".to_owned(),
        system: "Debian GNU/Linux 13".to_owned(),
        architecture: "x86_64".to_owned(),
        cores: 8,
        memory: 24 << 30,
        cgroups: "2".to_owned(),
        unlimited: Vec::new(),
    };
    let disk = |of, folder: &str| Disk { of, folder: PathBuf::from(folder), free: Some(90 << 30) };
    Facts {
        engine: Ok(engine),
        tools: vec![Ok("bin/kind-0.33.0".to_owned())],
        images: vec![Ok(("chartgate/prober:1".to_owned(), true))],
        disks: vec![disk(Kept::State, "/home/u/.cache/chartgate"), disk(Kept::Engine, "/var/lib/docker")],
        available_memory: Some(20 << 30),
        kernel: Kernel { release: "6.12.0".to_owned(), inotify_instances: Some(8192), inotify_watches: Some(1 << 20) },
        standing: Vec::new(),
        strangers: Vec::new(),
    }
}

fn sick(change: impl FnOnce(&mut Facts)) -> Vec<Symptom> {
    let mut facts = sound();
    change(&mut facts);
    diagnosis::of(&facts)
}

fn with_engine(change: impl FnOnce(&mut Engine)) -> Vec<Symptom> {
    sick(|facts| change(facts.engine.as_mut().expect("it answers")))
}

/// Checks that a run cannot succeed, and that exactly one thing is said of it.
#[track_caller]
fn check_wrong(symptoms: &[Symptom], of: &str, seen: &str, fix: &str) {
    let shown = print(symptoms);
    assert!(!is_well(symptoms), "{shown}");
    let wrong: Vec<_> = symptoms.iter().filter(|symptom| symptom.health != Health::Fine).collect();
    assert_eq!(wrong.len(), 1, "{shown}");
    assert!(wrong[0].of == of && wrong[0].seen.contains(seen), "{shown}");
    assert!(matches!(&wrong[0].health, Health::Wrong(said) if said.contains(fix)), "{shown}");
}

/// Checks that something is worth a word, and that a run can succeed nevertheless.
#[track_caller]
fn check_note(symptoms: &[Symptom], of: &str, seen: &str, fix: &str) {
    let shown = print(symptoms);
    assert!(is_well(symptoms), "{shown}");
    let noted: Vec<_> = symptoms.iter().filter(|symptom| symptom.health != Health::Fine).collect();
    assert_eq!(noted.len(), 1, "{shown}");
    assert!(noted[0].of == of && noted[0].seen.contains(seen), "{shown}");
    assert!(matches!(&noted[0].health, Health::Note(said) if said.contains(fix)), "{shown}");
}

fn problem(what: &str, hint: Option<&str>) -> chartgate_base::Problem {
    chartgate_base::Problem { what: what.to_owned(), hint: hint.map(str::to_owned) }
}

/// A failure would mean that a person repairs a machine that is well.
#[test]
fn a_sound_machine_has_nothing_to_fix() {
    let symptoms = diagnosis::of(&sound());
    let shown = print(&symptoms);
    assert!(symptoms.iter().all(|symptom| symptom.health == Health::Fine), "{shown}");
    assert!(shown.starts_with("ok     engine     Docker 28.1.0 on Debian GNU/Linux 13 (x86_64), 8 cores\n"), "{shown}");
    assert!(shown.ends_with("ok     leftovers  none\n"), "{shown}");
}

/// A failure would mean that a newcomer's first run ends with a riddle about a socket.
#[test]
fn an_engine_that_does_not_answer_is_started_or_allowed() {
    let failing = |error: &str| sick(|facts| facts.engine = Err(error.to_owned()));
    let silent = "failed to run docker\nCannot connect to the Docker daemon at unix:///var/run/docker.sock";
    check_wrong(&failing(silent), "engine", "no Docker engine answers: Cannot connect", "`chartgate setup`");
    let denied = "permission denied while trying to connect to the Docker daemon socket";
    check_wrong(&failing(denied), "engine", "permission denied", "usermod -aG docker");
    check_wrong(&with_engine(|engine| engine.version = "19.03.5".to_owned()), "engine", "19.03.5", "20.10 or newer");
}

/// A failure would mean that a person is told what is wrong, and not what to do.
#[test]
fn what_is_missing_is_said_with_what_brings_it() {
    let no_tool = sick(|facts| facts.tools = vec![Err(problem("no kind 0.1 at `bin`", Some("run `chartgate setup`")))]);
    check_wrong(&no_tool, "tool", "no kind 0.1 at `bin`", "run `chartgate setup`");
    let broken = sick(|facts| facts.tools = vec![Err(problem("helm version: exec format error", None))]);
    check_wrong(&broken, "tool", "exec format error", "run `chartgate setup`");
    let gone = sick(|facts| facts.images = vec![Ok(("chartgate/node:1.34".to_owned(), false))]);
    check_wrong(&gone, "image", "does not have `chartgate/node:1.34`", "run `chartgate setup`");
    let unpulled = sick(|facts| facts.images = vec![Ok(("kindest/node:v1.34.0@sha256:74".to_owned(), false))]);
    check_note(&unpulled, "image", "does not have `kindest/node:v1.34.0@sha256:74`", "pulls it");
    let shown = print(&no_tool);
    assert!(
        shown.contains("WRONG  tool       no kind 0.1 at `bin`\n                  to fix it: run `chartgate setup`\n"),
        "{shown}"
    );
}

/// A failure would mean that a run fills the disk, or the memory, and every other program pays for it.
#[test]
fn too_little_room_is_seen_before_a_run() {
    let full = |of: usize| sick(|facts| facts.disks[of].free = Some(900 << 20));
    check_wrong(&full(0), "disk", "0.8 GB free for chartgate's state in", "CHARTGATE_HOME");
    check_wrong(&full(1), "disk", "0.8 GB free for images and containers in", "docker system prune");
    check_wrong(&with_engine(|engine| engine.memory = 1 << 30), "memory", "the engine has 1.0 GB", "more memory");
    let busy = sick(|facts| facts.available_memory = Some(1 << 30));
    check_note(&busy, "memory", "only 1.0 GB of this machine's are not in use", "chartgate clean");
    let elsewhere = sick(|facts| facts.disks[1].free = None);
    assert!(print(&elsewhere).contains("is in a virtual machine"), "{}", print(&elsewhere));
}

/// A failure would mean that nodes fail in ways that point at Kubernetes, and never at the kernel.
#[test]
fn limits_of_the_kernel_are_raised_by_one_command() {
    let few = sick(|facts| facts.kernel.inotify_instances = Some(128));
    check_note(&few, "kernel", "128 inotify instances", "`sudo sysctl -w fs.inotify.max_user_instances=512`");
    let both = sick(|facts| (facts.kernel.inotify_instances, facts.kernel.inotify_watches) = (Some(128), Some(8192)));
    check_note(&both, "kernel", "8192 inotify watches", "instances=512 fs.inotify.max_user_watches=524288`");
    let unknown = sick(|facts| (facts.kernel.inotify_instances, facts.kernel.inotify_watches) = (None, None));
    assert!(unknown.iter().all(|symptom| symptom.health == Health::Fine));
    check_note(&with_engine(|engine| engine.cgroups = "1".to_owned()), "cgroups", "v1", "unified_cgroup_hierarchy");
    check_wrong(&with_engine(|engine| engine.unlimited = vec!["cpu"]), "cgroups", "cannot limit cpu", "Delegate=");
}

/// A failure would mean that a person removes what a run uses at the moment, or keeps for ever what nothing uses.
#[test]
fn leftovers_are_named_and_a_cluster_in_use_is_none() {
    let entry = |name: &str, standing| (name.to_owned(), standing);
    let standing = |all: Vec<(String, Standing)>| sick(|facts| facts.standing = all);
    let used = standing(vec![entry("chartgate-a", Standing::InUse)]);
    assert!(used.iter().all(|symptom| symptom.health == Health::Fine), "{}", print(&used));
    let kept = standing(vec![entry("chartgate-a", Standing::InUse), entry("chartgate-b", Standing::Kept)]);
    check_note(&kept, "leftovers", "chartgate-b (kept)", "`chartgate clean` removes what was kept");
    let dead = standing(vec![entry("chartgate-c", Standing::Left)]);
    check_note(&dead, "leftovers", "chartgate-c (left by a dead run)", "the next run removes");
    let many = sick(|facts| facts.strangers = (0..9).map(|index| format!("chartgate-x{index}-postgres")).collect());
    check_note(&many, "leftovers", "chartgate-x5-postgres and 3 more", "`make clean`");
}
