//! What `node server.js` serves over HTTP. Every answer tells in `x-served-by` which pod it is from.
//!
//! | path | answers |
//! | --- | --- |
//! | `/api/health` | 200 to everyone, or 503 with the reason: no database, no schema or an old one |
//! | all others | 401, unless `DISPATCH_AUTH_MODE` is `disabled` |
//! | `/` | `{app, version, pod}` |
//!
//! `?hold_ms=` delays any answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use super::config::{AuthMode, Config};
use super::schema;
use crate::build::Build;
use crate::database::Database;
use crate::ledger::{self, Writer};
use crate::lifecycle::{Lifecycle, Phase, pause};
use crate::migration;

/// A request may be held this long; it fits into Kubernetes' default grace period.
const LONGEST_HOLD_MS: u64 = 20_000;
/// A database that does not answer is told of within a probe's usual patience.
const PATIENCE: Duration = Duration::from_secs(2);
/// Soon enough for the ledger to say when a pod could work, seldom enough for a small machine with many pods.
const RETRY: Duration = Duration::from_millis(500);

/// What all requests share.
struct Server {
    database: Database,
    writer: Writer,
    auth: AuthMode,
}

#[derive(Deserialize)]
struct Hold {
    #[serde(default)]
    hold_ms: u64,
}

/// Serves until SIGTERM and what has begun by then is answered.
///
/// # Errors
/// If it cannot listen, or is a version that is meant to break.
pub async fn start(config: Config) -> Result<()> {
    if config.build == Build::Broken {
        bail!("the server could not start: this version is broken");
    }
    let lifecycle = Lifecycle::until_sigterm()?;
    let address = (config.host.as_str(), config.port);
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listen on {}:{}", address.0, address.1))?;
    println!("dispatch {} serves on {} in {}", config.build.name(), listener.local_addr()?, config.pod);
    let writer = Writer { pod: config.pod, role: "web".into(), build: config.build };
    let database = Database::new(config.database, &format!("dispatch web {}", writer.pod));
    let server = Arc::new(Server { database, writer, auth: config.auth });
    let stopped = {
        let lifecycle = lifecycle.clone();
        async move { lifecycle.reached(Phase::Stopping).await }
    };
    let serving = axum::serve(listener, router(&server)).with_graceful_shutdown(stopped).into_future();
    let (ended, ()) = tokio::join!(serving, note_start(&server, &lifecycle));
    ended.context("serve HTTP")?;
    ledger::write(&server.database, &server.writer, "stop", "").await;
    println!("stopped");
    Ok(())
}

/// Writes to the ledger once there is one.
async fn note_start(server: &Server, lifecycle: &Lifecycle) {
    while server.shortfall().await.is_some() {
        if !lifecycle.sleep_unless(Phase::Stopping, RETRY).await {
            return;
        }
    }
    ledger::write(&server.database, &server.writer, "start", "").await;
}

impl Server {
    /// Why the server cannot work, if it cannot.
    async fn shortfall(&self) -> Option<String> {
        if self.writer.build == Build::BrokenUnready {
            return Some("this version is never ready".into());
        }
        let asked = migration::shortfall(&self.database, schema::migrations(self.writer.build));
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(shortfall)) => shortfall,
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some(format!("the database did not answer within {PATIENCE:?}")),
        }
    }
}

fn router(server: &Arc<Server>) -> Router {
    let others = Router::new()
        .route("/", get(index))
        .fallback(|| async { (StatusCode::NOT_FOUND, Json(json!({"error": "not found"}))) })
        .layer(middleware::from_fn_with_state(Arc::clone(server), authenticate));
    Router::new()
        .route("/api/health", get(health))
        .merge(others)
        .layer(middleware::from_fn_with_state(Arc::clone(server), sign))
        .with_state(Arc::clone(server))
}

/// Holds the answer if it is asked to, and puts the pod's name on it.
async fn sign(
    State(server): State<Arc<Server>>,
    Query(hold): Query<Hold>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    pause(Duration::from_millis(hold.hold_ms.min(LONGEST_HOLD_MS))).await;
    let mut response = next.run(request).await;
    let pod = HeaderValue::from_str(&server.writer.pod).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    response.headers_mut().insert("x-served-by", pod);
    Ok(response)
}

async fn authenticate(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    match server.auth {
        AuthMode::Disabled => next.run(request).await,
        AuthMode::Basic => {
            let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"dispatch\"")];
            (StatusCode::UNAUTHORIZED, challenge, Json(json!({"error": "unauthorized"}))).into_response()
        }
        AuthMode::Oidc => (StatusCode::UNAUTHORIZED, Json(json!({"error": "unauthorized"}))).into_response(),
    }
}

async fn health(State(server): State<Arc<Server>>) -> Response {
    match server.shortfall().await {
        None => Json(json!({"status": "ok"})).into_response(),
        Some(reason) => {
            let body = Json(json!({"status": "unavailable", "reason": reason}));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

async fn index(State(server): State<Arc<Server>>) -> Response {
    let writer = &server.writer;
    Json(json!({"app": "dispatch", "version": writer.build.name(), "pod": writer.pod})).into_response()
}
