//! `chartgate mutate`: would the scenarios notice?

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use chartgate::ending::Ending;
use chartgate::mutate::{self, Options, Reach};
use chartgate::progress::{Loudness, Show};
use chartgate_base::stdio;
use chartgate_mutate::{OPERATORS, Operator};
use chartgate_process::home;
use chartgate_runner::run;
use chartgate_runner::stop::Stop;
use chartgate_scenario::Overrides;
use chartgate_yaml::{Invalid, nearest};

use super::common::duration;
use super::interrupt;

/// What is tried, and how far.
#[derive(clap::Args)]
pub struct Arguments {
    /// Scenario files, charts (whose own scenarios or ci/*-values.yaml are run), or directories of either, as for `run`
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Operator to try (repeatable); by default each
    #[arg(long = "operator", value_name = "NAME")]
    operators: Vec<String>,
    /// Judge only what the mutants render: no cluster, no engine
    #[arg(long, conflicts_with = "stub_images")]
    renders_only: bool,
    /// Replace the program of every container by a stub on the cluster, where the chart's images are not there
    #[arg(long)]
    stub_images: bool,
    /// Begin nothing more after so long; what was decided is kept for the next run
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    budget: Option<Duration>,
    /// Fail below this part of the applied mutants
    #[arg(long, value_name = "SCORE", default_value_t = 0.0)]
    min_score: f64,
    /// Helm major version; only Helm 4 shows hooks to a post-renderer
    #[arg(long, value_parser = ["3", "4"], default_value = "4")]
    helm: String,
    /// Kubernetes minor version; by default the one that harness/versions.env names
    #[arg(long, value_name = "KUBERNETES", env = "KUBERNETES")]
    kubernetes: Option<String>,
    /// Directory for the reports (mutation.txt, mutation.json, mutation.xml) and the recordings
    #[arg(long, value_name = "DIR", default_value = "chartgate-out/mutate")]
    out: PathBuf,
}

impl Arguments {
    /// Tries the mutants and says how it ended.
    pub async fn run(self) -> Result<Ending> {
        let (show, stop) = (Show::new(Loudness::Normal), Stop::default());
        interrupt::listening(&show, &stop, Box::pin(self.carry_out(&stop))).await
    }

    async fn carry_out(self, stop: &Stop) -> Result<Ending> {
        for name in &self.operators {
            operator(name)?;
        }
        let plans = chartgate_scenario::plans(&self.paths, &Overrides::default())?;
        let kubernetes = self.kubernetes.filter(|minor| !minor.is_empty()).map_or_else(home::kubernetes, Ok)?;
        // Between two mutants nobody may use the cluster.
        let keep_warm = Some(Duration::from_secs(60));
        let run = run::Options { keep_warm, ..run::Options::new(kubernetes, self.helm) };
        let reach = match (self.renders_only, self.stub_images) {
            (true, _) => Reach::Renders,
            (false, true) => Reach::Stubs,
            (false, false) => Reach::Cluster,
        };
        let (out, only) = (self.out.clone(), self.operators);
        let options = Options { run, reach, only, budget: self.budget, least: self.min_score, out: self.out };
        let report = Box::pin(mutate::run(plans, options, stop)).await?;
        stdio::print(format_args!("{}report: {}\n", report.print(), out.join("mutation.json").display()))?;
        Ok(report.verdict.into())
    }
}

/// The operator of a name.
fn operator(name: &str) -> Result<&'static Operator, Invalid> {
    if let Some(operator) = chartgate_mutate::named(name) {
        return Ok(operator);
    }
    let known = || OPERATORS.iter().map(|operator| operator.name);
    let hint = match nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of {}", known().collect::<Vec<_>>().join(", ")),
    };
    Err(Invalid(format!("no operator is called `{name}`\nhint: {hint}")))
}

/// Changes the manifests that helm hands to its post-renderer, from the standard input to the standard output.
pub fn post_render(name: &str) -> Result<Ending> {
    let operator = operator(name)?;
    let manifests = std::io::read_to_string(std::io::stdin())?;
    stdio::print(operator.post_render(&manifests)?)?;
    Ok(Ending::Pass)
}
