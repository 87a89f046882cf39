//! Migrations: plain DDL, one transaction for each, under an advisory lock. With nothing pending no DDL runs at all.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use tokio_postgres::{Client, GenericClient};

use crate::database::Database;
use crate::ledger::{self, Writer};

/// Two migrators of one database wait for each other on this number, which means nothing else.
const LOCK: i64 = 0x0063_6861_7274;

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Where it stands in the order; recorded in `schema_migrations`.
    pub version: i64,
    /// What it does, for the log.
    pub name: &'static str,
    /// The statements.
    pub ddl: &'static str,
}

/// Runs what is pending of `known`, and says so in the log and in the ledger.
///
/// # Errors
/// As [`migrate`], or if the database is away.
pub async fn deploy(database: &Database, writer: &Writer, known: &[Migration]) -> Result<()> {
    let mut client = database.connect().await?;
    let done = migrate(&mut client, known).await?;
    for migration in &done {
        println!("migrated {} {}", migration.version, migration.name);
        ledger::write(database, writer, "migrate", migration.name).await;
    }
    if done.is_empty() {
        println!("migrations already up");
        ledger::write(database, writer, "migrate", "nothing pending").await;
    }
    Ok(())
}

/// Runs what is pending of `known` and returns it.
///
/// # Errors
/// The first that fails is rolled back and named; those before it stay.
async fn migrate<'a>(client: &mut Client, known: &'a [Migration]) -> Result<Vec<&'a Migration>> {
    if !has_table(client).await? {
        let transaction = locked(client).await?;
        if !has_table(&transaction).await? {
            let table = "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamptz NOT NULL DEFAULT clock_timestamp())";
            transaction.batch_execute(table).await.context("create `schema_migrations`")?;
        }
        transaction.commit().await.context("create `schema_migrations`")?;
    }
    let mut done = Vec::new();
    for migration in known {
        // Asked before the lock: a release with nothing pending neither waits nor holds anyone up.
        if is_applied(client, migration.version).await? {
            continue;
        }
        let transaction = locked(client).await?;
        if is_applied(&transaction, migration.version).await? {
            continue;
        }
        let what = || format!("run migration {} `{}`", migration.version, migration.name);
        transaction.batch_execute(migration.ddl).await.with_context(what)?;
        transaction
            .execute("INSERT INTO schema_migrations (version) VALUES ($1)", &[&migration.version])
            .await
            .with_context(what)?;
        transaction.commit().await.with_context(what)?;
        done.push(migration);
    }
    Ok(done)
}

/// What keeps the schema from being the one that `known` describes; nothing if it is that one or a newer one.
///
/// # Errors
/// If the database cannot be asked.
pub async fn shortfall(database: &Database, known: &[Migration]) -> Result<Option<String>> {
    let exists = database.query("SELECT to_regclass('schema_migrations') IS NOT NULL", &[]).await?;
    if !exists.first().is_some_and(|row| row.get(0)) {
        return Ok(Some("the schema is not there: no migration has run".into()));
    }
    let rows = database.query("SELECT version FROM schema_migrations", &[]).await?;
    let applied: BTreeSet<i64> = rows.iter().map(|row| row.get(0)).collect();
    Ok(missing(known, &applied))
}

fn missing(known: &[Migration], applied: &BTreeSet<i64>) -> Option<String> {
    let migration = known.iter().find(|migration| !applied.contains(&migration.version))?;
    Some(format!(
        "the schema is older than this version needs: migration {} `{}` has not run",
        migration.version, migration.name
    ))
}

async fn locked(client: &mut Client) -> Result<tokio_postgres::Transaction<'_>> {
    let transaction = client.transaction().await.context("begin a transaction")?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.context("wait for the migrations' lock")?;
    Ok(transaction)
}

async fn has_table(client: &impl GenericClient) -> Result<bool> {
    let row = client
        .query_one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[])
        .await
        .context("look for `schema_migrations`")?;
    Ok(row.get(0))
}

async fn is_applied(client: &impl GenericClient, version: i64) -> Result<bool> {
    let row = client
        .query_opt("SELECT 1 FROM schema_migrations WHERE version = $1", &[&version])
        .await
        .context("read `schema_migrations`")?;
    Ok(row.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Migration; 2] =
        [Migration { version: 1, name: "first", ddl: "" }, Migration { version: 2, name: "second", ddl: "" }];

    /// A rollback puts an old image on a newer schema: it must serve.
    #[test]
    fn a_newer_schema_is_good_enough() {
        assert_eq!(missing(&KNOWN, &BTreeSet::from([1, 2, 3])), None);
    }

    /// New pods on the old schema must not become ready.
    #[test]
    fn an_older_schema_is_not() {
        let reason = missing(&KNOWN, &BTreeSet::from([1])).unwrap_or_default();
        assert!(reason.contains("migration 2 `second` has not run"), "the reason was `{reason}`");
    }
}
