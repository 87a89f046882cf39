//! Servers outside the cluster that the chart's pods use: a `PostgreSQL` database for each scenario, with an audit of its schema,
//! and any other server in a container of its own.

mod fault;
mod schema_audit;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chartgate_base::random;
use tokio_postgres::{Client, Config, NoTls};

use crate::Postgres;

pub use crate::server::{servers, variables};
pub use schema_audit::{Ddl, Fault, SchemaAudit, Seen};

/// The server is on this machine.
const CONNECT: Duration = Duration::from_secs(10);

/// A database of a scenario's own, with a login role of its own that owns it.
pub struct Database {
    name: String,
    password: String,
    link: RwLock<Link>,
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
        let link = RwLock::new(Link { server: server.clone(), superuser: Arc::new(superuser) });
        Ok(Self { name: name.to_owned(), password, link })
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

    /// Runs SQL as the superuser, for a fault or a look.
    pub fn superuser(&self) -> Arc<Client> {
        Arc::clone(&self.link.read().unwrap_or_else(PoisonError::into_inner).superuser)
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

/// Connects to a database of the server as its superuser, from this machine.
pub(crate) async fn connect(server: &Postgres, database: &str) -> Result<Client> {
    let mut config = Config::new();
    config.host(&server.local_host).port(server.local_port).user(&server.user).password(&server.password);
    config.dbname(database).application_name("chartgate").connect_timeout(CONNECT);
    // The server's set-up accepts connections and does not answer yet.
    let connected = tokio::time::timeout(CONNECT, config.connect(NoTls)).await.context("it does not answer");
    let (client, connection) = connected
        .and_then(|connected| Ok(connected?))
        .with_context(|| format!("failed to connect to PostgreSQL at {}:{}", server.local_host, server.local_port))?;
    // It ends with the client; what it fails with, the client's calls fail with too.
    tokio::spawn(async move { connection.await.ok() });
    Ok(client)
}
