//! The broker's `PostgreSQL` server: one container, shared by all leases, each with databases of its own. A lease that restarts
//! its server has a container of its own, and a run whose servers are pods a pod.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_base::random;
use chartgate_model::plan::Server;
use chartgate_process::home::{self, Environment};
use chartgate_process::wait::{Check, until};
use testcontainers::bollard::models::PortBinding;
use testcontainers::core::{ContainerPort, IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};
use tokio_postgres::{Client, Config, NoTls};

use super::container::wait_for_network;
use super::place::Place;
use crate::engine;
use crate::provider::Progress;
use crate::registry::Entry;
use crate::{NETWORK, Postgres};

/// The server's port inside its container.
const PORT: ContainerPort = ContainerPort::Tcp(5432);
/// The server is up two seconds after its container's start, which may have to wait for a busy disk.
const START: Duration = Duration::from_secs(90);

/// The server is on this machine, or behind one API server.
const CONNECT: Duration = Duration::from_secs(10);

/// Gives the superuser of a new server its password.
const PASSWORD: &str = "POSTGRES_PASSWORD";
/// The superuser of a new server.
pub(super) const SUPERUSER: &str = "postgres";

/// Starts the server again when it ends: a container that is restarted may come back at another address.
const AGAIN: &str = r#"while :; do docker-entrypoint.sh "$@"; done"#;

/// What the server is started with.
const ARGUMENTS: [&str; 13] = [
    "postgres",
    "-c",
    // The database's name tells each audit its lines from others'.
    "log_line_prefix=%m [%p] %d ",
    "-c",
    // Each lease's application has pools of its own.
    "max_connections=300",
    "-c",
    // Its data never outlives the container.
    "fsync=off",
    "-c",
    // `RAISE LOG` of the audit reaches the log whatever the application sets for its sessions.
    "log_min_messages=warning",
    "-c",
    // Else each line of it is followed by its whole statement, passwords included.
    "log_min_error_statement=panic",
    "-c",
    "log_error_verbosity=terse",
];

/// Gives the server of this entry: the one that was kept if it still runs, else a new one.
pub async fn provide(entry: &Entry, progress: &Progress) -> Result<Postgres> {
    if let Some(kept) = entry.read::<Postgres>("postgres") {
        if connect(&kept, "postgres").await.is_ok() {
            return Ok(kept);
        }
        entry.erase("postgres");
        super::remove(&format!("{}-postgres", entry.name())).await?;
    }
    let server = start(entry, &format!("{}-postgres", entry.name()), progress).await?;
    entry.write("postgres", &server)?;
    Ok(server)
}

/// Starts a server in a container of this name.
pub async fn start(entry: &Entry, container: &str, progress: &Progress) -> Result<Postgres> {
    run(entry, container, progress).await.context(Environment::new("failed to start PostgreSQL"))
}

async fn run(entry: &Entry, container: &str, progress: &Progress) -> Result<Postgres> {
    wait_for_network().await?;
    let reference = home::image("POSTGRES")?;
    let (image, tag) = reference.rsplit_once(':').with_context(|| format!("image `{reference}` has no tag"))?;
    progress.say(format!("starting {reference}"));
    let (is_local, password) = (is_local(), random::text(24));
    let running = GenericImage::new(image, tag)
        // The image's own set-up says it as well, and takes no connections from outside: `connect` knows better.
        .with_wait_for(WaitFor::message_on_either_std("ready to accept connections"))
        .with_container_name(container)
        .with_label("chartgate.broker", entry.id())
        .with_env_var(PASSWORD, &password)
        .with_network(NETWORK)
        .with_mapped_port(0, PORT)
        .with_host_config_modifier(move |host| {
            let port = PortBinding {
                // Only this machine has business with it.
                host_ip: is_local.then(|| "127.0.0.1".to_owned()),
                host_port: Some(String::new()),
            };
            host.port_bindings = Some(HashMap::from([("5432/tcp".to_owned(), Some(vec![port]))]));
        })
        .with_cmd(command(AGAIN))
        .with_startup_timeout(START)
        .start()
        .await?;
    let local_host = running.get_host().await?.to_string();
    let host = if is_local { "127.0.0.1".to_owned() } else { local_host };
    let published = Some((host, running.get_host_port_ipv4(5432.tcp()).await?));
    let server = Postgres {
        place: Place::Container { name: container.to_owned(), published },
        host: engine::address(container).await?,
        port: PORT.as_u16(),
        user: SUPERUSER.to_owned(),
        password,
    };
    // The entry or the lease owns it from here on: a handle that is dropped would remove it when the broker ends, also if it is kept.
    std::mem::forget(running);
    accepts(&server).await?;
    Ok(server)
}

/// What a server in a pod is started from, with this password of its superuser.
pub(super) fn server(password: &str) -> Result<Server> {
    Ok(Server {
        image: home::image("POSTGRES")?,
        env: BTreeMap::from([(PASSWORD.to_owned(), password.to_owned())]),
        port: PORT.as_u16(),
        ready: String::new(),
    })
}

/// The command of a server that writes its log to a file.
pub(super) fn command_with_log(file: &str) -> Vec<String> {
    command(&format!("exec >>{file} 2>&1; {AGAIN}"))
}

fn command(script: &str) -> Vec<String> {
    ["sh", "-c", script, "sh"].into_iter().chain(ARGUMENTS).map(str::to_owned).collect()
}

/// Restarts a server where it runs, so that its addresses stay; it accepts connections when this returns.
pub async fn restart(server: &Postgres) -> Result<()> {
    let inside = |script: String| async move { server.place.output(&["sh", "-c", script.as_str()]).await };
    // The first line is the server's process.
    let process = || inside(r#"head -n 1 "$PGDATA/postmaster.pid""#.to_owned());
    let before = process().await.context("failed to find PostgreSQL's process")?;
    // A fast shutdown: connections are ended, nothing is lost.
    inside(format!("kill -INT {}", before.trim())).await.context("failed to stop PostgreSQL")?;
    until("PostgreSQL to start again", START, || async {
        match process().await {
            Ok(now) if now != before => Check::Ready(()),
            Ok(_) => Check::NotYet("it still runs".to_owned()),
            Err(error) => Check::NotYet(format!("{error:#}")),
        }
    })
    .await?;
    accepts(server).await
}

pub(super) async fn accepts(server: &Postgres) -> Result<()> {
    until("PostgreSQL to accept connections", START, || async {
        Check::retry(connect(server, "postgres").await.map(drop))
    })
    .await
}

/// Whether the engine is on this machine.
fn is_local() -> bool {
    std::env::var("DOCKER_HOST").ok().is_none_or(|host| host.is_empty() || host.starts_with("unix:"))
}

/// Connects to a database of the server as its superuser, from this machine.
pub(crate) async fn connect(server: &Postgres, database: &str) -> Result<Client> {
    let mut config = Config::new();
    config.user(&server.user).password(&server.password).dbname(database).application_name("chartgate");
    let connect = async {
        let stream = server.place.open(server.port).await?;
        anyhow::Ok(config.connect_raw(stream, NoTls).await?)
    };
    // The server's set-up accepts connections and does not answer yet.
    let connected = tokio::time::timeout(CONNECT, connect).await.context("it does not answer").flatten();
    let (client, connection) =
        connected.with_context(|| format!("failed to connect to PostgreSQL in {}", server.place))?;
    // It ends with the client; what it fails with, the client's calls fail with too.
    tokio::spawn(async move { connection.await.ok() });
    Ok(client)
}
