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
//! with a `run` function and name it in [`APPLICATIONS`]. One that needs clients which the others do not need is a crate of its own, such as
//! `integr8scode` beside this one.

mod codex_pooler;
mod dispatch;
mod mnemom_gateway;
mod starter;

use std::process::ExitCode;

use chartgate_standin::program::{Application, play};
use chartgate_standin::{build, clock, database, environment, http, ledger, lifecycle, migration, redis};

/// The applications, each with the programs that are linked in its image.
const APPLICATIONS: &[Application] = &[
    (&["codex_pooler"], |_, arguments| Box::pin(codex_pooler::run(arguments))),
    (dispatch::PROGRAMS, |program, arguments| Box::pin(dispatch::run(program, arguments))),
    (starter::PROGRAMS, |program, arguments| Box::pin(starter::run(program, arguments))),
    (&["tini"], |_, arguments| Box::pin(mnemom_gateway::run(arguments))),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    play(APPLICATIONS).await
}
