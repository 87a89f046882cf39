//! Plays the starter: an API, its billing worker and a web application.
//!
//! Programs, as they are linked in the images; the first two are in that of the API and worker:
//!
//! - `starter-api` is the API, and the worker as well ([`api`]): the environment says which.
//! - `starter-console release db` migrates. It needs `DATABASE_URL` alone.
//! - `starter-web` is the web application ([`web`]). It needs `API_BASE_URL` alone.
//!
//! What `starter-api` reads:
//!
//! | variable | |
//! | --- | --- |
//! | `DATABASE_URL`, `REDIS_URL` | needed |
//! | `ENABLE_BILLING_RETRY_WORKER` | `true` (as if not set) or `false`: whether this process retries billing |
//! | `ENABLE_BILLING_STREAM_REPLAY` | the same for replaying the billing stream |
//! | `BILLING_RETRY_DEPLOYMENT_MODE` | `dedicated` with retries on makes it the worker, which listens on no port |
//!
//! Retries and replays are lines of the ledger, one for each second: two processes that do them at once write two for the same second.

mod api;
mod config;
mod schema;
mod web;

use anyhow::{Result, bail};

use crate::environment::Environment;
use crate::ledger::{Writer, pod_name};
use crate::lifecycle::{Lifecycle, Phase};
use crate::{database::Database, migration};

/// The names under which the images start it.
pub const PROGRAMS: &[&str] = &["starter-api", "starter-console", "starter-web"];

/// Runs one program.
///
/// # Errors
/// If the program takes no such arguments, the environment is not good enough, or the program fails.
pub async fn run(program: &str, arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut env = Environment::of_process();
    match (program, &arguments[..]) {
        ("starter-api", []) => api::start(config::Api::read(&mut env)?).await,
        ("starter-web", []) => web::start(config::Web::read(&mut env)?).await,
        ("starter-console", ["release", "db"]) => {
            let lifecycle = Lifecycle::until_sigterm()?;
            // A migration that is cut off leaves nothing behind: its connection closes and its transaction is rolled back.
            tokio::select! {
                done = migrate(&mut env) => done,
                () = lifecycle.reached(Phase::Stopping) => bail!("SIGTERM came before the migrations ended"),
            }
        }
        ("starter-console", _) => bail!("expected `release db`, not `{}`", arguments.join(" ")),
        _ => bail!("takes no arguments, not `{}`", arguments.join(" ")),
    }
}

async fn migrate(env: &mut Environment) -> Result<()> {
    let (build, database) = config::for_migrations(env)?;
    let writer = Writer { pod: pod_name(), role: "migrations".into(), build };
    let database = Database::new(database, &format!("starter console {}", writer.pod));
    migration::deploy(&database, &writer, schema::migrations(build)).await
}
