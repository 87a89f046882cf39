//! One binary plays several programs, each under its own name (`argv[0]`).

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use futures::future::LocalBoxFuture;

/// Runs a program of an application with its arguments.
pub type Run = for<'a> fn(&'a str, &'a [String]) -> LocalBoxFuture<'a, Result<()>>;

/// An application: the programs that are linked in its image, and what runs them.
pub type Application = (&'static [&'static str], Run);

/// Runs the program as which this process was started, or the one that its first argument names. A failure is one line on stderr.
pub async fn play(applications: &[Application]) -> ExitCode {
    let mut arguments = std::env::args().peekable();
    let invoked_as = arguments.next().unwrap_or_default();
    let mut name = Path::new(&invoked_as).file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    if find(applications, &name).is_none()
        && let Some(first) = arguments.next_if(|argument| find(applications, argument).is_some())
    {
        name = first;
    }
    let arguments: Vec<String> = arguments.collect();
    let done = match find(applications, &name) {
        Some(run) => run(&name, &arguments).await,
        None => Err(unknown(applications, &name)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn find(applications: &[Application], program: &str) -> Option<Run> {
    applications.iter().find(|(programs, _)| programs.contains(&program)).map(|(_, run)| *run)
}

fn unknown(applications: &[Application], program: &str) -> anyhow::Error {
    let known: Vec<_> = applications.iter().flat_map(|(programs, _)| *programs).copied().collect();
    anyhow!("no program `{program}`; there is: {}", known.join(", "))
}
