//! How long a user waits for a verdict: of the renders, of their variations, and with stub images on a cluster that runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chartgate_process::tool::Tool;

use super::{LIMIT, out};

/// A small chart that nobody wrote for the gate: a release's whole life.
const SMALL: &str = "tests/strangers/bare";
/// Nothing answers there: a check needs no engine.
const NO_ENGINE: &str = "tcp://127.0.0.1:9";

pub(super) struct Verdicts {
    /// `check` on a chart: every values file, both helms, the oldest and the newest Kubernetes.
    pub(super) check: Duration,
    /// The same, with a hundred variations of the values.
    pub(super) explored: Duration,
    /// A small chart's whole sequence with stub images.
    pub(super) stubs: Duration,
}

impl Verdicts {
    /// Takes them for a chart of this repository, and for a small one on a running cluster.
    pub(super) async fn take(chart: &str, kubeconfig: &Path, context: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let chart = root.join("charts").join(chart);
        let check = |more: &'static [&'static str], name: &'static str| {
            let call = chartgate(&["check"], name).args([&chart]).args(more);
            timed(call.env("DOCKER_HOST", NO_ENGINE))
        };
        let stubs = chartgate(&["run", "--stub-images", "--context", context], "stubs").args([root.join(SMALL)]);
        Self {
            check: check(&[], "check").await,
            explored: check(&["--explore=100"], "explored").await,
            stubs: timed(stubs.env("KUBECONFIG", kubeconfig)).await,
        }
    }
}

fn chartgate(args: &[&str], name: &str) -> Tool {
    let folder: PathBuf = out().join(name);
    let exe = Path::new(env!("CARGO_BIN_EXE_chartgate"));
    Tool::new("chartgate", exe).args(args).args(["--out"]).args([folder])
}

async fn timed(call: Tool) -> Duration {
    call.deadline(LIMIT).run().await.expect("the chart passes").took
}
