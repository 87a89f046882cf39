//! The API, on port 8000, and the worker, which listens on none.
//!
//! | path | answers |
//! | --- | --- |
//! | `/health` | 200 while the process runs |
//! | `/health/ready` | 200, or 503 with the reason: no database, no schema or an old one, no Redis |
//! | `/` | `{app, role, version, pod}` |

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::config::Api;
use super::schema;
use crate::build::Build;
use crate::database::Database;
use crate::ledger::{self, Writer, pod_name};
use crate::lifecycle::{Lifecycle, Phase};
use crate::redis::Redis;
use crate::{clock, http, migration};

const PORT: u16 = 8000;
/// A server that does not answer is told of within a probe's usual patience.
const PATIENCE: Duration = Duration::from_secs(2);
/// Often enough to be at work soon after a migration, seldom enough for a small machine with many pods.
const RETRY: Duration = Duration::from_millis(500);
/// The time between two rounds of billing.
const ROUND: Duration = Duration::from_secs(1);

/// What the tasks of a process share.
struct Process {
    config: Api,
    database: Database,
    redis: Redis,
    writer: Writer,
    lifecycle: Lifecycle,
}

/// Runs until SIGTERM and what has begun by then is done.
///
/// # Errors
/// If it cannot listen, or is a version that is meant to break.
pub async fn start(config: Api) -> Result<()> {
    let build = config.build;
    if build == Build::Broken {
        bail!("could not start: this version is broken");
    }
    let role = if config.is_worker { "worker" } else { "api" };
    let writer = Writer { pod: pod_name(), role: role.into(), build };
    let database = Database::new(config.database.clone(), &format!("starter {role} {}", writer.pod));
    let (redis, lifecycle) = (config.redis.clone(), Lifecycle::until_sigterm()?);
    let process = Arc::new(Process { config, database, redis, writer, lifecycle });
    println!("starter {} starts as {role} in {}", build.name(), process.writer.pod);
    let serving = async {
        if process.config.is_worker {
            return Ok(());
        }
        let listener = TcpListener::bind(("0.0.0.0", PORT)).await.with_context(|| format!("listen on port {PORT}"))?;
        http::serve(listener, router(&process), &process.writer.pod, &process.lifecycle).await
    };
    tokio::try_join!(serving, async {
        bill(&process).await;
        Ok(())
    })?;
    process.note("stop", "").await;
    println!("stopped");
    Ok(())
}

impl Process {
    /// Why it cannot work, if it cannot: both servers are asked.
    async fn shortfall(&self) -> Option<String> {
        if self.writer.build == Build::BrokenUnready {
            return Some("this version is never ready".into());
        }
        let asked = async {
            self.redis.ping().await?;
            migration::shortfall(&self.database, schema::migrations(self.writer.build)).await
        };
        match timeout(PATIENCE, asked).await {
            Ok(Ok(shortfall)) => shortfall,
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some(format!("database or Redis did not answer within {PATIENCE:?}")),
        }
    }

    /// Writes to the ledger.
    async fn note(&self, event: &str, subject: &str) {
        ledger::write(&self.database, &self.writer, event, subject).await;
    }
}

/// Retries and replays, if this process is to, in each round from the one after its start until SIGTERM.
async fn bill(process: &Process) {
    while let Some(reason) = process.shortfall().await {
        eprintln!("waiting: {reason}");
        if !process.lifecycle.sleep_unless(Phase::Stopping, RETRY).await {
            return;
        }
    }
    process.note("start", "").await;
    let events = [("billing-retry", process.config.retries), ("billing-replay", process.config.replays)];
    loop {
        let (slot, until_next) = clock::slot(SystemTime::now(), ROUND);
        if !process.lifecycle.sleep_unless(Phase::Stopping, until_next).await {
            return;
        }
        for (event, _) in events.into_iter().filter(|(_, is_on)| *is_on) {
            process.note(event, &(slot + 1).to_string()).await;
        }
    }
}

fn router(process: &Arc<Process>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/health/ready", get(ready))
        .fallback(|| async { (StatusCode::NOT_FOUND, Json(json!({"error": "not found"}))) })
        .with_state(Arc::clone(process))
}

async fn ready(State(process): State<Arc<Process>>) -> Response {
    match process.shortfall().await {
        None => Json(json!({"status": "ready"})).into_response(),
        Some(reason) => {
            let body = Json(json!({"status": "unavailable", "reason": reason}));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

async fn index(State(process): State<Arc<Process>>) -> Response {
    let Writer { pod, role, build } = &process.writer;
    Json(json!({"app": "starter", "role": role, "version": build.name(), "pod": pod})).into_response()
}
