//! Plays `Integr8sCode`: backend, seven workers, two jobs and the frontend, on a real Kafka, document store and Redis.
//!
//! Programs, as they are linked in the images; `uv` is in that of the backend:
//!
//! | command | is |
//! | --- | --- |
//! | `uv run gunicorn …` | the backend ([`backend`]) |
//! | `uv run python workers/run_NAME.py`, `-m workers.run_NAME`, `workers/dlq_processor.py` | a worker ([`worker`]) |
//! | `uv run python -m scripts.create_topics`, `-m scripts.seed_users` | a job ([`job`]) |
//! | `integr8scode-frontend` | the frontend ([`frontend`]); it needs `BACKEND_URL` alone |
//!
//! [`config`] says what they read. An execution goes this way; each arrow is a topic that one group consumes:
//!
//! ```text
//! backend -execution_events-> coordinator -execution_tasks-> k8s-worker -execution_results-> result-processor
//!                          -> saga-orchestrator, event-replay          -pod_events-> pod-monitor
//!                                                                      -dead_letter_queue-> dlq-processor
//! ```
//!
//! A message is consumed at least once: its offset is committed after its effect is stored, and each effect can be stored twice.

mod config;
mod store;
mod log;
mod registry;
mod tls;
mod backend;
mod worker;
mod job;
mod frontend;

use std::process::ExitCode;

use anyhow::{Result, bail};
use chartgate_standin::environment::Environment;
use chartgate_standin::program::{Application, play};

const APPLICATIONS: &[Application] = &[
    (&["uv"], |_, arguments| Box::pin(run(arguments))),
    (&["integr8scode-frontend"], |_, _| Box::pin(frontend::start())),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    play(APPLICATIONS).await
}

/// `uv run …`: the first word says what is started.
async fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut env = Environment::of_process();
    match &words[..] {
        ["run", "gunicorn" | "uvicorn", ..] => backend::start(&mut env).await,
        ["run", "python", "-m", "scripts.create_topics"] => job::create_topics(&mut env).await,
        ["run", "python", "-m", "scripts.seed_users"] => job::seed_users(&mut env).await,
        ["run", "python", "-m", module] => worker::start(worker_of(module)?, &mut env).await,
        ["run", "python", file] => worker::start(worker_of(file)?, &mut env).await,
        _ => bail!("expected `run gunicorn …` or `run python …`, not `{}`", words.join(" ")),
    }
}

/// The worker that a module (`workers.run_coordinator`) or file (`workers/run_k8s_worker.py`) starts.
fn worker_of(program: &str) -> Result<worker::Role> {
    let name = program.strip_prefix("workers.").or_else(|| program.strip_prefix("workers/")?.strip_suffix(".py"));
    let role = name.and_then(|name| worker::Role::of(name.strip_prefix("run_").unwrap_or(name)));
    let known = worker::Role::ALL.map(worker::Role::name).join(", ");
    role.ok_or_else(|| anyhow::anyhow!("cannot open `{program}`; the workers are {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use worker::Role;

    /// Charts start workers by file and by module.
    #[test]
    fn a_worker_is_named_by_its_file_or_its_module() {
        for (program, role) in [
            ("workers.run_coordinator", Role::Coordinator),
            ("workers/run_k8s_worker.py", Role::K8sWorker),
            ("workers/dlq_processor.py", Role::DlqProcessor),
            ("workers.run_saga_orchestrator", Role::SagaOrchestrator),
        ] {
            assert_eq!(worker_of(program).unwrap_or_else(|error| panic!("{program}: {error:#}")), role);
        }
        for program in ["workers/run_coordinator", "run_coordinator.py", "workers.run_nobody"] {
            assert!(worker_of(program).is_err(), "`{program}` is taken for a worker");
        }
    }
}
