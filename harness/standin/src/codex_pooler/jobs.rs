//! The queue: only workers drain it, and the scheduler fills it by the clock.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use tokio_postgres::Client;

use super::node::Node;
use crate::lifecycle::{Phase, pause};
use crate::{clock, ledger};

/// How soon an idle worker looks again.
const IDLE: Duration = Duration::from_millis(500);
/// A job's own time comes on top: a database that does not answer must not hold a worker for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// What [`enqueue`] cuts a job to.
const LONGEST_JOB: Duration = Duration::from_secs(60);

/// Takes jobs until the node drains; the one at hand is finished first.
pub async fn work(node: &Node) {
    let mut connection = None;
    while node.lifecycle.phase() == Phase::Running {
        let pause = match work_once(node, &mut connection).await {
            Ok(true) => continue,
            Ok(false) => IDLE,
            Err(error) => {
                eprintln!("could not work: {error:#}");
                connection = None;
                PATIENCE / 10
            }
        };
        node.lifecycle.sleep_unless(Phase::Draining, pause).await;
    }
}

async fn work_once(node: &Node, connection: &mut Option<Client>) -> Result<bool> {
    let client = match connection {
        Some(client) => client,
        None => connection.insert(node.database.connect().await?),
    };
    tokio::time::timeout(PATIENCE + LONGEST_JOB, take_one(node, client)).await.context("no answer from the database")?
}

/// One transaction holds the job from taking to completing it: if the worker dies, the job is free again.
async fn take_one(node: &Node, client: &mut Client) -> Result<bool> {
    let order = if node.writer.build.major() >= 2 { "priority DESC, id" } else { "id" };
    let transaction = client.transaction().await.context("begin")?;
    let take = format!(
        "SELECT id, kind, hold_ms FROM oban_jobs WHERE state = 'available' ORDER BY {order} FOR UPDATE SKIP LOCKED LIMIT 1"
    );
    let Some(job) = transaction.query_opt(&take, &[]).await.context("take a job")? else { return Ok(false) };
    let (id, kind, hold_ms): (i64, String, i32) = (job.get(0), job.get(1), job.get(2));
    pause(Duration::from_millis(u64::try_from(hold_ms).unwrap_or(0))).await;
    let writer = &node.writer;
    let complete =
        "UPDATE oban_jobs SET state = 'completed', completed_by = $2, completed_at = clock_timestamp() WHERE id = $1";
    transaction.execute(complete, &[&id, &writer.pod]).await.context("complete a job")?;
    let line = format!("{} VALUES ($1, $2, $3, 'job', $4)", ledger::INSERT);
    let subject = format!("{kind} {id}");
    transaction
        .execute(&line, &[&writer.pod, &writer.role, &writer.build.name(), &subject])
        .await
        .context("note a job")?;
    transaction.commit().await.context("commit a job")?;
    Ok(true)
}

/// Puts one job into the queue and returns its number.
///
/// # Errors
/// If the database is away.
pub async fn enqueue(node: &Node, kind: &str, hold_ms: i32) -> Result<i64> {
    let sql = "INSERT INTO oban_jobs (kind, hold_ms, inserted_by) VALUES ($1, $2, $3) RETURNING id";
    let rows = node
        .database
        .query(sql, &[&kind, &hold_ms.clamp(0, i32::try_from(LONGEST_JOB.as_millis())?), &node.writer.pod])
        .await?;
    Ok(rows.first().context("no row came back")?.get(0))
}

/// Ticks at each boundary of the interval until the node drains. Like a cron it takes no lock: two schedulers at once tick twice for the same
/// slot, which the ledger shows. The slot that a process starts in belongs to the one before it, so a restart alone never ticks twice.
pub async fn schedule(node: &Node) {
    loop {
        let (slot, until_next) = clock::slot(SystemTime::now(), node.config.interval);
        if !node.lifecycle.sleep_unless(Phase::Draining, until_next).await {
            return;
        }
        if let Err(error) = tick(node, slot + 1).await {
            eprintln!("could not tick: {error:#}");
        }
    }
}

async fn tick(node: &Node, slot: u64) -> Result<()> {
    let writer = &node.writer;
    let sql = format!(
        "WITH job AS (INSERT INTO oban_jobs (kind, inserted_by) VALUES ('scheduled', $1)) {} VALUES ($1, $2, $3, 'tick', $4)",
        ledger::INSERT
    );
    node.database.query(&sql, &[&writer.pod, &writer.role, &writer.build.name(), &slot.to_string()]).await?;
    Ok(())
}
