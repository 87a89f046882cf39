//! What pipelines and package managers read of this repository: the action, the workflows, the hook for pre-commit, the plugin for helm, and
//! the tests that SECURITY.md names.

use std::path::{Path, PathBuf};

use chartgate_process::home;
use chartgate_process::tool::Tool;
use serde_json::Value;

use super::files;
use crate::support;
use crate::support::markdown::Document;
use crate::support::shell::Shell;

fn read(file: &str) -> Value {
    let text = std::fs::read_to_string(support::repository().join(file)).expect("it is there");
    chartgate_yaml::value(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The `run` blocks of an action's or a workflow's steps, with what the step is called.
fn run_blocks(steps: &Value) -> Vec<(String, String)> {
    let steps = steps.as_array().expect("there are steps").iter();
    let block = |step: &Value| {
        let name = step["id"].as_str().or(step["run"].as_str()).unwrap_or_default().to_owned();
        Some((name, step["run"].as_str()?.to_owned()))
    };
    steps.filter_map(block).collect()
}

fn workflows() -> Vec<PathBuf> {
    files(&support::repository().join(".github/workflows"))
}

/// A failure would mean that a step of somebody's pipeline ends with a mistake of bash's.
#[tokio::test]
async fn each_run_block_is_bash() {
    let mut count = 0;
    let action = run_blocks(&read("action.yml")["runs"]["steps"]);
    let jobs = workflows().into_iter().flat_map(|file| {
        let jobs = read(&file.display().to_string())["jobs"].clone();
        let jobs = jobs.as_object().expect("a workflow has jobs").clone();
        jobs.values().flat_map(|job| run_blocks(&job["steps"])).collect::<Vec<_>>()
    });
    for (name, block) in action.into_iter().chain(jobs) {
        assert!(!block.contains("${{"), "`{name}`: what others write is put into a script: name it in `env`\n{block}");
        let checked = Tool::on_path("bash").args(["-n", "-c", &block]).run_unchecked().await.expect("bash starts");
        assert!(checked.is_success(), "`{name}`: {}\n{block}", checked.stderr);
        count += 1;
    }
    assert!(count >= 10, "only {count} blocks were read");
}

/// A failure would mean that whoever may move another action's tag changes what our pipelines run.
#[test]
fn each_action_of_others_is_pinned_by_its_commit() {
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("it can be read");
    let texts = workflows().into_iter().chain([support::repository().join("action.yml")]).map(read);
    let used = texts.flat_map(|text| {
        let after = text.split("uses: ").skip(1).filter_map(|rest| rest.split([',', '}', ' ', '\n']).next());
        after.map(str::to_owned).collect::<Vec<_>>()
    });
    let used: Vec<String> = used.filter(|action| !action.starts_with("./")).collect();
    let is_pinned = |action: &String| {
        let commit = action.split_once('@').map_or("", |(_, commit)| commit);
        commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit())
    };
    let others: Vec<_> = used.iter().filter(|action| !is_pinned(action)).collect();
    assert!(used.len() >= 10 && others.is_empty(), "of {} actions these are not pinned: {others:?}", used.len());
}

/// A failure would mean that the action judges nothing, or says nowhere where its reports are.
#[tokio::test]
async fn the_action_judges_what_it_is_given() {
    let action = read("action.yml");
    let blocks = run_blocks(&action["runs"]["steps"]);
    let block = |name: &str| &blocks.iter().find(|(id, _)| id == name).expect("the action has such a step").1;
    let temporary = tempfile::tempdir().expect("a directory can be made");
    let (output, summary) = (temporary.path().join("output"), temporary.path().join("summary"));
    let shell = Shell::new(&support::repository());
    let inputs = action["inputs"].clone();
    let set = |command: &str, judged: &str, arguments: &str| {
        let at = |path: &Path| path.display().to_string();
        format!(
            "export COMMAND={command} JUDGED={judged} ARGUMENTS='{arguments}' RUNNER_TEMP={} GITHUB_OUTPUT={} \
             GITHUB_STEP_SUMMARY={} GITHUB_ACTION_PATH={} RUNNER_OS=Linux RUNNER_ARCH=X64\n",
            at(temporary.path()),
            at(&output),
            at(&summary),
            at(&support::repository())
        )
    };
    let command = inputs["command"]["default"].as_str().expect("it has one");
    assert_eq!(command, "check");
    let judged = shell.run(&(set(command, "charts/dispatch", "--quiet --helm 3") + block("judge"))).await;
    assert!(judged.is_success(), "{}{}", judged.stdout, judged.stderr);
    let key = shell.run(&(set(command, ".", "") + block("key"))).await;
    assert!(key.is_success(), "{}{}", key.stdout, key.stderr);
    let outputs = std::fs::read_to_string(&output).expect("a step writes its outputs");
    assert!(outputs.contains("report=") && outputs.contains("key=chartgate-Linux-X64-"), "{outputs}");
    assert!(temporary.path().join("chartgate/verdict.json").exists(), "the report is not where the action says");
    assert!(std::fs::read_to_string(&summary).expect("it is written").contains("## chartgate: "), "no summary");
}

/// A failure would mean that the action of a release compiles what the release has ready, or takes another file for it.
#[tokio::test]
async fn the_action_installs_the_binary_of_its_release() {
    let action = read("action.yml");
    let blocks = run_blocks(&action["runs"]["steps"]);
    let install = &blocks.iter().find(|(id, _)| id == "install").expect("the action installs").1;
    let machine = tempfile::tempdir().expect("a directory can be made");
    let at = |place: &str| machine.path().join(place);
    let release = at("server/owner/gate/releases/download/v1");
    for directory in [&release, &at("temp"), &at("home")] {
        std::fs::create_dir_all(directory).expect("a directory can be made");
    }
    let binary = "#!/bin/sh\necho \"$@\" >> \"$HOME/called\"\n";
    std::fs::write(release.join("chartgate-linux-arm64"), binary).expect("it can be written");
    let root = machine.path().display();
    let begin = format!(
        "export HOME={root}/home RUNNER_TEMP={root}/temp RUNNER_ARCH=ARM64 GITHUB_SERVER_URL=file://{root}/server \
         REPOSITORY=owner/gate VERSION=v1 GITHUB_PATH={root}/path GITHUB_ACTION_PATH=/nowhere\n"
    );
    let shell = Shell::new(&support::repository());
    let sum = format!("cd {} && sha256sum chartgate-linux-arm64 > chartgate-linux-arm64.sha256", release.display());
    assert!(shell.run(&sum).await.is_success());
    for (command, called) in [("check", "setup --tools-only\n"), ("run", "setup --tools-only\nsetup\n")] {
        let output = shell.run(&format!("{begin}export COMMAND={command}\n{install}")).await;
        assert!(output.is_success(), "{}{}", output.stdout, output.stderr);
        assert_eq!(std::fs::read_to_string(at("home/called")).expect("it was called"), called);
    }
    let own = at("home/.cache/chartgate/bin");
    assert!(std::fs::read_to_string(at("path")).expect("it is written").contains(&own.display().to_string()));
    std::fs::remove_file(own.join("chartgate")).expect("it is there");
    std::fs::write(release.join("chartgate-linux-arm64"), "something else\n").expect("it can be written");
    let output = shell.run(&format!("{begin}export COMMAND=check\n{install}")).await;
    assert!(!output.is_success() && !own.join("chartgate").exists(), "another file was taken: {}", output.stdout);
}

/// A failure would mean that `helm gate` is no command.
#[tokio::test]
async fn the_plugin_works_in_both_helms() {
    let plugins = tempfile::tempdir().expect("a directory can be made");
    std::os::unix::fs::symlink(support::repository(), plugins.path().join("gate")).expect("a link can be made");
    let shell = Shell::new(&support::repository());
    for major in ["HELM_3", "HELM_4"] {
        let helm = home::tool("helm", home::version(major).expect("it is pinned")).expect("the set-up made it");
        let call = format!("HELM_PLUGINS={} {} gate", plugins.path().display(), helm.display());
        let listed = shell.run(&format!("{call} explain hook-order")).await;
        assert!(
            listed.is_success() && listed.stdout.contains("hook-order"),
            "{major}: {}{}",
            listed.stdout,
            listed.stderr
        );
        let refused = shell.run(&format!("{call} explain no-such-check")).await;
        let code = refused.status.and_then(|status| status.code());
        assert!(code.is_some_and(|code| code != 0), "{major}: {}", refused.stdout);
    }
    assert_eq!(read("plugin.yaml")["version"], env!("CARGO_PKG_VERSION"), "the plugin's version is the command's");
}

/// A failure would mean that a commit hook calls what is not there.
#[tokio::test]
async fn the_hooks_for_pre_commit_are_commands() {
    let hooks = read(".pre-commit-hooks.yaml");
    let hooks = hooks.as_array().expect("it is a list");
    assert!(!hooks.is_empty());
    for hook in hooks {
        let entry = hook["entry"].as_str().expect("a hook has an entry");
        let subcommand = entry.strip_prefix("chartgate ").and_then(|rest| rest.split(' ').next()).expect("it is ours");
        let help = super::help(subcommand).await.unwrap_or_else(|| panic!("there is no `chartgate {subcommand}`"));
        for flag in super::flags(&entry.split(' ').collect::<Vec<_>>()) {
            assert!(help.contains(flag), "`{entry}`: there is no `{flag}`");
        }
    }
}

/// A failure would mean that a line of the threat model is held by nothing.
#[test]
fn each_test_that_the_threat_model_names_is_there() {
    let document = Document::read(&support::repository().join("SECURITY.md"));
    let sources: String = ["harness", "tests"]
        .into_iter()
        .flat_map(|folder| files(&support::repository().join(folder)))
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| std::fs::read_to_string(path).expect("a source is text"))
        .collect();
    let rows = document.prose().filter_map(|piece| support::markdown::cells(&piece.text));
    let tests: Vec<String> = rows.skip(2).filter_map(|cells| cells.last().cloned()).collect();
    assert!(tests.len() >= 12, "{tests:?}");
    for cell in tests {
        for name in support::markdown::spans(&cell) {
            assert!(sources.contains(&format!("fn {name}(")), "no test is called `{name}`");
        }
        assert!(cell.contains('`'), "a line of the threat model names no test: {cell}");
    }
}
