//! Plays mnemom-gateway: a proxy in front of language models (the gateway), and a cron beside it (the observer).
//!
//! The image's entrypoint is a tiny init, `tini --`, which runs what follows it:
//!
//! - `node server.js`, the image's command, runs the role that `SMOLTBOT_ROLE` names.
//! - `node -e SCRIPT` asks what the script fetches ([`script`]); it needs no environment.
//! - `migrate` brings the schema up to this version.
//!
//! Environment that `node server.js` and `migrate` need:
//!
//! | variable | |
//! | --- | --- |
//! | `SUPABASE_URL` | `https://` or `http://` |
//! | `SUPABASE_KEY`, `ANTHROPIC_API_KEY`, `MNEMOM_LICENSE_JWT` | not empty |
//! | `DATABASE_URL` | `postgres://` or `postgresql://` |
//! | `REDIS_URL` | `redis://[[user]:password@]host[:port][/number]` |
//! | `SMOLTBOT_ROLE` | `gateway` (as if not set) or `observer` |
//! | `LOG_LEVEL` | `debug`, `info` (as if not set), `warn` or `error` |
//! | `PORT` | 8787 |
//! | `SMOLTBOT_CRON_INTERVAL_MS` | the stand-in's own: time between two ticks of the observer, 1000 |
//!
//! The gateway serves `/health/live`, `/health/ready`, `/health/startup`, `/metrics` and `/` ([`gateway`]); the observer serves nothing ([`observer`]).

mod config;
mod schema;
mod node;
mod metrics;
mod gateway;
mod observer;
mod script;

use anyhow::{Result, bail};

use crate::database::Database;
use crate::environment::Environment;
use crate::ledger::Writer;
use crate::lifecycle::{Lifecycle, Phase};
use crate::migration;
use config::Config;

/// Runs one command line.
///
/// # Errors
/// If the command is unknown, the environment is not good enough, or the command fails.
pub async fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let command = arguments.strip_prefix(&["--"]).unwrap_or(&arguments);
    let mut env = Environment::of_process();
    match command {
        ["node", "server.js"] => node::start(Config::read(&mut env)?).await,
        ["node", "-e", script] => script::run(script).await,
        ["migrate"] => {
            let config = Config::read(&mut env)?;
            let lifecycle = Lifecycle::until_sigterm()?;
            // What is cut off leaves nothing behind: its connection closes and its transaction is rolled back.
            tokio::select! {
                done = migrate(&config) => done,
                () = lifecycle.reached(Phase::Stopping) => bail!("SIGTERM came before the migrations ended"),
            }
        }
        _ => bail!("exec {} failed: expected `node server.js`, `node -e SCRIPT` or `migrate`", command.join(" ")),
    }
}

async fn migrate(config: &Config) -> Result<()> {
    let database = Database::new(config.database.clone(), &format!("mnemom migrate {}", config.pod));
    let writer = Writer { pod: config.pod.clone(), role: "migrate".into(), build: config.build };
    migration::deploy(&database, &writer, schema::migrations(config.build)).await
}
