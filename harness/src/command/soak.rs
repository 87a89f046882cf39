//! `chartgate soak`: the same scenarios many times.

use std::path::PathBuf;

use anyhow::Result;
use chartgate::ending::Ending;
use chartgate::progress::{Loudness, Show};
use chartgate::soak;
use chartgate_base::stdio;
use chartgate_process::home;
use chartgate_runner::run::Options;
use chartgate_runner::stop::Stop;
use chartgate_scenario::Overrides;

use super::interrupt;

/// What is run, and how often.
#[derive(clap::Args)]
pub struct Arguments {
    /// Scenario files, charts, or directories of either, as for `run`
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How many times
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Directory of the rounds; those that it has a report of are not run again
    #[arg(long, value_name = "DIR", default_value = "chartgate-out/soak")]
    out: PathBuf,
}

impl Arguments {
    /// Runs the rounds and fails if a verdict differs.
    pub async fn run(self) -> Result<Ending> {
        let (show, stop) = (Show::new(Loudness::Normal), Stop::default());
        interrupt::listening(&show, &stop, Box::pin(self.carry_out(&stop))).await
    }

    async fn carry_out(self, stop: &Stop) -> Result<Ending> {
        let plans = chartgate_scenario::plans(&self.paths, &Overrides::default())?;
        let options = Options::new(home::kubernetes()?, home::version("HELM")?.to_owned());
        let differences = soak::run(&plans, self.rounds, &options, &self.out, stop).await?;
        stdio::print(soak::print(&differences, self.rounds))?;
        Ok(if differences.is_empty() { Ending::Pass } else { Ending::Fail })
    }
}
