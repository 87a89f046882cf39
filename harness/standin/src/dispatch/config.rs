//! The environment of dispatch.

use anyhow::Result;

use crate::build::Build;
use crate::environment::Environment;
use crate::ledger::pod_name;

/// Who may see what is not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// Who knows a password.
    Basic,
    /// Whom another service vouches for.
    Oidc,
    /// Everyone.
    Disabled,
}

/// What the server needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The version that is played.
    pub build: Build,
    /// The pod's name.
    pub pod: String,
    /// The backing database.
    pub database: tokio_postgres::Config,
    /// The name or address to listen on.
    pub host: String,
    /// The port to listen on.
    pub port: u16,
    /// Who may see what is not public.
    pub auth: AuthMode,
}

impl Config {
    /// Reads and checks the variables.
    ///
    /// # Errors
    /// All that is missing or wrong, in one line.
    pub fn read(env: &mut Environment) -> Result<Self> {
        let build = Build::of(env);
        let database = env.postgres("DATABASE_URL");
        env.required("DISPATCH_AGENT_TOKEN");
        env.required("GITHUB_TOKEN");
        check_lanes(env);
        let config = Self {
            build,
            pod: pod_name(),
            database,
            host: env.optional("HOSTNAME").unwrap_or("0.0.0.0").to_owned(),
            port: env.parsed_or("PORT", "a port", 3000),
            auth: auth_mode(env),
        };
        env.finish()?;
        Ok(config)
    }
}

/// What migrations need, and no more: the version and the database.
///
/// # Errors
/// As [`Config::read`].
pub fn for_migrations(env: &mut Environment) -> Result<(Build, tokio_postgres::Config)> {
    let (build, database) = (Build::of(env), env.postgres("DATABASE_URL"));
    env.finish()?;
    Ok((build, database))
}

fn auth_mode(env: &mut Environment) -> AuthMode {
    match env.optional("DISPATCH_AUTH_MODE").unwrap_or("basic").to_owned().as_str() {
        "basic" => AuthMode::Basic,
        "oidc" => AuthMode::Oidc,
        "disabled" => AuthMode::Disabled,
        other => {
            env.problem(format!(
                "environment variable `DISPATCH_AUTH_MODE` is `{other}`, expected basic, oidc or disabled"
            ));
            AuthMode::Basic
        }
    }
}

fn check_lanes(env: &mut Environment) {
    let name = "DISPATCH_LANE_CONFIG_JSON";
    let Some(text) = env.optional(name) else { return };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        env.problem(format!("environment variable `{name}` is no JSON: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 4] = [
        ("STANDIN_VERSION", "v1"),
        ("DATABASE_URL", "postgresql://me:secret@db:5432/dispatch?schema=public"),
        ("DISPATCH_AGENT_TOKEN", "agent"),
        ("GITHUB_TOKEN", "github"),
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
    fn every_variable_of_the_contract_is_needed() {
        for (name, _) in GOOD {
            check_refused(&[(name, "")], &format!("environment variable `{name}` is missing"));
        }
    }

    /// A chart that quotes the JSON twice, or cuts it off, must crash its pods and not serve without lanes.
    #[test]
    fn lanes_that_do_not_parse_are_refused() {
        let name = "DISPATCH_LANE_CONFIG_JSON";
        check_refused(&[(name, r#"{"lanes":["#)], "`DISPATCH_LANE_CONFIG_JSON` is no JSON");
        assert!(read(&[(name, r#"{"lanes":[]}"#)]).is_ok());
    }

    #[test]
    fn an_unknown_auth_mode_is_refused_and_none_means_basic() {
        check_refused(&[("DISPATCH_AUTH_MODE", "none")], "expected basic, oidc or disabled");
        assert_eq!(read(&[]).ok().map(|config| config.auth), Some(AuthMode::Basic));
    }
}
