//! What `node server.js` serves over HTTP. Every answer tells which pod it is from ([`http`]).
//!
//! | path | answers |
//! | --- | --- |
//! | `/api/health` | 200 to everyone, or 503 with the reason: no database, no schema or an old one |
//! | all others | 401, unless `DISPATCH_AUTH_MODE` is `disabled` |
//! | `/` | `{app, version, pod}` |

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use super::config::{AuthMode, Config};
use super::schema;
use crate::build::Build;
use crate::database::Database;
use crate::http;
use crate::ledger::{self, Writer};
use crate::lifecycle::{Lifecycle, Phase};
use crate::migration;

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
    let serving = http::serve(listener, router(&server), &server.writer.pod, &lifecycle);
    let (ended, ()) = tokio::join!(serving, note_start(&server, &lifecycle));
    ended?;
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
    Router::new().route("/api/health", get(health)).merge(others).with_state(Arc::clone(server))
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
