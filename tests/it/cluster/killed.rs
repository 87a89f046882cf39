//! A run that is killed or interrupted leaves nothing: no cluster, no container, no process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chartgate_judge::Verdict;
use chartgate_model::recording::{Moment, Recording};
use chartgate_process::wait::{Check, until};
use chartgate_scenario::Overrides;
use rustix::process::{Pid, Signal};

use crate::support::{self, Home};

/// Some ten seconds after the kill nothing of chartgate's is left; a busy machine takes its time.
const SOON: Duration = Duration::from_secs(90);

const SCENARIO: &str = "scenarios/codex-pooler/single-replica.yaml";

/// A failure would mean that each aborted gate leaves a cluster that somebody must find and remove.
#[tokio::test]
async fn a_killed_gate_leaves_nothing() {
    let victim = Victim::new();
    victim.kill_during_helm(victim.gate()).await;
}

/// A failure would mean that who stops a gate, or the machine it runs on, loses what it saw, or finds its cluster there later.
#[tokio::test]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_terminated_gate_keeps_what_it_saw_and_leaves_nothing() {
    let victim = Victim::new();
    let mut child = victim.gate().spawn().expect("it starts");
    let clusters = victim.until_helm_works(&mut child).await;
    signal(&child, Signal::TERM);
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(
        said.contains("not run, because the run was interrupted:\n  codex-pooler/single-replica (ended while"),
        "{said}"
    );
    let folder = victim.home.path().join("out");
    let seen = Recording::load(&folder.join("codex-pooler/single-replica")).expect("the recording is there");
    let has = |is: fn(&Moment) -> bool| seen.entries.iter().any(|entry| is(&entry.moment));
    assert!(has(|moment| matches!(moment, Moment::StepStarted { step: 0 })) && !has(|it| matches!(it, Moment::Ended)));
    let verdict = std::fs::read_to_string(folder.join("verdict.json")).expect("the reports are there");
    assert!(verdict.contains(r#""not_run": "the run was interrupted""#), "{verdict}");
    victim.until_nothing_is_left(&clusters).await;
}

/// A failure would mean that who presses Ctrl-C twice has to wait all the same, or has to clean up.
#[tokio::test]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_gate_that_is_interrupted_twice_ends_at_once_and_leaves_nothing() {
    let victim = Victim::new();
    let mut child = victim.gate().spawn().expect("it starts");
    let clusters = victim.until_helm_works(&mut child).await;
    signal(&child, Signal::INT);
    // It has taken note of the first.
    victim.until("helm to be ended", <[String]>::is_empty).await;
    signal(&child, Signal::INT);
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130));
    assert!(ended.stdout.is_empty(), "it has no time for a report: {}", String::from_utf8_lossy(&ended.stdout));
    victim.until_nothing_is_left(&clusters).await;
}

/// A failure would mean that who stops a search for what no scenario notices cannot begin another at once: the namespaces are still there.
#[tokio::test]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_terminated_mutate_removes_what_it_made_before_it_ends() {
    let victim = Victim::new();
    let mut command = victim.command(Path::new(env!("CARGO_BIN_EXE_chartgate")));
    command.args(["mutate", SCENARIO, "--operator", "hook-removed", "--out"]).arg(victim.home.path().join("out"));
    let child = command.spawn().expect("it starts");
    victim.until("helm to be at work", |helms| !helms.is_empty()).await;
    let clusters = victim.clusters();
    assert!(namespaces_in(&clusters).contains("/cg-"), "no namespace of a scenario is there");
    signal(&child, Signal::TERM);
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted: ending the scenarios"), "{said}");
    let left = namespaces_in(&clusters);
    assert!(!left.contains("/cg-"), "{left}");
    victim.until_nothing_is_left(&clusters).await;
}

/// A failure would mean that each aborted test run leaves a cluster that somebody must find and remove.
#[tokio::test]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_killed_test_leaves_nothing() {
    let victim = Victim::new();
    let mut command = victim.command(&std::env::current_exe().expect("a test knows its binary"));
    command.args(["--exact", "cluster::killed::to_be_killed", "--ignored", "--nocapture"]);
    victim.kill_during_helm(command).await;
}

/// Killed by `a_killed_test_leaves_nothing`, in a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "another test runs it, to kill it"]
async fn to_be_killed() {
    let path = support::repository().join(SCENARIO);
    let plan = chartgate_scenario::load(&path, &Overrides::default()).expect("the scenario is valid");
    support::check(&plan, Verdict::Pass, &[]).await;
}

/// A run in a state folder of its own.
struct Victim {
    home: Home,
}

impl Victim {
    fn new() -> Self {
        Self { home: Home::new() }
    }

    #[expect(clippy::disallowed_methods, reason = "what is killed must not die by `tool`'s own means")]
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("CHARTGATE_HOME", self.home.path()).current_dir(support::repository());
        // Lines come as they are said there.
        command.env_remove("GITHUB_ACTIONS");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
        command
    }

    /// A gate that runs the scenario.
    fn gate(&self) -> Command {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_chartgate")));
        command.args(["run", SCENARIO, "--out"]).arg(self.home.path().join("out"));
        command
    }

    /// Starts a run, kills it while helm works, and waits until nothing of it is left.
    async fn kill_during_helm(&self, mut command: Command) {
        let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
        let clusters = self.until_helm_works(&mut child).await;
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        self.until_nothing_is_left(&clusters).await;
    }

    /// Waits until helm installs; gives the names of the clusters.
    async fn until_helm_works(&self, child: &mut Child) -> Vec<String> {
        read_until(child, "helm install");
        self.until("helm to be at work", |helms| !helms.is_empty()).await;
        let clusters = self.clusters();
        assert!(!containers_of(&clusters).is_empty(), "a cluster must be there: {clusters:?}");
        clusters
    }

    /// Waits for a state of the processes in which helm installs.
    async fn until(&self, what: &str, is_so: impl Fn(&[String]) -> bool) {
        let looked = until(what, SOON, async || {
            let mut running = self.processes();
            running.retain(|line| line.contains("helm-") && line.contains(" install "));
            if is_so(&running) { Check::Ready(()) } else { Check::NotYet(running.join(", ")) }
        });
        looked.await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    async fn until_nothing_is_left(&self, clusters: &[String]) {
        until("everything to be gone", SOON, async || {
            let left = [containers_of(clusters), self.processes()].concat();
            if left.is_empty() { Check::Ready(()) } else { Check::NotYet(left.join(", ")) }
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Names of the clusters that the broker of this state folder has registered.
    fn clusters(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.home.path().join("brokers")).expect("the broker has a folder").flatten();
        let folders = entries.filter(|entry| entry.path().is_dir());
        folders.map(|entry| format!("chartgate-{}", entry.file_name().to_string_lossy())).collect()
    }

    /// Command lines of the running processes that were started with this state folder in their environment.
    fn processes(&self) -> Vec<String> {
        let own = format!("CHARTGATE_HOME={}", self.home.path().display());
        let entries = std::fs::read_dir("/proc").expect("there is /proc").flatten();
        let read = |path: PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        let ours = entries.filter(|entry| read(entry.path().join("environ")).split('\0').any(|pair| pair == own));
        ours.map(|entry| read(entry.path().join("cmdline")).replace('\0', " ")).collect()
    }
}

/// Sends a signal, as a terminal or `kill` does.
fn signal(child: &Child, signal: Signal) {
    let id = child.id().try_into().ok().and_then(Pid::from_raw).expect("a process has an id");
    rustix::process::kill_process(id, signal).expect("it can be told");
}

/// Reads a child's standard error until a line holds `text`; the rest is read and dropped.
fn read_until(child: &mut Child, text: &str) {
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut seen = Vec::new();
    loop {
        let line = lines.next().unwrap_or_else(|| panic!("it ended without `{text}`:\n{}", seen.join("\n")));
        let line = line.expect("it writes UTF-8");
        eprintln!("{line}");
        if line.contains(text) {
            break;
        }
        seen.push(line);
    }
    std::thread::spawn(move || lines.map_while(Result::ok).count());
}

/// The namespaces of these clusters, as a node's own client tells them.
#[expect(clippy::disallowed_methods, reason = "a plain look from outside, as a person would")]
fn namespaces_in(clusters: &[String]) -> String {
    let nodes = containers_of(clusters).into_iter().filter(|name| name.ends_with("-control-plane"));
    let ask = ["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "get", "namespaces", "--output", "name"];
    let told = nodes.map(|node| {
        let output = Command::new("docker").arg("exec").arg(node).args(ask).output().expect("docker runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    told.collect()
}

/// Names of the containers, running or not, that belong to one of the clusters.
#[expect(clippy::disallowed_methods, reason = "a plain look from outside, as a person would")]
fn containers_of(clusters: &[String]) -> Vec<String> {
    let listed = Command::new("docker").args(["ps", "--all", "--format", "{{.Names}}"]).output().expect("docker runs");
    assert!(listed.status.success(), "docker ps: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let is_ours = |name: &&str| clusters.iter().any(|cluster| name.starts_with(cluster.as_str()));
    names.lines().filter(is_ours).map(str::to_owned).collect()
}
