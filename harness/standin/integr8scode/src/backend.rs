//! The backend, on port 443 with TLS. The certificate lies at `/app/certs/server.crt`, its key at `/app/certs/server.key`.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /api/v1/health/live` | 200 while the process runs |
//! | `GET /api/v1/health/ready` | 200, or 503 with the reason: the document store or Redis does not answer, or the process stops |
//! | `POST /api/v1/execute` `{"script": …}` | 202 `{"execution_id": …}` once document store and Kafka have it, else 503; [`crate::worker`] says what scripts do |
//! | `GET /api/v1/executions/ID` | its document |
//! | `GET /api/v1/executions/ID/result` | 200 once it has ended, else 404 |
//! | `POST /api/v1/auth/login`, `POST /api/v1/auth/password` `{"username", "password", "new"}` | 200, or 401 |
//! | `GET /` | `{app, role, version, pod}` |

use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chartgate_standin::build::Build;
use chartgate_standin::environment::Environment;
use chartgate_standin::http;
use chartgate_standin::ledger::Writer;
use chartgate_standin::lifecycle::{Lifecycle, Phase};
use chartgate_standin::redis::Redis;
use mongodb::bson::doc;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use crate::config::Config;
use crate::job::digest;
use crate::log::Log;
use crate::store::Store;
use crate::tls::Listener;

const PORT: u16 = 443;
const CERTIFICATE: &str = "/app/certs/server.crt";
const KEY: &str = "/app/certs/server.key";
const PATIENCE: Duration = Duration::from_secs(3);

struct Process {
    writer: Writer,
    store: Store,
    log: Log,
    redis: Redis,
    lifecycle: Lifecycle,
    accepted: AtomicU64,
}

/// Serves until SIGTERM and what has begun by then is answered.
///
/// # Errors
/// If it cannot listen, or is a version that is meant to break.
pub async fn start(env: &mut Environment) -> Result<()> {
    let config = Config::read(env, "backend").await?;
    if config.writer.build == Build::Broken {
        bail!("could not start: this version is broken");
    }
    let lifecycle = Lifecycle::until_sigterm()?;
    let listener = Listener::bind(PORT, FilePath::new(CERTIFICATE), FilePath::new(KEY)).await?;
    let process = Arc::new(Process {
        store: Store::new(config.mongodb, &config.writer)?,
        log: Log::new(&config.kafka, &config.writer.pod),
        redis: config.redis,
        writer: config.writer,
        lifecycle: lifecycle.clone(),
        accepted: AtomicU64::new(0),
    });
    println!("integr8scode {} starts as backend in {}", process.writer.build.name(), process.writer.pod);
    let router = Router::new()
        .route("/", get(index))
        .route("/api/v1/health/live", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/api/v1/health/ready", get(ready))
        .route("/api/v1/execute", post(execute))
        .route("/api/v1/executions/{id}", get(execution))
        .route("/api/v1/executions/{id}/result", get(result))
        .route("/api/v1/auth/login", post(login))
        .route("/api/v1/auth/password", post(change_password))
        .fallback(|| async { answer(StatusCode::NOT_FOUND, "not found") })
        .with_state(Arc::clone(&process));
    http::serve(listener, router, &process.writer.pod, &lifecycle).await?;
    println!("stopped");
    Ok(())
}

fn answer(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({"detail": reason}))).into_response()
}

fn unavailable(error: &anyhow::Error) -> Response {
    answer(StatusCode::SERVICE_UNAVAILABLE, &format!("{error:#}"))
}

async fn index(State(process): State<Arc<Process>>) -> Response {
    let Writer { pod, build, .. } = &process.writer;
    Json(json!({"app": "integr8scode", "role": "backend", "version": build.name(), "pod": pod})).into_response()
}

async fn ready(State(process): State<Arc<Process>>) -> Response {
    match process.check().await {
        Ok(()) => Json(json!({"status": "ready"})).into_response(),
        Err(error) => unavailable(&error),
    }
}

impl Process {
    async fn check(&self) -> Result<()> {
        if self.writer.build == Build::BrokenUnready {
            bail!("this version is never ready");
        }
        if self.lifecycle.phase() > Phase::Running {
            bail!("the process stops");
        }
        self.store.ping().await?;
        timeout(PATIENCE, self.redis.ping()).await.context("ask Redis: no answer")?
    }

    /// A name that no other execution has, whichever pod gives it.
    fn new_id(&self) -> String {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        format!("{}-{since:x}-{:x}", self.writer.pod, self.accepted.fetch_add(1, Ordering::Relaxed))
    }

    async fn accept(&self, script: &str) -> Result<String> {
        let id = self.new_id();
        let version = self.writer.build.name();
        let execution =
            doc! {"script": script, "status": "queued", "accepted_by": &self.writer.pod, "version": version};
        self.store.put("executions", &id, execution, doc! {}).await?;
        let message = json!({"execution_id": id, "script": script, "attempt": 1}).to_string();
        if let Err(error) = self.log.send("execution_events", &id, message).await {
            // What nobody was promised must not stay queued for ever. If this fails too, it does, and nobody waits for it.
            self.store.remove("executions", &id).await.context(error)?;
            bail!("Kafka did not take the execution");
        }
        Ok(id)
    }
}

#[derive(Deserialize)]
struct Execute {
    script: String,
}

async fn execute(State(process): State<Arc<Process>>, Json(asked): Json<Execute>) -> Response {
    match process.accept(&asked.script).await {
        Ok(id) => (StatusCode::ACCEPTED, Json(json!({"execution_id": id}))).into_response(),
        Err(error) => unavailable(&error),
    }
}

async fn execution(State(process): State<Arc<Process>>, Path(id): Path<String>) -> Response {
    match process.store.get("executions", &id).await {
        Ok(Some(execution)) => Json(execution).into_response(),
        Ok(None) => answer(StatusCode::NOT_FOUND, "no such execution"),
        Err(error) => unavailable(&error),
    }
}

async fn result(State(process): State<Arc<Process>>, Path(id): Path<String>) -> Response {
    match process.store.get("executions", &id).await {
        Ok(Some(execution)) if execution.get_str("status").is_ok_and(|status| status != "queued") => {
            Json(execution).into_response()
        }
        Ok(_) => answer(StatusCode::NOT_FOUND, "no result yet"),
        Err(error) => unavailable(&error),
    }
}

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
    #[serde(default)]
    new: String,
}

impl Process {
    async fn is_known(&self, login: &Login) -> Result<bool> {
        let user = self.store.get("users", &login.username).await?;
        Ok(user.is_some_and(|user| user.get_str("password").is_ok_and(|known| known == digest(&login.password))))
    }
}

async fn login(State(process): State<Arc<Process>>, Json(login): Json<Login>) -> Response {
    match process.is_known(&login).await {
        Ok(true) => Json(json!({"username": login.username})).into_response(),
        Ok(false) => answer(StatusCode::UNAUTHORIZED, "unknown user or wrong password"),
        Err(error) => unavailable(&error),
    }
}

async fn change_password(State(process): State<Arc<Process>>, Json(login): Json<Login>) -> Response {
    let changed = async {
        if login.new.is_empty() || !process.is_known(&login).await? {
            return Ok(false);
        }
        process.store.put("users", &login.username, doc! {"password": digest(&login.new)}, doc! {}).await?;
        Ok(true)
    };
    match changed.await {
        Ok(true) => Json(json!({"username": login.username})).into_response(),
        Ok(false) => answer(StatusCode::UNAUTHORIZED, "unknown user, wrong password, or no new one"),
        Err(error) => unavailable(&error),
    }
}
