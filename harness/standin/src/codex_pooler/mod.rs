//! Plays codex-pooler: an Elixir release with the roles web, worker and scheduler.
//!
//! Commands:
//!
//! - `start` runs the role that `OBAN_MODE` names.
//! - `eval "EXPRESSIONS"` runs release tasks without starting the node ([`release`]): `CodexPooler.Release.migrate()`,
//!   `CodexPooler.Release.import_pricing()`; several are separated by `;`.
//! - `rpc "EXPRESSIONS"` asks the node that runs in this pod ([`control`]): `CodexPooler.Release.drain()`, `CodexPooler.Release.status()`,
//!   `System.stop()`.
//! - `version`
//!
//! Environment that `start` and `eval` need (a release loads its whole configuration for both):
//!
//! | variable | |
//! | --- | --- |
//! | `DATABASE_URL` | `postgres://`, `postgresql://` or `ecto://` |
//! | `SECRET_KEY_BASE` | at least 64 bytes |
//! | `CODEX_POOLER_TOTP_ENCRYPTION_KEY` | not empty |
//! | `CODEX_POOLER_TOTP_KEY_VERSION` | letters, digits, `.`, `_`, `-` |
//! | `CODEX_POOLER_UPSTREAM_SECRET_KEY` | 32 bytes, raw or base64 |
//! | `CODEX_POOLER_UPSTREAM_SECRET_KEY_VERSION` | letters, digits, `.`, `_`, `-` |
//!
//! and that `start` reads besides:
//!
//! | variable | |
//! | --- | --- |
//! | `OBAN_MODE` | `web`, `worker` or `scheduler`; must be set |
//! | `PHX_SERVER` | exactly `true` serves on `PORT`; nothing else listens |
//! | `PORT` | 4000 |
//! | `PHX_HOST` | the host that plain HTTP is redirected to; the request's own if not set |
//! | `DNS_CLUSTER_QUERY` | a name that resolves to the nodes' addresses; set, it turns clustering on |
//! | `RELEASE_DISTRIBUTION` | `none`, `sname` (as if not set) or `name`; clustering needs `name`, `rpc` anything but `none` |
//! | `RELEASE_NODE` | `NAME@ADDRESS`, needed with `name` |
//! | `RELEASE_COOKIE` | needed for clustering; nodes with another one refuse each other |
//! | `CODEX_POOLER_WEBSOCKET_OWNER_FORWARDING` | `true` reaches a websocket session through any pod of the cluster |
//! | `CODEX_POOLER_SCHEDULER_INTERVAL_MS` | time between two ticks of the scheduler, 1000 |
//!
//! Over HTTP: `/healthz`, `/readyz`, `/metrics`; behind `X-Forwarded-Proto: https` also `/`, `/jobs` and `/ws?session=ID` ([`web`], [`session`]).

mod config;
mod schema;
mod release;
mod node;
mod control;
mod web;
mod end;
mod session;
mod forward;
mod jobs;

use anyhow::{Result, bail};

use crate::environment::Environment;
use crate::lifecycle::{Lifecycle, Phase};

/// Runs one command line.
///
/// # Errors
/// If the command is unknown, the environment is not good enough, or the command fails.
pub async fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut env = Environment::of_process();
    match arguments[..] {
        ["start"] => node::start(config::NodeConfig::read(&mut env)?).await,
        ["eval", expressions] => {
            let tasks = release::parse(expressions)?;
            let config = config::Config::read(&mut env)?;
            let lifecycle = Lifecycle::until_sigterm()?;
            // A task that is cut off leaves nothing behind: its connection closes and its transaction is rolled back.
            tokio::select! {
                done = release::eval(&tasks, &config) => done,
                () = lifecycle.reached(Phase::Stopping) => bail!("SIGTERM came before `{expressions}` ended"),
            }
        }
        ["rpc", expressions] => control::ask(expressions, &env).await,
        ["version"] => {
            let build = crate::build::Build::of(&mut env);
            env.finish()?;
            println!("codex_pooler {}", build.name());
            Ok(())
        }
        _ => bail!("expected one of: start, eval EXPRESSIONS, rpc EXPRESSIONS, version"),
    }
}
