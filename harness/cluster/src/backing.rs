//! Servers that the chart's pods use: a `PostgreSQL` database for each scenario, with an audit of its schema, and any other server
//! by itself.

mod clock;
mod fault;
mod schema_audit;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result, bail};
use chartgate_base::random;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use crate::Postgres;
use crate::server::postgres::connect;

pub use crate::server::{servers, variables};
use clock::Clock;
pub use fault::Trap;
pub use schema_audit::{Ddl, Fault, SchemaAudit, Seen};

/// What says that nobody has made what a query asks for: its table, or its schema.
const NOT_THERE: [SqlState; 2] = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];

/// A database of a scenario's own, with a login role of its own that owns it.
pub struct Database {
    name: String,
    password: String,
    link: RwLock<Link>,
    clock: Clock,
}

/// How a database is reached; another after its server's restart.
struct Link {
    server: Postgres,
    superuser: Arc<Client>,
}

impl Database {
    /// Creates the database and the role `name` with the audit in place. Who calls registers `name` with the lease first.
    pub async fn create(server: &Postgres, name: &str) -> Result<Self> {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 63 || !name.chars().all(is_word) {
            bail!("`{name}` is no name for a database: at most 63 characters of `a-z0-9_`");
        }
        let context = || format!("failed to create database `{name}`");
        let password = random::text(24);
        let admin = connect(server, "postgres").await?;
        let role = format!("CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}'");
        admin.batch_execute(&role).await.with_context(context)?;
        // In a statement of its own: a database is not made in a transaction.
        admin.batch_execute(&format!("CREATE DATABASE \"{name}\" OWNER \"{name}\"")).await.with_context(context)?;
        let superuser = connect(server, name).await?;
        superuser.batch_execute(schema_audit::SQL).await.with_context(context)?;
        let clock = Clock::of(server, &superuser).await.with_context(context)?;
        let link = RwLock::new(Link { server: server.clone(), superuser: Arc::new(superuser) });
        Ok(Self { name: name.to_owned(), password, link, clock })
    }

    /// The name of the database, and of its role.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The role's password, for a redactor.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// What templates may use of it, as `{{NAME.key}}`: `url`, `host`, `port`, `user`, `password` and `database`.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let Self { name, password, .. } = self;
        let Postgres { host, port, .. } = self.server();
        let pairs = [
            ("url", format!("postgres://{name}:{password}@{host}:{port}/{name}")),
            ("host", host.clone()),
            ("port", port.to_string()),
            ("user", name.clone()),
            ("password", password.clone()),
            ("database", name.clone()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Its server.
    pub fn server(&self) -> Postgres {
        self.link.read().unwrap_or_else(PoisonError::into_inner).server.clone()
    }

    /// Runs SQL as the superuser, for a fault or a look. A connection that was cut is made anew.
    ///
    /// # Errors
    /// That the server takes none.
    pub async fn superuser(&self) -> Result<Arc<Client>> {
        let known = || Arc::clone(&self.link.read().unwrap_or_else(PoisonError::into_inner).superuser);
        if known().is_closed() {
            self.reconnect(&self.server()).await?;
        }
        Ok(known())
    }

    /// Runs SQL as the application's role does.
    ///
    /// # Errors
    /// That the server takes no connection.
    pub async fn application(&self) -> Result<Client> {
        let server = Postgres { user: self.name.clone(), password: self.password.clone(), ..self.server() };
        connect(&server, &self.name).await
    }

    /// By how many milliseconds the server's clock was set since the audit began, where it is another than this machine's; `None`: it was
    /// not, as far as can be told.
    ///
    /// # Errors
    /// That the server does not answer.
    pub async fn clock_step(&self) -> Result<Option<i64>> {
        let now = Clock::of(&self.server(), self.superuser().await?.as_ref()).await?;
        Ok(self.clock.step_to(&now))
    }

    /// The server's clock, as it was when the database was made.
    fn clock(&self) -> Clock {
        self.clock
    }

    /// The rows of a statement, which may only read: a line each, the columns divided by tabs. A table that does not exist yet has none.
    ///
    /// # Errors
    /// The server's refusal, in its words.
    pub async fn rows(&self, query: &str) -> Result<String> {
        // A connection of its own: a session that may only read, and that nobody else uses.
        let reader = connect(&self.server(), &self.name).await?;
        reader.batch_execute("SET default_transaction_read_only = on").await?;
        let messages = match reader.simple_query(query).await {
            Ok(messages) => messages,
            Err(error) if error.code().is_some_and(|code| NOT_THERE.contains(code)) => Vec::new(),
            Err(error) => return Err(said(error)),
        };
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let line = |row: &SimpleQueryRow| {
            let columns: Vec<&str> = (0..row.len()).map(|at| row.get(at).unwrap_or("NULL")).collect();
            format!("{}\n", columns.join("\t"))
        };
        Ok(rows.map(line).collect())
    }

    /// Connects to its server anew, which was restarted.
    pub async fn reconnect(&self, server: &Postgres) -> Result<()> {
        let superuser = Arc::new(connect(server, &self.name).await?);
        *self.link.write().unwrap_or_else(PoisonError::into_inner) = Link { server: server.clone(), superuser };
        Ok(())
    }

    /// Removes database and role; connections to it are ended.
    pub async fn delete(self) -> Result<()> {
        drop_database(&self.server(), &self.name).await
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A refusal in the server's own words.
fn said(error: tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(refusal) => anyhow::anyhow!("{}", refusal.message()),
        None => error.into(),
    }
}

/// Removes a database and the role of its name, whether they exist or not.
pub(crate) async fn drop_database(server: &Postgres, name: &str) -> Result<()> {
    let admin = connect(server, "postgres").await?;
    for statement in
        [format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"), format!("DROP ROLE IF EXISTS \"{name}\"")]
    {
        admin.batch_execute(&statement).await.with_context(|| format!("failed to remove database `{name}`"))?;
    }
    Ok(())
}
