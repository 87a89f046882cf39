//! What the node serves over HTTP.
//!
//! | path | without `X-Forwarded-Proto: https` | answers |
//! | --- | --- | --- |
//! | `/healthz` | same | 200 while the process runs |
//! | `/readyz` | same | 200, or 503 with the reason: no database, no schema or an old one, draining |
//! | `/metrics` | same | Prometheus' text format |
//! | `GET /` | 301 | `{app, role, version, release}`; `?hold_ms=` delays the answer |
//! | `POST /jobs` | 301 | 202 `{id}`: enqueues a job; `?hold_ms=` is how long it takes a worker |
//! | `GET /jobs/ID` | 301 | `{id, state, completed_by}` |
//! | `GET /ws?session=ID` | 301 | a websocket ([`super::session`]); 503 while draining |
//!
//! Every answer carries `x-served-by: POD`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::extract::{Path, Query, Request, State, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::node::Node;
use super::{forward, jobs, session};
use crate::lifecycle::{Phase, pause};

/// A request may be held this long; it fits into Kubernetes' default grace period.
const LONGEST_HOLD_MS: u64 = 20_000;
/// A database that does not answer is told of within a probe's usual patience.
const PATIENCE: Duration = Duration::from_secs(2);

/// Header that names the pod.
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

#[derive(Deserialize)]
struct Hold {
    #[serde(default)]
    hold_ms: u64,
}

#[derive(Deserialize)]
struct SessionQuery {
    #[serde(default)]
    session: String,
}

/// Serves until the node stops and its sessions have ended.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: TcpListener, node: Arc<Node>) -> Result<()> {
    let application = Router::new()
        .route("/", get(index))
        .route("/jobs", post(enqueue))
        .route("/jobs/{id}", get(job))
        .route("/ws", get(websocket))
        .fallback(|| async { (StatusCode::NOT_FOUND, Json(json!({"error": "not found"}))) })
        .layer(middleware::from_fn_with_state(Arc::clone(&node), force_https));
    let all = Router::new()
        .route("/healthz", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(application)
        .layer(middleware::from_fn_with_state(Arc::clone(&node), sign))
        .with_state(Arc::clone(&node));
    let stopped = async move {
        node.lifecycle.reached(Phase::Stopping).await;
        drop(node.sessions.subscribe().wait_for(|open| *open == 0).await);
    };
    axum::serve(listener, all).with_graceful_shutdown(stopped).await.context("serve HTTP")
}

/// Counts a request, and says in its answer which pod gave it.
async fn sign(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    node.requests.fetch_add(1, Ordering::Relaxed);
    let mut response = next.run(request).await;
    // A pod's name is a DNS label, so it always fits.
    if let Ok(pod) = HeaderValue::from_str(&node.writer.pod) {
        response.headers_mut().insert(SERVED_BY, pod);
    }
    response
}

/// Sends plain HTTP to the public host, as Phoenix's `force_ssl` does behind a proxy.
async fn force_https(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    if text(request.headers(), "x-forwarded-proto") == Some("https") {
        return next.run(request).await;
    }
    let host =
        node.config.host.as_deref().or_else(|| text(request.headers(), header::HOST.as_str())).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, format!("https://{host}{path}"))]).into_response()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

async fn ready(State(node): State<Arc<Node>>) -> Response {
    let reason = match node.lifecycle.phase() {
        Phase::Running => tokio::time::timeout(PATIENCE, node.shortfall())
            .await
            .unwrap_or_else(|_| Some(format!("the database did not answer within {PATIENCE:?}"))),
        Phase::Draining | Phase::Stopping => Some("draining".to_owned()),
    };
    match reason {
        None => Json(json!({"status": "ready"})).into_response(),
        Some(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "unavailable", "reason": reason}))).into_response()
        }
    }
}

async fn metrics(State(node): State<Arc<Node>>) -> Response {
    let body = format!(
        "# TYPE codex_pooler_build_info gauge\ncodex_pooler_build_info{{version=\"{}\",role=\"{}\"}} 1\n\
         # TYPE codex_pooler_http_requests_total counter\ncodex_pooler_http_requests_total {}\n\
         # TYPE codex_pooler_websocket_sessions gauge\ncodex_pooler_websocket_sessions {}\n\
         # TYPE codex_pooler_draining gauge\ncodex_pooler_draining {}\n",
        node.writer.build.name(),
        node.writer.role,
        node.requests.load(Ordering::Relaxed),
        *node.sessions.borrow(),
        u8::from(node.lifecycle.phase() != Phase::Running),
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], body).into_response()
}

async fn index(State(node): State<Arc<Node>>, Query(hold): Query<Hold>) -> Json<Value> {
    pause(Duration::from_millis(hold.hold_ms.min(LONGEST_HOLD_MS))).await;
    let writer = &node.writer;
    Json(json!({"app": "codex-pooler", "role": writer.role, "version": writer.build.name(), "release": writer.pod}))
}

async fn enqueue(State(node): State<Arc<Node>>, Query(hold): Query<Hold>) -> Response {
    match jobs::enqueue(&node, "requested", i32::try_from(hold.hold_ms).unwrap_or(i32::MAX)).await {
        Ok(id) => (StatusCode::ACCEPTED, Json(json!({"id": id}))).into_response(),
        Err(error) => failure(&error),
    }
}

async fn job(State(node): State<Arc<Node>>, Path(id): Path<i64>) -> Response {
    match node.database.query("SELECT state, completed_by FROM oban_jobs WHERE id = $1", &[&id]).await {
        Err(error) => failure(&error),
        Ok(rows) => rows.first().map_or_else(
            || (StatusCode::NOT_FOUND, Json(json!({"error": "no such job"}))).into_response(),
            |row| {
                let (state, completed_by): (String, Option<String>) = (row.get(0), row.get(1));
                Json(json!({"id": id, "state": state, "completed_by": completed_by})).into_response()
            },
        ),
    }
}

fn failure(error: &anyhow::Error) -> Response {
    eprintln!("answering 500: {error:#}");
    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"error": format!("{error:#}")}))).into_response()
}

async fn websocket(
    State(node): State<Arc<Node>>,
    Query(query): Query<SessionQuery>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if query.session.is_empty() {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "`session` is missing"}))).into_response();
    }
    if node.lifecycle.phase() != Phase::Running {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": "draining"}))).into_response();
    }
    let is_forwarded = match text(&headers, forward::COOKIE_HEADER) {
        None => false,
        Some(cookie) if node.config.cluster.as_ref().is_some_and(|cluster| cluster.cookie == cookie) => true,
        Some(_) => return (StatusCode::FORBIDDEN, Json(json!({"error": "another cluster's cookie"}))).into_response(),
    };
    // Counted from here, so that a node that stops in this moment waits for the session and closes it properly.
    let open = session::Open::new(&node);
    upgrade.on_upgrade(move |socket| async move {
        session::serve(&node, socket, &query.session, is_forwarded).await;
        drop(open);
    })
}
