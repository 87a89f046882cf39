//! What a run says, in which form, and when it ends before its time. No test here needs a cluster: the charts do not render.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use chartgate_process::wait::{Check, until};
use rustix::process::{Pid, Signal, kill_process};

use crate::support;

/// Rendering it fails at once, or takes helm longer than any test may.
const TEMPLATE: &str = "{{ if .Values.slow }}{{ range until 10000 }}{{ range until 10000 }}{{ end }}{{ end }}{{ end }}\n\
                        {{ fail \"::error::out of luck\" }}\n";

/// A chart that has a scenario for each of these names.
struct Chart(PathBuf);

impl Chart {
    fn new(scenarios: &[&str]) -> Self {
        let folder = support::repository().join("target/live").join(chartgate_base::random::text(8));
        let write = |name: &str, text: &str| {
            let path = folder.join("chart").join(name);
            std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder can be made");
            std::fs::write(path, text).expect("it can be written");
        };
        write("Chart.yaml", "apiVersion: v2\nname: luckless\nversion: 1.0.0\n");
        write("templates/x.yaml", TEMPLATE);
        for scenario in scenarios {
            write(&format!("ci/{scenario}-values.yaml"), &format!("slow: {}\n", *scenario == "slow"));
        }
        Self(folder)
    }

    /// Starts a run of it, in an environment that is no CI's.
    #[expect(clippy::disallowed_methods, reason = "a test sends it signals, as a terminal does")]
    fn start(&self, flags: &[&str], env: &[(&str, &str)]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chartgate"));
        command.args(["run", "--quick"]).arg(self.0.join("chart")).arg("--out").arg(self.0.join("out")).args(flags);
        for name in ["CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        // No engine answers there: what would start a cluster fails instead.
        command.env("DOCKER_HOST", "unix:///no/engine.sock").envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    fn run(&self, flags: &[&str], env: &[(&str, &str)]) -> Said {
        Said::of(self.start(flags, env))
    }
}

impl Drop for Chart {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// What a run said, and how it ended.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn of(child: Child) -> Self {
        let ended = child.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: ended.status.code(), out: text(&ended.stdout), err: text(&ended.stderr) }
    }

    #[track_caller]
    fn check(&self, code: i32, of_out: &[&str], of_err: &[&str]) {
        let Self { out, err, .. } = self;
        assert_eq!(self.code, Some(code), "exit code of:\n{out}\n{err}");
        for (parts, text) in [(of_out, out), (of_err, err)] {
            for part in parts {
                assert!(text.contains(part), "`{part}` is not in:\n{text}\nbut:\n{out}\n{err}");
            }
        }
    }
}

/// A failure would mean that `--fail-fast` waits for what nobody wants to know any more, or counts it as passed.
#[test]
fn the_first_failure_ends_a_run_that_is_to_fail_fast() {
    let chart = Chart::new(&["quick", "slow"]);
    let said = chart.run(&["--fail-fast"], &[]);
    let cause =
        "VOID not run, because `luckless/quick` did not pass, and `--fail-fast` ends a run there:\n  luckless/slow\n";
    said.check(
        1,
        &[cause, "FAIL: 0 passed, 1 failed, 0 void, 1 not run"],
        &["luckless/slow: VOID", "luckless/quick: FAIL"],
    );
    let verdict = std::fs::read_to_string(chart.0.join("out/verdict.json")).expect("it is written");
    assert!(verdict.contains(r#""not_run": "`luckless/quick` did not pass"#), "{verdict}");
}

/// A failure would mean that a person who presses Ctrl-C waits on, or takes the run for one that said something.
#[tokio::test]
async fn an_interrupted_run_ends_with_what_it_has() {
    for signal in [Signal::INT, Signal::TERM] {
        let chart = Chart::new(&["slow"]);
        let child = chart.start(&["--keep-going"], &[]);
        // The run has taken its directory, and helm renders for longer than the signal takes.
        let folder = chart.0.join("out");
        let is_begun = async || if folder.exists() { Check::Ready(()) } else { Check::NotYet("no folder".to_owned()) };
        until("the scenario to begin", Duration::from_secs(60), is_begun).await.expect("it begins");
        let id = child.id().try_into().ok().and_then(Pid::from_raw).expect("a process has an id");
        kill_process(id, signal).expect("it can be told");
        Said::of(child).check(130, &["VOID not run, because the run was interrupted"], &["interrupted: ending"]);
    }
}

/// A failure would mean that a script's log is full of what it did not ask for, or that a failure is kept from it.
#[test]
fn a_quiet_run_says_what_is_broken_and_nothing_else() {
    let chart = Chart::new(&["quick"]);
    let (quiet, normal) = (chart.run(&["-q"], &[]), chart.run(&["--keep-going"], &[]));
    quiet.check(1, &["\nFAIL renders in luckless/quick\n", "\nFAIL: 0 passed, 1 failed, 0 void\n"], &[]);
    assert!(quiet.err.is_empty() && !quiet.out.contains("  FAIL    renders"), "{}\n{}", quiet.out, quiet.err);
    normal.check(1, &["  FAIL    renders"], &["s  luckless/quick: FAIL in ", " s: renders\n"]);
    assert!(!normal.out.contains('\u{1b}') && !normal.err.contains('\u{1b}'), "no terminal reads it");
}

/// A failure would mean that colours are where nobody can see them, or missing where they were asked for.
#[test]
fn colours_are_where_they_were_asked_for() {
    let chart = Chart::new(&["quick"]);
    let is_colored = |flags: &[&str], env: &[(&str, &str)]| {
        let said = chart.run(flags, env);
        assert_eq!(said.out.contains('\u{1b}'), said.err.contains('\u{1b}'), "{}\n{}", said.out, said.err);
        said.out.contains('\u{1b}')
    };
    assert!(!is_colored(&["--color", "auto"], &[]));
    assert!(is_colored(&["--color", "always"], &[("NO_COLOR", "1")]), "a flag is above the environment");
    assert!(is_colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!is_colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
}

/// A failure would mean that a reviewer does not find the failure at its file, or that a chart's words become commands of the runner.
#[test]
fn on_github_a_scenarios_log_folds_and_its_failure_is_noted_at_its_file() {
    let chart = Chart::new(&["quick"]);
    let root = chart.0.canonicalize().expect("it is there").display().to_string();
    let said = chart.run(&[], &[("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", &root)]);
    let note = "\n::error file=chart/Chart.yaml,title=FAIL luckless/quick::renders: ";
    said.check(1, &["::stop-commands::", note], &["::group::", "luckless/quick: FAIL", "\n::endgroup::\n"]);
    let token = said.out.lines().find_map(|line| line.strip_prefix("::stop-commands::")).expect("a token");
    let (shown, noted) = said.out.split_once(&format!("\n::{token}::\n")).expect("commands begin again");
    assert!(shown.contains("::error::out of luck") && noted.lines().count() == 1, "{}", said.out);
}

/// A failure would mean that one of two contradictory wishes is ignored in silence.
#[test]
fn flags_that_contradict_each_other_are_refused() {
    let chart = Chart::new(&["quick"]);
    for flags in [["--fail-fast", "--keep-going"], ["--quiet", "--verbose"], ["--color", "sometimes"]] {
        chart.run(&flags, &[]).check(2, &[], &["error: "]);
    }
}
