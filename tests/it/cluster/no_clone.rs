//! The command without a checkout: the static binary alone.

use std::path::PathBuf;
use std::time::Duration;

use chartgate_process::home;
use chartgate_process::tool::Tool;

use crate::support::{self, check_said};

/// Compiling the command takes minutes, a run on a new cluster one.
const LIMIT: Duration = Duration::from_secs(1800);

/// A program on the `PATH`.
fn on_path(name: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").expect("there is a PATH");
    std::env::split_paths(&folders).map(|it| it.join(name)).find(|it| it.is_file()).expect("it is on the PATH")
}

/// A failure would mean that who has the binary of a release, and not the repository, can judge nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: it compiles the static command and makes a cluster of its own"]
async fn the_binary_alone_judges_a_chart_in_a_root_without_the_repository() {
    let make = Tool::new("programs", support::repository().join("harness/setup/programs")).deadline(LIMIT);
    make.run().await.unwrap_or_else(|error| panic!("{error:#}"));
    let helm = home::version("HELM").and_then(home::helm).expect("the set-up made it");
    let kind = home::version("KIND").and_then(|version| home::tool("kind", version)).expect("the set-up made it");
    let own = home::folder().expect("there is a state folder").join("bin/chartgate");
    let programs = [("chartgate-linux-amd64", own), ("helm", helm), ("kind", kind), ("docker", on_path("docker"))];
    let programs = programs.map(|(name, program)| format!("{name}={}", program.display()));
    let chart = support::repository().join("tests/stubs/everything");
    let call = Tool::new("bare-root", support::repository().join("tests/support/bare-root")).args([chart]);
    let call =
        call.args(programs).args(["--", "chartgate-linux-amd64", "run", "/chart", "--stub-images", "--out", "/out"]);
    let output = call.deadline(LIMIT).run_unchecked().await.expect("it starts");
    // No set-up noted a prober there: it is the command itself.
    check_said(&output, 0, &["pass: 2 passed"]);
}
