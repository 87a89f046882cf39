//! The commands that only look or tell. No test here needs a cluster.

use std::process::{Command, Stdio};

use chartgate_process::tool::{Output, Tool};
use serde_json::Value;

use crate::support;

fn command(args: &[&str]) -> Tool {
    Tool::new("chartgate", env!("CARGO_BIN_EXE_chartgate")).args(args).folder(support::repository())
}

async fn run(tool: Tool) -> Output {
    tool.run_unchecked().await.expect("the command starts")
}

/// A failure would mean that a script which asks what there is to run gets an answer it cannot read.
#[tokio::test]
async fn the_list_holds_scenarios_charts_and_checks() {
    let output = run(command(&["list", "--json"])).await;
    let list: Value = serde_json::from_str(&output.stdout).expect("it is JSON");
    let names: Vec<_> = list["scenarios"].as_array().expect("scenarios").iter().map(|it| &it["name"]).collect();
    assert!(names.iter().any(|name| *name == "codex-pooler/single-replica"), "{names:?}");
    assert_eq!(
        list["scenarios"][0]["file"], "scenarios/codex-pooler/broken-image-rolled-back.yaml",
        "the first by name"
    );
    assert!(list["charts"]["codex-pooler"]["version"].is_string());
    assert_eq!(list["checks"].as_array().map(Vec::len), Some(chartgate_judge::all().count()));
    let shown = run(command(&["list", "charts/codex-pooler"])).await.stdout;
    assert!(shown.contains("codex-pooler/") && shown.contains("hook-order"), "{shown}");
}

/// A failure would mean that a machine on which no run can succeed is called well, or that nothing says how to fix it.
#[tokio::test]
async fn a_machine_that_lacks_everything_is_told_how_to_fix_it() {
    let home = support::Home::new();
    let tool = command(&["doctor"]).env("DOCKER_HOST", "unix:///no/engine.sock");
    let bare = run(tool.env("CHARTGATE_HOME", home.path().join("empty"))).await;
    assert_eq!(bare.status.and_then(|status| status.code()), Some(4), "{}{}", bare.stdout, bare.stderr);
    for part in [
        "WRONG  engine ",
        "to fix it: `chartgate setup`",
        "WRONG  tool ",
        "to fix it: run `chartgate setup`",
        "leftovers  none",
    ] {
        assert!(bare.stdout.contains(part), "`{part}` is not in:\n{}", bare.stdout);
    }
}

/// What the command says of itself: each subcommand with its long flags.
async fn flags() -> Vec<(String, Vec<String>)> {
    let overview = run(command(&["help"])).await.stdout;
    let listed = overview.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<&str> =
        listed.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert!(names.contains(&"run") && names.contains(&"completions") && names.contains(&"man"), "{overview}");
    let mut all = Vec::new();
    for name in names {
        let help = run(command(&["help", name])).await.stdout;
        let words = help.split(|c: char| c.is_whitespace() || ",[]".contains(c));
        let flags = words.filter_map(|word| word.strip_prefix("--")).filter(|flag| !flag.is_empty() && *flag != "help");
        all.push((
            name.to_owned(),
            flags.filter(|flag| help.contains(&format!("  --{flag}"))).map(str::to_owned).collect(),
        ));
    }
    all
}

/// A failure would mean that a shell offers less than the command knows.
#[tokio::test]
async fn completions_know_every_command_and_flag() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(command(&["completions", shell])).await;
        assert!(output.is_success(), "{shell}: {}", output.stderr);
        for (name, flags) in flags().await {
            for word in flags.iter().chain([&name]) {
                assert!(output.stdout.contains(word), "the completions for {shell} lack `{word}` of `{name}`");
            }
        }
    }
}

/// A failure would mean that `man chartgate-run` does not know a flag.
#[tokio::test]
async fn manual_pages_name_every_command_and_flag() {
    let folder = support::repository().join("target/reports").join(chartgate_base::random::text(8));
    let output = run(command(&["man", &folder.display().to_string()])).await;
    assert!(output.is_success(), "{}", output.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a page for each command");
    let mut count = 0;
    for (name, flags) in flags().await {
        let page = read(&format!("chartgate-{name}.1"));
        assert!(read("chartgate.1").contains(&format!("chartgate\\-{name}(1)")), "chartgate.1 does not name `{name}`");
        for flag in flags {
            let written = format!("\\-\\-{}", flag.replace('-', "\\-"));
            assert!(page.contains(&written), "the manual page of `{name}` lacks `--{flag}`:\n{page}");
            count += 1;
        }
    }
    assert!(count > 10, "only {count} flags were looked for");
    std::fs::remove_dir_all(folder).expect("it can be removed");
}

/// Runs a command whose standard output is this; gives the exit code and what it said on standard error.
#[expect(clippy::disallowed_methods, reason = "`tool` would read what is to go elsewhere")]
fn run_into(output: impl Into<Stdio>, args: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chartgate"));
    command.args(args.split(' ')).current_dir(support::repository()).stdin(Stdio::null()).stdout(output);
    let ended = command.output().expect("the command starts");
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

/// A failure would mean that `chartgate list | head -1` ends in a panic.
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for args in ["list", "list --json", "explain", "explain hook-order", "schema", "completions bash", "--help"] {
        let (reader, writer) = std::io::pipe().expect("a pipe can be had");
        drop(reader);
        assert_eq!(run_into(writer, args), (Some(0), String::new()), "`chartgate {args}`");
    }
}

/// A failure would mean that a script goes on with a list that was cut off.
#[test]
fn a_text_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a device that is always full");
    let (code, said) = run_into(full, "list");
    assert_eq!((code, said.contains("cannot write to standard output")), (Some(4), true), "{said}");
}

/// A failure would mean that a harm which the renders show passes unseen, or that helm does not take our post-renderer.
#[tokio::test]
async fn a_mutant_that_its_renders_show_is_killed_under_each_helm() {
    for helm in ["3", "4"] {
        let out = tempfile::tempdir().expect("a directory can be made");
        let place = out.path().display().to_string();
        let operators = ["--operator", "budget-allows-nothing", "--operator", "hook-kept-before-creation"];
        let args =
            ["mutate", "scenarios/dispatch/two-replicas.yaml", "--renders-only", "--helm", helm, "--out", &place];
        let ran = run(command(&[&args[..], &operators].concat())).await;
        let killed = "killed       budget-allows-nothing          rollout-can-proceed in dispatch/two-replicas";
        assert!(ran.is_success() && ran.stdout.contains(killed), "Helm {helm}:\n{}{}", ran.stdout, ran.stderr);
        // Helm 3 keeps hooks back from its post-renderer.
        let of_hooks = if helm == "3" { "not applied  hook-kept" } else { "killed       hook-kept" };
        assert!(ran.stdout.contains(of_hooks), "Helm {helm}:\n{}", ran.stdout);
    }
}
