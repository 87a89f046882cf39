//! What the gateway serves over HTTP. Every answer has a header `x-served-by` with the pod's name.
//!
//! | path | answers |
//! | --- | --- |
//! | `/health/live` | 200 while the process runs |
//! | `/health/startup` | 200 once it listens |
//! | `/health/ready` | 200, or 503 with the reason: no database, no schema or an old one, no Redis, draining |
//! | `/metrics` | Prometheus' text format |
//! | `GET /` | `{app, role, version, pod}`; `?hold_ms=` delays the answer |
//!
//! Everything else is 404: no model is behind it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::node::Node;
use crate::lifecycle::{Phase, pause};

/// A request may be held this long; it fits into Kubernetes' default grace period.
const LONGEST_HOLD_MS: u64 = 20_000;

#[derive(Deserialize)]
struct Hold {
    #[serde(default)]
    hold_ms: u64,
}

/// Serves until the node stops and has answered what it was asked.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: TcpListener, node: Arc<Node>) -> Result<()> {
    let proxied = Router::new()
        .route("/", get(index))
        .fallback(|| async { (StatusCode::NOT_FOUND, Json(json!({"error": "not found"}))) })
        .layer(middleware::from_fn_with_state(Arc::clone(&node), count));
    let all = Router::new()
        .route("/health/live", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/health/startup", get(|| async { Json(json!({"status": "started"})) }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .merge(proxied)
        .layer(middleware::from_fn_with_state(Arc::clone(&node), sign))
        .with_state(Arc::clone(&node));
    let stopped = async move { node.lifecycle.reached(Phase::Stopping).await };
    axum::serve(listener, all).with_graceful_shutdown(stopped).await.context("serve HTTP")
}

async fn sign(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Ok(pod) = HeaderValue::from_str(&node.writer.pod) {
        response.headers_mut().insert("x-served-by", pod);
    }
    response
}

async fn count(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let response = next.run(request).await;
    node.metrics.served(response.status().as_u16(), started.elapsed());
    response
}

async fn ready(State(node): State<Arc<Node>>) -> Response {
    let reason = match node.lifecycle.phase() {
        Phase::Running => node.shortfall().await,
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
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], node.metrics.render()).into_response()
}

async fn index(State(node): State<Arc<Node>>, Query(hold): Query<Hold>) -> Json<Value> {
    pause(Duration::from_millis(hold.hold_ms.min(LONGEST_HOLD_MS))).await;
    let writer = &node.writer;
    Json(json!({"app": "mnemom-gateway", "role": writer.role, "version": writer.build.name(), "pod": writer.pod}))
}
