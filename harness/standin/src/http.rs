//! What the applications' servers share: answers that tell who gave them, and an end that leaves no request behind.

use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::Query;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::Listener;
use serde::Deserialize;

use crate::lifecycle::{Lifecycle, Phase, pause};

/// A request may be held this long; it fits into Kubernetes' default grace period.
const LONGEST_HOLD_MS: u64 = 20_000;

#[derive(Deserialize)]
struct Hold {
    #[serde(default)]
    hold_ms: u64,
}

/// Serves until SIGTERM and what has begun by then is answered. Each answer has the pod's name in `x-served-by`, and is delayed by `?hold_ms=`.
///
/// # Errors
/// If the listener fails, or `pod` is no header's value.
pub async fn serve<L>(listener: L, router: Router, pod: &str, lifecycle: &Lifecycle) -> Result<()>
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let pod = HeaderValue::from_str(pod).context("the pod's name is no header's value")?;
    let signed = router.layer(middleware::from_fn(move |Query(hold): Query<Hold>, request: Request, next: Next| {
        let pod = pod.clone();
        async move { sign(pod, &hold, request, next).await }
    }));
    let lifecycle = lifecycle.clone();
    let stopped = async move { lifecycle.reached(Phase::Stopping).await };
    axum::serve(listener, signed).with_graceful_shutdown(stopped).await.context("serve HTTP")
}

async fn sign(pod: HeaderValue, hold: &Hold, request: Request, next: Next) -> Response {
    pause(Duration::from_millis(hold.hold_ms.min(LONGEST_HOLD_MS))).await;
    let mut response = next.run(request).await;
    response.headers_mut().insert("x-served-by", pod);
    response
}
