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
//! with a `run` function and name it in [`APPLICATIONS`]; the modules before `codex_pooler` are shared.

mod environment;
mod build;
mod lifecycle;
mod database;
mod ledger;
mod migration;
mod clock;
mod redis;
mod http;
mod codex_pooler;
mod dispatch;
mod mnemom_gateway;
mod starter;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use futures::future::LocalBoxFuture;

/// Runs a program of an application with its arguments.
type Run = for<'a> fn(&'a str, &'a [String]) -> LocalBoxFuture<'a, Result<()>>;

/// The applications, each with the programs that are linked in its image.
const APPLICATIONS: &[(&[&str], Run)] = &[
    (&["codex_pooler"], |_, arguments| Box::pin(codex_pooler::run(arguments))),
    (dispatch::PROGRAMS, |program, arguments| Box::pin(dispatch::run(program, arguments))),
    (starter::PROGRAMS, |program, arguments| Box::pin(starter::run(program, arguments))),
    (&["tini"], |_, arguments| Box::pin(mnemom_gateway::run(arguments))),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().peekable();
    let invoked_as = arguments.next().unwrap_or_default();
    let mut name = Path::new(&invoked_as).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    if application(&name).is_none()
        && let Some(first) = arguments.next_if(|argument| application(argument).is_some())
    {
        name = first;
    }
    let arguments: Vec<String> = arguments.collect();
    let done = match application(&name) {
        Some(run) => run(&name, &arguments).await,
        None => Err(unknown(&name)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn application(program: &str) -> Option<Run> {
    APPLICATIONS.iter().find(|(programs, _)| programs.contains(&program)).map(|(_, run)| *run)
}

fn unknown(program: &str) -> anyhow::Error {
    let known: Vec<_> = APPLICATIONS.iter().flat_map(|(programs, _)| *programs).copied().collect();
    anyhow::anyhow!("no program `{program}`; there is: {}", known.join(", "))
}
