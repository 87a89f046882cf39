//! The frontend, on port 5001: pages alone, which the browser fills from the backend. It needs `BACKEND_URL`.

use anyhow::{Context as _, Result, bail};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use chartgate_standin::build::Build;
use chartgate_standin::environment::Environment;
use chartgate_standin::http;
use chartgate_standin::ledger::pod_name;
use chartgate_standin::lifecycle::Lifecycle;
use serde_json::json;
use tokio::net::TcpListener;

const PORT: u16 = 5001;

/// Serves until SIGTERM and what has begun by then is answered.
///
/// # Errors
/// If the environment is not good enough, it cannot listen, or this is a version that is meant to break.
pub async fn start() -> Result<()> {
    let mut env = Environment::of_process();
    let build = Build::of(&mut env);
    let is_url = |url: &str| url.starts_with("https://") || url.starts_with("http://");
    let backend = env
        .checked("BACKEND_URL", |url| if is_url(url) { Ok(()) } else { Err("is no http:// or https:// URL".into()) });
    env.finish()?;
    if build == Build::Broken {
        bail!("could not start: this version is broken");
    }
    let lifecycle = Lifecycle::until_sigterm()?;
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await.with_context(|| format!("listen on port {PORT}"))?;
    let pod = pod_name();
    println!("integr8scode {} starts as frontend in {pod}", build.name());
    let page = format!(
        "<!doctype html><title>Integr8sCode</title><p data-backend=\"{}\">Integr8sCode {}",
        backend.unwrap_or_default(),
        build.name()
    );
    let ready = move || async move {
        if build == Build::BrokenUnready {
            return Err((StatusCode::SERVICE_UNAVAILABLE, Json(json!({"detail": "this version is never ready"}))));
        }
        Ok(Html(page.clone()))
    };
    let router = Router::new().route("/", get(ready)).fallback(|| async { (StatusCode::NOT_FOUND, "not found") });
    http::serve(listener, router, &pod, &lifecycle).await?;
    println!("stopped");
    Ok(())
}
