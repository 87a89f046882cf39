//! `chartgate setup`: what this machine lacks for a run.

use anyhow::Result;
use chartgate::ending::Ending;
use chartgate::setup;
use chartgate_base::stdio;
use chartgate_process::home;

/// What is to be there afterwards.
#[derive(clap::Args)]
pub struct Arguments {
    /// Kubernetes minor version of the node image; by default the one that harness/versions.env names
    #[arg(long, value_name = "KUBERNETES", env = "KUBERNETES")]
    kubernetes: Option<String>,
    /// Only kind and both helms: all that `check` takes
    #[arg(long, conflicts_with = "servers")]
    tools_only: bool,
    /// Servers beside PostgreSQL and Redis that scenarios bring: kafka, zookeeper, schema-registry, mongodb, registry
    #[arg(value_name = "SERVER")]
    servers: Vec<String>,
}

impl Arguments {
    /// Sets up what is missing and says how it ended.
    pub async fn run(self) -> Result<Ending> {
        if self.tools_only {
            setup::tools().await?;
            return Ok(Ending::Pass);
        }
        let kubernetes = self.kubernetes.filter(|minor| !minor.is_empty()).map_or_else(home::kubernetes, Ok)?;
        setup::set_up(&kubernetes, &self.servers).await?;
        stdio::tell("this machine has what a run needs; `chartgate doctor` looks closer");
        Ok(Ending::Pass)
    }
}
