//! The web application, on port 3000. It has no state of its own.
//!
//! | path | answers |
//! | --- | --- |
//! | `/api/health` | 200 while the process runs |
//! | `/api/health/ready` | 200, or 503 with the reason: the API's `/health/ready` does not answer 200 |
//! | `/` | `{app, role, version, pod}` |

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::config::{Address, Web};
use crate::build::Build;
use crate::http;
use crate::ledger::pod_name;
use crate::lifecycle::Lifecycle;

const PORT: u16 = 3000;
/// The API asks its own servers for two seconds; a probe's usual patience is not much longer.
const PATIENCE: Duration = Duration::from_secs(3);

struct Process {
    config: Web,
    pod: String,
}

/// Serves until SIGTERM and what has begun by then is answered.
///
/// # Errors
/// If it cannot listen, or is a version that is meant to break.
pub async fn start(config: Web) -> Result<()> {
    if config.build == Build::Broken {
        bail!("could not start: this version is broken");
    }
    let lifecycle = Lifecycle::until_sigterm()?;
    let process = Arc::new(Process { config, pod: pod_name() });
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await.with_context(|| format!("listen on port {PORT}"))?;
    println!("starter {} starts as web in {}", process.config.build.name(), process.pod);
    let router = Router::new()
        .route("/", get(index))
        .route("/api/health", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/api/health/ready", get(ready))
        .fallback(|| async { (StatusCode::NOT_FOUND, Json(json!({"error": "not found"}))) })
        .with_state(Arc::clone(&process));
    http::serve(listener, router, &process.pod, &lifecycle).await?;
    println!("stopped");
    Ok(())
}

async fn index(State(process): State<Arc<Process>>) -> Response {
    let version = process.config.build.name();
    Json(json!({"app": "starter", "role": "web", "version": version, "pod": process.pod})).into_response()
}

async fn ready(State(process): State<Arc<Process>>) -> Response {
    let reason = match timeout(PATIENCE, status(&process.config.api, "/health/ready")).await {
        _ if process.config.build == Build::BrokenUnready => "this version is never ready".to_owned(),
        Ok(Ok(200)) => return Json(json!({"status": "ready"})).into_response(),
        Ok(Ok(status)) => format!("the API answered with status {status}"),
        Ok(Err(error)) => format!("{error:#}"),
        Err(_) => format!("the API did not answer within {PATIENCE:?}"),
    };
    let body = Json(json!({"status": "unavailable", "reason": reason}));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

/// The status with which a server answers a path.
async fn status(server: &Address, path: &str) -> Result<u16> {
    let mut stream = BufReader::new(TcpStream::connect(&server.authority).await.context("connect to the API")?);
    let request =
        format!("GET {}{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.prefix, server.authority);
    stream.get_mut().write_all(request.as_bytes()).await.context("ask the API")?;
    let mut line = String::new();
    stream.read_line(&mut line).await.context("read the API's answer")?;
    let status = line.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    status.with_context(|| format!("the API's answer begins with `{}`", line.trim_end()))
}
