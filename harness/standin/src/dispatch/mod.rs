//! Plays dispatch: a web server on Node that keeps its state in PostgreSQL, and Prisma's migrations.
//!
//! Programs, as they are linked in the image; all but the first must be started in the application's folder:
//!
//! - `docker-entrypoint.sh COMMAND…` migrates unless `SKIP_DB_MIGRATIONS` is exactly `true`, then becomes the command (`node server.js` if there is none).
//! - `node server.js` serves ([`server`]) and never migrates.
//! - `npx prisma migrate deploy` and `./node_modules/.bin/prisma migrate deploy` migrate.
//!
//! | variable | |
//! | --- | --- |
//! | `DATABASE_URL` | all that migrations need |
//! | `DISPATCH_AGENT_TOKEN`, `GITHUB_TOKEN` | not empty; needed to serve |
//! | `DISPATCH_AUTH_MODE` | `basic` (as if not set), `oidc` or `disabled` |
//! | `DISPATCH_LANE_CONFIG_JSON` | JSON, if set |
//! | `HOSTNAME` | the address to serve on: all if not set, the pod's own if it is the pod's name, nothing that can be reached if it is a loopback |
//! | `PORT` | 3000 |

mod config;
mod schema;
mod server;

use std::future::Future;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::database::Database;
use crate::environment::Environment;
use crate::ledger::Writer;
use crate::lifecycle::{Lifecycle, Phase};
use crate::migration;

/// The names under which the image starts it.
pub const PROGRAMS: &[&str] = &["docker-entrypoint.sh", "node", "npx", "prisma"];

/// Where Prisma is, in the application's folder.
const PRISMA: &str = "node_modules/.bin/prisma";

/// Runs one program.
///
/// # Errors
/// If the arguments name nothing that the image has, the environment is not good enough, or the program fails.
pub async fn run(program: &str, arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (program, &arguments[..]) {
        ("docker-entrypoint.sh", command) => {
            if !Environment::of_process().is_true("SKIP_DB_MIGRATIONS") {
                unless_stopped(migrate()).await?;
            }
            become_command(if command.is_empty() { &["node", "server.js"] } else { command })
        }
        ("node", ["server.js"]) => {
            check_folder("server.js")?;
            server::start(config::Config::read(&mut Environment::of_process())?).await
        }
        ("node", _) => bail!("the image has nothing to run but `server.js`, not `{}`", arguments.join(" ")),
        ("npx", ["-y" | "--yes" | "--no-install", "prisma", rest @ ..] | ["prisma", rest @ ..]) => {
            check_folder(PRISMA)?;
            prisma(rest).await
        }
        ("prisma", rest) => prisma(rest).await,
        _ => bail!("expected `npx prisma migrate deploy`, not `{program} {}`", arguments.join(" ")),
    }
}

async fn prisma(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["migrate", "deploy"] => unless_stopped(migrate()).await,
        _ => bail!("expected `migrate deploy`, not `{}`", arguments.join(" ")),
    }
}

async fn migrate() -> Result<()> {
    let (build, config) = config::for_migrations(&mut Environment::of_process())?;
    let writer = Writer { pod: crate::ledger::pod_name(), role: "migrations".into(), build };
    let database = Database::new(config, &format!("dispatch migrations {}", writer.pod));
    migration::deploy(&database, &writer, schema::migrations(build)).await
}

/// Work that is cut off by SIGTERM leaves nothing behind: its connection closes and its transaction is rolled back.
async fn unless_stopped(work: impl Future<Output = Result<()>>) -> Result<()> {
    let lifecycle = Lifecycle::until_sigterm()?;
    tokio::select! {
        done = work => done,
        () = lifecycle.reached(Phase::Stopping) => bail!("SIGTERM came before the migrations ended"),
    }
}

/// Node and npx look in the folder that they are started in.
fn check_folder(wanted: &str) -> Result<()> {
    if Path::new(PRISMA).symlink_metadata().is_ok() {
        return Ok(());
    }
    let here = std::env::current_dir().context("see the working directory")?;
    bail!("there is no `{wanted}` in `{}`", here.display())
}

/// Replaces this process by the command, as `exec "$@"` does. Returns only if it cannot.
#[expect(
    clippy::disallowed_methods,
    reason = "the ban is the harness's, whose children must not outlive it; an entrypoint becomes its command and has no child"
)]
fn become_command(command: &[&str]) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    let (program, arguments) = command.split_first().context("no command")?;
    Err(std::process::Command::new(program).args(arguments).exec()).with_context(|| format!("start `{program}`"))
}
