//! A running node: what its tasks share, and the order in which it starts and ends.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::config::{Mode, NodeConfig};
use super::{control, jobs, schema, web};
use crate::build::Build;
use crate::database::Database;
use crate::ledger::{self, Writer};
use crate::lifecycle::{Lifecycle, Phase, pause};
use crate::migration;

/// Often enough to be ready soon after a migration, seldom enough for a small machine with many pods.
const RETRY: Duration = Duration::from_millis(500);
/// Five of them fit into [`schema::NODE_IS_GONE`].
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The last requests' answers; sessions have ended by then.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// What the tasks of a node share.
pub struct Node {
    /// Its configuration.
    pub config: NodeConfig,
    /// The database, over a connection that all share.
    pub database: Database,
    /// Who it is in the ledger.
    pub writer: Writer,
    /// Where it is between start and end.
    pub lifecycle: Lifecycle,
    /// How many websocket sessions are open.
    pub sessions: watch::Sender<usize>,
    /// How many requests came in.
    pub requests: AtomicU64,
}

impl Node {
    /// Why the node cannot take work, if it cannot.
    pub async fn shortfall(&self) -> Option<String> {
        match migration::shortfall(&self.database, schema::migrations(self.writer.build)).await {
            Ok(None) if self.writer.build == Build::BrokenUnready => Some("this version is never ready".into()),
            Ok(shortfall) => shortfall,
            Err(error) => Some(format!("{error:#}")),
        }
    }

    /// Stops taking work; what is held goes on.
    pub async fn drain(&self) {
        if self.lifecycle.advance(Phase::Draining) {
            println!("draining");
            self.note("drain", "").await;
        }
    }

    /// Writes to the ledger.
    pub async fn note(&self, event: &str, subject: &str) {
        ledger::write(&self.database, &self.writer, event, subject).await;
    }

    /// Waits for a schema that this version can work with. False if the node drains before.
    pub async fn has_schema(&self) -> bool {
        let mut told = String::new();
        while let Some(reason) = self.shortfall().await {
            if told != reason {
                eprintln!("waiting: {reason}");
                told = reason;
            }
            if !self.lifecycle.sleep_unless(Phase::Draining, RETRY).await {
                return false;
            }
        }
        true
    }
}

/// Runs a node until SIGTERM.
///
/// # Errors
/// If it cannot listen, or is a version that is meant to break.
pub async fn start(config: NodeConfig) -> Result<()> {
    let build = config.common.build;
    if build == Build::Broken {
        bail!("(EXIT) application `codex_pooler` could not start: this version is broken");
    }
    let lifecycle = Lifecycle::until_sigterm()?;
    let writer = Writer { pod: config.common.pod.clone(), role: config.mode.name().into(), build };
    let name = format!("codex_pooler {} {}", writer.role, writer.pod);
    let database = Database::new(config.common.database.clone(), &name);
    let listener = match config.port {
        Some(port) => Some(listen(port).await?),
        None => None,
    };
    println!("codex_pooler {} starts as {} in {}", build.name(), writer.role, writer.pod);
    let node = Arc::new(Node {
        config,
        database,
        writer,
        lifecycle,
        sessions: watch::Sender::new(0),
        requests: AtomicU64::new(0),
    });
    if node.config.is_distributed {
        tokio::spawn(control::answer(control::listen()?, Arc::clone(&node)));
    }
    let server = listener.map(|listener| tokio::spawn(web::serve(listener, Arc::clone(&node))));
    work(&node, server.is_some()).await;
    if let Some(server) = server {
        // The server ends by itself once its sessions have.
        let ended = tokio::time::timeout(LAST_ANSWERS, server).await;
        ended.context("answer the last requests in time")?.context("serve")??;
    }
    node.note("stop", "").await;
    println!("stopped");
    Ok(())
}

/// The work of the role, until the node stops and holds nothing any more.
async fn work(node: &Arc<Node>, serves: bool) {
    if node.has_schema().await {
        println!("ready as {}", node.writer.role);
        node.note("start", "").await;
    }
    let own = async {
        match node.config.mode {
            Mode::Web => {}
            Mode::Worker => jobs::work(node).await,
            Mode::Scheduler => jobs::schedule(node).await,
        }
    };
    let work = async {
        tokio::join!(own, node.lifecycle.reached(Phase::Stopping));
        // Sessions have been told by the phase; each ends after what it holds.
        drop(node.sessions.subscribe().wait_for(|open| *open == 0).await);
    };
    tokio::select! {
        () = work => {}
        () = beat(node), if serves => {}
    }
    if serves {
        let gone = node.database.query("DELETE FROM nodes WHERE pod = $1", &[&node.writer.pod]).await;
        let freed = node
            .database
            .query("UPDATE websocket_sessions SET owner = NULL WHERE owner = $1", &[&node.writer.pod])
            .await;
        if let Err(error) = gone.and(freed) {
            eprintln!("could not leave the table of nodes: {error:#}");
        }
    }
}

/// Says that the node is alive, so that its sessions stay its own.
async fn beat(node: &Node) {
    let sql = "INSERT INTO nodes (pod, version) VALUES ($1, $2)
        ON CONFLICT (pod) DO UPDATE SET version = excluded.version, seen_at = clock_timestamp()";
    loop {
        if let Err(error) = node.database.query(sql, &[&node.writer.pod, &node.writer.build.name()]).await {
            eprintln!("could not beat: {error:#}");
        }
        pause(HEARTBEAT).await;
    }
}

async fn listen(port: u16) -> Result<TcpListener> {
    // As Phoenix does; `[::]` takes IPv4 as well, and the other is for hosts without IPv6.
    match TcpListener::bind(("::", port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(("0.0.0.0", port)).await.with_context(|| format!("listen on port {port}")),
    }
}
