//! What the cluster tests share.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod markdown;
pub mod shell;
pub mod strangers;

use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::Command;

use chartgate::gate;
use chartgate::progress::{Loudness, Show};
use chartgate_base::stdio;
use chartgate_judge::Verdict;
use chartgate_model::plan::Plan;
use chartgate_process::home;
use chartgate_process::tool::{Output, Tool};
use chartgate_report::{Report, ScenarioReport};
use chartgate_runner::run::Options;
use chartgate_runner::stop::Stop;

/// The root of the checkout.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What the environment asks for, as the command reads it.
pub fn options() -> Options {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let version = |key: &str| home::version(key).expect("versions.env names it").to_owned();
    let kubernetes = set("KUBERNETES").unwrap_or_else(|| version("KUBERNETES"));
    let helm = set("HELM").unwrap_or_else(|| version("HELM"));
    let backing = set("CHARTGATE_BACKING").map(|place| place.parse().expect("CHARTGATE_BACKING is a place"));
    // A planted fault is to be seen on the cluster, too: no check is asked first.
    Options { keep: set("KEEP").is_some(), backing, ..Options::new(kubernetes, helm) }
}

/// Runs a plan on the shared cluster.
pub async fn run(plan: &Plan) -> ScenarioReport {
    run_with(plan, &options()).await
}

/// Runs a plan as it is asked for.
pub async fn run_with(plan: &Plan, options: &Options) -> ScenarioReport {
    home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
    let folder = repository().join("target/chartgate").join(&plan.name);
    let mut plans = [plan.clone()];
    // Dropped at the end: it holds the version that the plan is upgraded from.
    let _origins = gate::prepare(&mut plans, options).await.unwrap_or_else(|error| panic!("{error:#}"));
    // As the test's own output, which is shown if it fails.
    let show = Show::lines(Loudness::Normal, |line| eprintln!("{}", stdio::plain(line)));
    let (progress, stop) = (show.scenario(&plan.name), Stop::default());
    let ended = gate::run_one(&plans[0], options, folder, &progress, &stop).await;
    ended.unwrap_or_else(|error| panic!("{error:#}"))
}

/// Runs a plan, and checks that its verdict is the expected one, and so is that of each of these checks.
#[track_caller]
pub fn check(plan: &Plan, expected: Verdict, checks: &[&str]) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move { judged(plan, &options(), expected, checks, caller).await }
}

/// The same, as it is asked for.
#[track_caller]
pub fn check_with(plan: &Plan, options: &Options, expected: Verdict, checks: &[&str]) -> impl Future<Output = ()> {
    judged(plan, options, expected, checks, Location::caller())
}

async fn judged(plan: &Plan, options: &Options, expected: Verdict, checks: &[&str], caller: &Location<'_>) {
    let scenario = run_with(plan, options).await;
    let shown = stdio::plain(&chartgate_report::print(&Report::new(vec![scenario.clone()])));
    eprintln!("{shown}");
    assert_eq!(scenario.verdict, expected, "verdict of `{}`, asked at {caller}:\n{shown}", plan.name);
    for name in checks {
        let finding = scenario.checks.iter().find(|finding| finding.check == *name);
        let verdict = finding.map(|finding| finding.verdict);
        assert_eq!(verdict, Some(expected), "verdict of `{name}`, asked at {caller}:\n{shown}");
    }
}

/// The command, with arguments.
pub fn chartgate<A: Into<std::ffi::OsString>>(args: impl IntoIterator<Item = A>) -> Tool {
    Tool::new("chartgate", env!("CARGO_BIN_EXE_chartgate")).args(args.into_iter().map(Into::into))
}

/// Checks how the command ended, and that it says all of this.
#[track_caller]
pub fn check_said(output: &Output, code: i32, parts: &[&str]) {
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.status.and_then(|status| status.code()), Some(code), "exit code of:\n{said}");
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
}

/// The tests that the running binary holds.
#[expect(clippy::disallowed_methods, reason = "the test binary asks itself; no tool is run")]
pub fn tests_of_this_binary() -> Vec<String> {
    let this = std::env::current_exe().expect("a test knows its binary");
    let listed = Command::new(this).args(["--list", "--format=terse"]).output().expect("a test binary can be listed");
    let text = String::from_utf8(listed.stdout).expect("test names are UTF-8");
    text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// A copy of a chart with one text replaced in one of its files: a fault, planted at run time.
pub struct PatchedChart(PathBuf);

impl PatchedChart {
    /// Copies `charts/NAME` and plants a fault in it.
    ///
    /// # Panics
    /// If the text does not stand in the file: the fault would not be there, and the test would prove nothing.
    pub fn new(chart: &str, file: &str, text: &str, fault: &str) -> Self {
        Self::of(&repository().join("charts").join(chart), file, text, fault)
    }

    /// The same with a chart that lies elsewhere.
    pub fn of(chart: &Path, file: &str, text: &str, fault: &str) -> Self {
        let chart = Self::copy(chart);
        chart.replace(file, text, fault);
        chart
    }

    /// A copy without a fault, which a test may write to.
    pub fn copy(chart: &Path) -> Self {
        let copy = repository().join("target/chartgate/patched").join(chartgate_base::random::text(8));
        copy_folder(chart, &copy);
        Self(copy)
    }

    /// Replaces another text.
    ///
    /// # Panics
    /// If it does not stand in the file.
    pub fn replace(&self, file: &str, text: &str, fault: &str) {
        let path = self.0.join(file);
        let before = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
        assert!(before.contains(text), "`{text}` is not in {}:\n{before}", path.display());
        std::fs::write(&path, before.replace(text, fault)).expect("the copy can be written");
    }

    /// Adds text to the end of one of its files.
    pub fn append(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        let before = std::fs::read_to_string(&path).expect("the copy can be read");
        std::fs::write(&path, before + text).expect("the copy can be written");
    }

    /// Where the copy is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PatchedChart {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("the chart can be read") {
        let entry = entry.expect("the chart can be read").path();
        let target = to.join(entry.file_name().expect("an entry has a name"));
        if entry.is_dir() {
            copy_folder(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).expect("a file can be copied");
        }
    }
}

/// A state folder of its own, with the user's tools and images: its broker is nobody else's.
pub struct Home(PathBuf);

impl Home {
    /// Makes it, with a short name: a Unix socket's path is short.
    pub fn new() -> Self {
        let own = std::env::temp_dir().join(format!("cg-{}", chartgate_base::random::text(6)));
        let users = home::folder().expect("there is a state folder");
        std::fs::create_dir_all(&own).expect("a folder can be made");
        for shared in ["bin", "images.env"] {
            std::os::unix::fs::symlink(users.join(shared), own.join(shared)).expect("a link can be made");
        }
        Self(own)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
