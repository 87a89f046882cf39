//! The stand-in: one binary that plays the applications of the seed charts, each under its own name (`argv[0]`).
//!
//! It is strict where the originals are strict: a missing or wrong variable is one line on stderr and a non-zero exit. Its state is real and lives in
//! the backing database. An image holds the binary once and a link for each program:
//!
//! ```text
//! /app/bin/codex_pooler start
//! /app/bin/codex_pooler eval "CodexPooler.Release.migrate()"
//! chartgate-standin codex_pooler start        # the same without a link
//! ```
//!
//! `STANDIN_VERSION`, baked into each image, says which version of the application it plays ([`build`]). To add an application, write one module
//! with a `run` function and name it in [`application`]; the modules before `codex_pooler` are shared.

mod environment;
mod build;
mod lifecycle;
mod database;
mod migration;
mod ledger;
mod clock;
mod codex_pooler;
mod mnemom_gateway;

use std::path::Path;
use std::process::ExitCode;

/// The applications' names, as they are linked in an image.
const APPLICATIONS: [&str; 2] = ["codex_pooler", "tini"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().peekable();
    let invoked_as = arguments.next().unwrap_or_default();
    let mut name = Path::new(&invoked_as).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    if !is_application(&name)
        && let Some(first) = arguments.next_if(|argument| is_application(argument))
    {
        name = first;
    }
    match application(&name, arguments.collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_application(name: &str) -> bool {
    APPLICATIONS.contains(&name)
}

async fn application(name: &str, arguments: Vec<String>) -> anyhow::Result<()> {
    match name {
        "codex_pooler" => codex_pooler::run(&arguments).await,
        "tini" => mnemom_gateway::run(&arguments).await,
        other => anyhow::bail!("no application `{other}`; there is: {}", APPLICATIONS.join(", ")),
    }
}
