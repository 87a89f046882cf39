//! A running node: what its tasks share, and the order in which it starts and ends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::config::{Config, Role};
use super::metrics::Metrics;
use super::{gateway, observer, schema};
use crate::build::Build;
use crate::database::Database;
use crate::ledger::{self, Writer};
use crate::lifecycle::{Lifecycle, Phase};
use crate::migration;

/// Often enough to be at work soon after a migration, seldom enough for a small machine with many pods.
const RETRY: Duration = Duration::from_millis(500);
/// A server that does not answer is told of within a probe's usual patience.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the tasks of a node share.
pub struct Node {
    /// Its configuration.
    pub config: Config,
    /// The database, over a connection that all share.
    pub database: Database,
    /// Who it is in the ledger.
    pub writer: Writer,
    /// Where it is between start and end.
    pub lifecycle: Lifecycle,
    /// What it counted.
    pub metrics: Metrics,
}

impl Node {
    /// Why the node cannot work, if it cannot: both servers are asked.
    pub async fn shortfall(&self) -> Option<String> {
        if self.writer.build == Build::BrokenUnready {
            return Some("this version is never ready".to_owned());
        }
        let database = migration::shortfall(&self.database, schema::migrations(self.writer.build));
        let (database, redis) = tokio::join!(timeout(PATIENCE, database), timeout(PATIENCE, self.config.redis.ping()));
        let late = || Some(format!("no answer within {PATIENCE:?}"));
        let database =
            database.map_or_else(|_| late(), |asked| asked.unwrap_or_else(|error| Some(format!("{error:#}"))));
        let redis = redis.map_or_else(|_| late(), |asked| asked.err().map(|error| format!("{error:#}")));
        let reasons = [("database", database), ("redis", redis)];
        let reasons = reasons.into_iter().filter_map(|(server, reason)| Some(format!("{server}: {}", reason?)));
        Some(reasons.collect::<Vec<_>>().join("; ")).filter(|reasons| !reasons.is_empty())
    }

    /// Writes to the ledger.
    pub async fn note(&self, event: &str, subject: &str) {
        ledger::write(&self.database, &self.writer, event, subject).await;
    }

    /// Waits until the node can work. False if it is to end before.
    async fn can_work(&self) -> bool {
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
pub async fn start(config: Config) -> Result<()> {
    let (build, role) = (config.build, config.role);
    if build == Build::Broken {
        bail!("node: server.js failed to start: this version is broken");
    }
    let lifecycle = Lifecycle::until_sigterm()?;
    let writer = Writer { pod: config.pod.clone(), role: role.name().into(), build };
    let database = Database::new(config.database.clone(), &format!("mnemom {} {}", writer.role, writer.pod));
    println!("mnemom-gateway {} starts as {} in {}", build.name(), writer.role, writer.pod);
    let node = Arc::new(Node { config, database, writer, lifecycle, metrics: Metrics::default() });
    match role {
        Role::Gateway => {
            // As Node.js does; `::` takes IPv4 as well, and the other is for hosts without IPv6.
            let port = node.config.port;
            let listener = match TcpListener::bind(("::", port)).await {
                Ok(listener) => listener,
                Err(_) => {
                    TcpListener::bind(("0.0.0.0", port)).await.with_context(|| format!("listen on port {port}"))?
                }
            };
            let starting = Arc::clone(&node);
            let announced = tokio::spawn(async move { announce(&starting).await });
            gateway::serve(listener, Arc::clone(&node)).await?;
            announced.abort();
        }
        Role::Observer => {
            if announce(&node).await {
                observer::run(&node).await;
            }
        }
    }
    node.note("stop", "").await;
    println!("stopped");
    Ok(())
}

/// Says once that the node can work. False if it is to end before.
async fn announce(node: &Node) -> bool {
    let can_work = node.can_work().await;
    if can_work {
        println!("ready as {}", node.writer.role);
        node.note("start", "").await;
    }
    can_work
}
