//! `chartgate merge`: the shards of a set as one report.

use std::path::PathBuf;

use anyhow::Result;
use chartgate::ending::Ending;
use chartgate::merge;
use chartgate::progress::Loudness;

/// What is merged, and where the reports go.
#[derive(clap::Args)]
pub struct Arguments {
    /// The directory of each shard: the `--out` of its run
    #[arg(value_name = "DIR", required = true)]
    shards: Vec<PathBuf>,
    /// Directory for the reports and the evidence, as one run writes them
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the verdict and what does not pass, and nothing else
    #[arg(short, long)]
    quiet: bool,
}

impl Arguments {
    /// Merges the shards and ends as their verdict says.
    pub fn run(self) -> Result<Ending> {
        let report = merge::merge(&self.shards, &self.out)?;
        chartgate_report::append_to_job_summary(&report)?;
        let loudness = if self.quiet { Loudness::Quiet } else { Loudness::Normal };
        super::conclude(&report, &self.out, loudness)
    }
}
