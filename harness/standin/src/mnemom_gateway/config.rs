//! The environment of mnemom-gateway.

use std::time::Duration;

use anyhow::Result;

use crate::build::Build;
use crate::environment::Environment;
use crate::ledger::pod_name;
use crate::redis::Redis;

/// Which work a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It answers requests.
    Gateway,
    /// It runs the cron and serves nothing.
    Observer,
}

impl Role {
    /// As in `SMOLTBOT_ROLE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Observer => "observer",
        }
    }
}

/// What every command needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The version that is played.
    pub build: Build,
    /// The pod's name.
    pub pod: String,
    /// The backing database.
    pub database: tokio_postgres::Config,
    /// The backing cache.
    pub redis: Redis,
    /// Which work it does.
    pub role: Role,
    /// The port that a gateway serves on.
    pub port: u16,
    /// The time between two ticks of an observer.
    pub interval: Duration,
}

impl Config {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// All that is missing or wrong, in one line.
    pub fn read(env: &mut Environment) -> Result<Self> {
        let build = Build::of(env);
        env.checked("SUPABASE_URL", |url| {
            let address = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            match address {
                Some(address) if !address.is_empty() => Ok(()),
                _ => Err("is not a URL such as https://project.supabase.co".to_owned()),
            }
        });
        for name in ["SUPABASE_KEY", "ANTHROPIC_API_KEY", "MNEMOM_LICENSE_JWT"] {
            env.required(name);
        }
        let database = env.postgres("DATABASE_URL");
        let redis = redis(env);
        one_of(env, "LOG_LEVEL", &["debug", "info", "warn", "error"]);
        let role = match one_of(env, "SMOLTBOT_ROLE", &["gateway", "observer"]).as_deref() {
            Some("observer") => Role::Observer,
            _ => Role::Gateway,
        };
        let port = env.parsed_or("PORT", "a port", 8787_u16);
        let interval = env.parsed_or("SMOLTBOT_CRON_INTERVAL_MS", "milliseconds", 1000_u32).max(10);
        env.finish()?;
        let interval = Duration::from_millis(interval.into());
        Ok(Self { build, pod: pod_name(), database, redis, role, port, interval })
    }
}

fn redis(env: &mut Environment) -> Redis {
    let Some(url) = env.checked("REDIS_URL", Redis::parse) else { return Redis::default() };
    Redis::parse(&url).unwrap_or_default()
}

/// A variable that need not be set but must be one of these.
fn one_of(env: &mut Environment, name: &str, known: &[&str]) -> Option<String> {
    let value = env.optional(name)?.to_owned();
    if !known.contains(&value.as_str()) {
        env.problem(format!("environment variable `{name}` is `{value}`, expected one of {}", known.join(", ")));
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 7] = [
        ("STANDIN_VERSION", "v1"),
        ("SUPABASE_URL", "https://project.example"),
        ("SUPABASE_KEY", "key"),
        ("ANTHROPIC_API_KEY", "sk-ant"),
        ("MNEMOM_LICENSE_JWT", "eyJ"),
        ("DATABASE_URL", "postgres://me:secret@db:5432/mnemom"),
        ("REDIS_URL", "redis://cache:6379"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<Config> {
        let pairs = GOOD.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(&mut Environment::new(pairs))
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
    fn what_is_no_address_role_or_level_is_refused() {
        check_refused(&[("SUPABASE_URL", "project")], "`SUPABASE_URL` is not a URL");
        check_refused(&[("REDIS_URL", "rediss://cache")], "`REDIS_URL` asks for TLS");
        check_refused(&[("SMOLTBOT_ROLE", "observr")], "`SMOLTBOT_ROLE` is `observr`");
        check_refused(&[("LOG_LEVEL", "loud")], "`LOG_LEVEL` is `loud`");
    }

    /// An observer that took itself for a gateway would serve, and the cron would not run.
    #[test]
    fn the_role_is_a_gateway_unless_it_is_named() {
        let role = |changes| read(changes).map(|config| config.role).ok();
        assert_eq!(role(&[]), Some(Role::Gateway));
        assert_eq!(role(&[("SMOLTBOT_ROLE", "observer")]), Some(Role::Observer));
    }
}
