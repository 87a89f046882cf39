//! The environment of codex-pooler.

use std::time::Duration;

use anyhow::Result;

use crate::build::Build;
use crate::environment::Environment;
use crate::ledger::pod_name;

/// Phoenix refuses a shorter one.
const SECRET_KEY_BASE_BYTES: usize = 64;
const UPSTREAM_KEY_BYTES: usize = 32;

/// What every command that runs the application needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The version that is played.
    pub build: Build,
    /// The pod's name.
    pub pod: String,
    /// The backing database.
    pub database: tokio_postgres::Config,
}

/// Which work a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// None of the queue's.
    Web,
    /// It drains the queue.
    Worker,
    /// It fills the queue by the clock.
    Scheduler,
}

impl Mode {
    /// As in `OBAN_MODE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Worker => "worker",
            Self::Scheduler => "scheduler",
        }
    }
}

/// What a node needs besides [`Config`].
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// What all commands need.
    pub common: Config,
    /// Which work it does.
    pub mode: Mode,
    /// The port it serves on, if it serves.
    pub port: Option<u16>,
    /// The public host.
    pub host: Option<String>,
    /// Whether `rpc` can reach it.
    pub is_distributed: bool,
    /// The cluster it is part of.
    pub cluster: Option<Cluster>,
    /// Whether a session that another node owns is forwarded to it.
    pub owner_forwarding: bool,
    /// The time between two ticks of the scheduler.
    pub interval: Duration,
}

/// How nodes find each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// A name that resolves to the addresses of all nodes.
    pub query: String,
    /// This node, as `NAME@ADDRESS`.
    pub node: String,
    /// What all nodes of one cluster share.
    pub cookie: String,
}

impl Config {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// All that is missing or wrong, in one line.
    pub fn read(env: &mut Environment) -> Result<Self> {
        let config = Self::gather(env);
        env.finish()?;
        Ok(config)
    }

    fn gather(env: &mut Environment) -> Self {
        let build = Build::of(env);
        let database = env.postgres("DATABASE_URL");
        env.checked("SECRET_KEY_BASE", |value| match value.len() {
            0..SECRET_KEY_BASE_BYTES => {
                Err(format!("has {} bytes, at least {SECRET_KEY_BASE_BYTES} are needed", value.len()))
            }
            _ => Ok(()),
        });
        env.required("CODEX_POOLER_TOTP_ENCRYPTION_KEY");
        env.checked("CODEX_POOLER_TOTP_KEY_VERSION", key_version);
        env.checked("CODEX_POOLER_UPSTREAM_SECRET_KEY", upstream_key);
        env.checked("CODEX_POOLER_UPSTREAM_SECRET_KEY_VERSION", key_version);
        Self { build, pod: pod_name(), database }
    }
}

impl NodeConfig {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// All that is missing or wrong, in one line.
    pub fn read(env: &mut Environment) -> Result<Self> {
        let common = Config::gather(env);
        let mode = match env.required("OBAN_MODE").as_str() {
            "worker" => Mode::Worker,
            "scheduler" => Mode::Scheduler,
            "web" | "" => Mode::Web,
            other => {
                env.problem(format!(
                    "environment variable `OBAN_MODE` is `{other}`, expected web, worker or scheduler"
                ));
                Mode::Web
            }
        };
        let port = env.parsed_or("PORT", "a port", 4000_u16);
        let interval = env.parsed_or("CODEX_POOLER_SCHEDULER_INTERVAL_MS", "milliseconds", 1000_u32).max(10);
        let config = Self {
            common,
            mode,
            port: env.is_true("PHX_SERVER").then_some(port),
            host: env.optional("PHX_HOST").map(str::to_owned),
            is_distributed: env.optional("RELEASE_DISTRIBUTION") != Some("none"),
            cluster: cluster(env),
            owner_forwarding: env.is_true("CODEX_POOLER_WEBSOCKET_OWNER_FORWARDING"),
            interval: Duration::from_millis(interval.into()),
        };
        env.finish()?;
        Ok(config)
    }
}

fn cluster(env: &mut Environment) -> Option<Cluster> {
    let distribution = env.optional("RELEASE_DISTRIBUTION").unwrap_or("sname").to_owned();
    let query = env.optional("DNS_CLUSTER_QUERY").map(str::to_owned);
    match distribution.as_str() {
        "name" => {}
        "sname" | "none" if query.is_some() => {
            env.problem(
                "environment variable `RELEASE_DISTRIBUTION` must be `name` when `DNS_CLUSTER_QUERY` is set".into(),
            );
            return None;
        }
        "sname" | "none" => return None,
        other => {
            env.problem(format!(
                "environment variable `RELEASE_DISTRIBUTION` is `{other}`, expected name, sname or none"
            ));
            return None;
        }
    }
    let node = env.checked("RELEASE_NODE", |node| match node.split_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() => Ok(()),
        _ => Err(format!("is `{node}`, expected NAME@ADDRESS with `RELEASE_DISTRIBUTION` name")),
    });
    let query = query?;
    let cookie = env.required("RELEASE_COOKIE");
    Some(Cluster { query, node: node?, cookie })
}

fn key_version(value: &str) -> Result<(), String> {
    if value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Ok(());
    }
    Err("holds other characters than letters, digits, `.`, `_` and `-`".into())
}

fn upstream_key(value: &str) -> Result<(), String> {
    // 32 bytes are 43 characters of base64, with or without the padding to 44.
    let digits = value.strip_suffix('=').unwrap_or(value);
    let is_base64 =
        digits.len() == 43 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte));
    if value.len() == UPSTREAM_KEY_BYTES || is_base64 {
        return Ok(());
    }
    Err(format!(
        "has {} bytes and is no base64 of {UPSTREAM_KEY_BYTES}: {UPSTREAM_KEY_BYTES} bytes are needed, raw or base64",
        value.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 8] = [
        ("STANDIN_VERSION", "v1"),
        ("DATABASE_URL", "postgres://me:secret@db:5432/pooler"),
        ("SECRET_KEY_BASE", "0123456789012345678901234567890123456789012345678901234567890123"),
        ("CODEX_POOLER_TOTP_ENCRYPTION_KEY", "totp"),
        ("CODEX_POOLER_TOTP_KEY_VERSION", "v1"),
        ("CODEX_POOLER_UPSTREAM_SECRET_KEY", "01234567890123456789012345678901"),
        ("CODEX_POOLER_UPSTREAM_SECRET_KEY_VERSION", "1"),
        ("OBAN_MODE", "web"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<NodeConfig> {
        let pairs = GOOD.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        NodeConfig::read(&mut Environment::new(pairs))
    }

    #[track_caller]
    fn check_refused(changes: &[(&str, &str)], reason: &str) {
        let line = read(changes).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(line.contains(reason), "answered `{line}`, expected `{reason}`");
    }

    #[test]
    fn every_variable_of_the_table_is_needed() {
        for (name, _) in GOOD {
            check_refused(&[(name, "")], &format!("environment variable `{name}` is missing"));
        }
    }

    #[test]
    fn keys_of_the_wrong_length_are_refused() {
        check_refused(&[("SECRET_KEY_BASE", "short")], "`SECRET_KEY_BASE` has 5 bytes");
        check_refused(&[("CODEX_POOLER_UPSTREAM_SECRET_KEY", "01234567890123456789012345678901\n")], "has 33 bytes");
        check_refused(
            &[("CODEX_POOLER_TOTP_KEY_VERSION", "v 1")],
            "`CODEX_POOLER_TOTP_KEY_VERSION` holds other characters",
        );
    }

    #[test]
    fn an_upstream_key_may_be_base64() {
        let key = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
        assert!(read(&[("CODEX_POOLER_UPSTREAM_SECRET_KEY", key)]).is_ok());
    }

    /// A worker that serves because `PHX_SERVER` is set at all would leak its role.
    #[test]
    fn only_phx_server_true_serves() {
        for (value, serves) in [("", false), ("false", false), ("true", true)] {
            let port = read(&[("PHX_SERVER", value)]).map(|config| config.port);
            assert_eq!(port.ok().flatten().is_some(), serves, "PHX_SERVER=`{value}`");
        }
    }

    #[test]
    fn clustering_needs_all_of_its_variables() {
        let query = ("DNS_CLUSTER_QUERY", "headless.ns.svc");
        check_refused(&[query], "`RELEASE_DISTRIBUTION` must be `name`");
        check_refused(&[query, ("RELEASE_DISTRIBUTION", "name"), ("RELEASE_COOKIE", "c")], "`RELEASE_NODE` is missing");
        check_refused(&[query, ("RELEASE_DISTRIBUTION", "name"), ("RELEASE_NODE", "pooler")], "expected NAME@ADDRESS");
        check_refused(
            &[query, ("RELEASE_DISTRIBUTION", "name"), ("RELEASE_NODE", "pooler@10.0.0.1")],
            "`RELEASE_COOKIE` is missing",
        );
    }

    /// Distribution for `rpc` alone is no cluster and needs no cookie: the release has one of its own.
    #[test]
    fn a_distributed_node_without_a_query_is_alone() {
        let config = read(&[("RELEASE_DISTRIBUTION", "name"), ("RELEASE_NODE", "pooler@127.0.0.1")]);
        assert!(config.is_ok_and(|config| config.cluster.is_none() && config.is_distributed));
    }
}
