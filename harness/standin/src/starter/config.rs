//! The environment of the starter's programs.

use anyhow::Result;

use crate::build::Build;
use crate::environment::Environment;
use crate::redis::Redis;

/// What the API and the worker need.
#[derive(Clone, Debug)]
pub struct Api {
    /// The version that is played.
    pub build: Build,
    /// The backing database.
    pub database: tokio_postgres::Config,
    /// The other server that must answer.
    pub redis: Redis,
    /// Whether it retries billing.
    pub retries: bool,
    /// Whether it replays the billing stream.
    pub replays: bool,
    /// Whether it is the worker and no API.
    pub is_worker: bool,
}

/// What the web application needs.
#[derive(Clone, Debug)]
pub struct Web {
    /// The version that is played.
    pub build: Build,
    /// The API.
    pub api: Address,
}

/// Where an HTTP server is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// `HOST:PORT`.
    pub authority: String,
    /// What comes before each path, without a slash at its end.
    pub prefix: String,
}

impl Api {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// All that is missing or wrong, in one line.
    pub fn read(env: &mut Environment) -> Result<Self> {
        let build = Build::of(env);
        let database = env.postgres("DATABASE_URL");
        let redis = env.checked("REDIS_URL", Redis::parse);
        let redis = redis.and_then(|url| Redis::parse(&url).ok()).unwrap_or_default();
        let retries = env.parsed_or("ENABLE_BILLING_RETRY_WORKER", "true or false", true);
        let replays = env.parsed_or("ENABLE_BILLING_STREAM_REPLAY", "true or false", true);
        let is_worker = retries && env.optional("BILLING_RETRY_DEPLOYMENT_MODE") == Some("dedicated");
        env.finish()?;
        Ok(Self { build, database, redis, retries, replays, is_worker })
    }
}

impl Web {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// All that is missing or wrong, in one line.
    pub fn read(env: &mut Environment) -> Result<Self> {
        let build = Build::of(env);
        let api = env.checked("API_BASE_URL", Address::parse);
        env.finish()?;
        Ok(Self { build, api: api.and_then(|url| Address::parse(&url).ok()).unwrap_or_default() })
    }
}

/// What migrations need, and no more: the version and the database.
///
/// # Errors
/// As [`Api::read`].
pub fn for_migrations(env: &mut Environment) -> Result<(Build, tokio_postgres::Config)> {
    let (build, database) = (Build::of(env), env.postgres("DATABASE_URL"));
    env.finish()?;
    Ok((build, database))
}

impl Address {
    fn parse(url: &str) -> Result<Self, String> {
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => return Err("asks for TLS, which the stand-in does not speak to the API".into()),
            _ => return Err("is not a URL such as http://api:8000".into()),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() || host.starts_with(':') {
            return Err("names no host".into());
        }
        let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let prefix = if path.is_empty() { String::new() } else { format!("/{}", path.trim_end_matches('/')) };
        Ok(Self { authority, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 3] = [
        ("STANDIN_VERSION", "v1"),
        ("DATABASE_URL", "postgres://me:secret@db/starter"),
        ("REDIS_URL", "redis://cache"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<Api> {
        let pairs = GOOD.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Api::read(&mut Environment::new(pairs))
    }

    #[track_caller]
    fn check_refused(changes: &[(&str, &str)], reason: &str) {
        let line = read(changes).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(line.contains(reason), "answered `{line}`, expected `{reason}`");
    }

    #[test]
    fn the_api_needs_its_servers_and_plain_switches() {
        for (name, _) in GOOD {
            check_refused(&[(name, "")], &format!("environment variable `{name}` is missing"));
        }
        check_refused(&[("ENABLE_BILLING_RETRY_WORKER", "no")], "expected true or false");
    }

    /// An API that is told of a dedicated worker elsewhere must go on serving.
    #[test]
    fn the_worker_is_who_is_dedicated_and_retries() {
        let mode = ("BILLING_RETRY_DEPLOYMENT_MODE", "dedicated");
        let off = ("ENABLE_BILLING_RETRY_WORKER", "false");
        let roles = [&[][..], &[mode], &[mode, off], &[off]].map(|changes| read(changes).ok().map(|api| api.is_worker));
        assert_eq!(roles, [false, true, false, false].map(Some));
    }

    #[test]
    fn the_apis_address_may_have_a_port_and_a_path() {
        let address =
            |authority: &str, prefix: &str| Ok(Address { authority: authority.into(), prefix: prefix.into() });
        assert_eq!(Address::parse("http://api"), address("api:80", ""));
        assert_eq!(Address::parse("http://api:8000/v1/"), address("api:8000", "/v1"));
        assert!(Address::parse("https://api").is_err_and(|reason| reason.contains("TLS")));
        assert!(Address::parse("api:8000").is_err() && Address::parse("http://:80").is_err());
    }
}
