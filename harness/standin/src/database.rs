//! A PostgreSQL database that may be away: a lost connection is made anew by the next query.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row};

/// A parameter of a query.
pub type Parameter<'a> = &'a (dyn ToSql + Sync);

/// Longer than any statement here takes on a busy machine, shorter than a probe's patience allows to notice late.
const ANSWER: Duration = Duration::from_secs(5);
/// A host that drops packets must not hold up a readiness probe for minutes, as the kernel's own limit would.
const CONNECT: Duration = Duration::from_secs(3);

/// A database and the one connection that its users share.
pub struct Database {
    config: Config,
    shared: Mutex<Option<Arc<Client>>>,
}

impl Database {
    /// A database at the address in `config`; nothing is connected yet. `name` is what the server shows of its client.
    pub fn new(mut config: Config, name: &str) -> Self {
        config.connect_timeout(CONNECT).tcp_user_timeout(ANSWER).keepalives_idle(ANSWER);
        if config.get_application_name().is_none() {
            config.application_name(name);
        }
        Self { config, shared: Mutex::new(None) }
    }

    /// A connection of the caller's own, for transactions.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn connect(&self) -> Result<Client> {
        let connecting =
            timeout(ANSWER, self.config.connect(NoTls)).await.context("connect to the database: no answer")?;
        let (client, connection) = connecting.context("connect to the database")?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("lost a connection to the database: {:#}", anyhow::Error::new(error));
            }
        });
        Ok(client)
    }

    /// The rows of one statement, over the shared connection.
    ///
    /// # Errors
    /// If the database is away, does not answer or refuses.
    pub async fn query(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>> {
        let client = self.client().await?;
        if let Ok(rows) = timeout(ANSWER, client.query(sql, parameters)).await {
            return rows.context("query the database");
        }
        // A connection that does not answer is given up, else every later query would queue behind this one.
        *self.shared.lock().await = None;
        bail!("query the database: no answer within {ANSWER:?}")
    }

    async fn client(&self) -> Result<Arc<Client>> {
        let mut shared = self.shared.lock().await;
        if let Some(client) = shared.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.connect().await?);
        *shared = Some(Arc::clone(&client));
        Ok(client)
    }
}
