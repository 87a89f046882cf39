//! Reads environment variables strictly: everything that is wrong with them is told in one line.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The variables of a process, and what has been found wrong with them so far.
pub struct Environment {
    variables: BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Environment {
    /// The variables of this process; one that is not UTF-8 counts as missing.
    pub fn of_process() -> Self {
        Self::new(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// The variables given, for tests.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect(), problems: Vec::new() }
    }

    /// A variable's value; an empty one counts as not set, as it does to the originals.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable is exactly `true`.
    pub fn is_true(&self, name: &str) -> bool {
        self.optional(name) == Some("true")
    }

    /// A variable that must be set; its absence is a problem.
    pub fn required(&mut self, name: &str) -> String {
        self.checked(name, |_| Ok(())).unwrap_or_default()
    }

    /// A variable that must be set and pass `check`, which says what is wrong with it (without its value: it may be a secret).
    pub fn checked<T>(&mut self, name: &str, check: impl FnOnce(&str) -> Result<T, String>) -> Option<String> {
        let Some(value) = self.optional(name).map(str::to_owned) else {
            self.problem(format!("environment variable `{name}` is missing"));
            return None;
        };
        if let Err(reason) = check(&value) {
            self.problem(format!("environment variable `{name}` {reason}"));
            return None;
        }
        Some(value)
    }

    /// A variable that need not be set but must parse, with what holds when it is not set.
    pub fn parsed_or<T: std::str::FromStr>(&mut self, name: &str, expected: &str, otherwise: T) -> T {
        let Some(value) = self.optional(name).map(str::to_owned) else { return otherwise };
        value.parse().unwrap_or_else(|_| {
            self.problem(format!("environment variable `{name}` is `{value}`, expected {expected}"));
            otherwise
        })
    }

    /// `name` as the address of a PostgreSQL server.
    pub fn postgres(&mut self, name: &str) -> Config {
        let Some(url) = self.checked(name, |_| Ok(())) else { return Config::new() };
        postgres_config(&url).unwrap_or_else(|reason| {
            self.problem(format!("environment variable `{name}` {reason}"));
            Config::new()
        })
    }

    /// Notes that something is wrong.
    pub fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Fails with one line if anything was wrong.
    ///
    /// # Errors
    /// All problems, separated by semicolons.
    pub fn finish(&self) -> Result<()> {
        if self.problems.is_empty() {
            return Ok(());
        }
        bail!("could not load the configuration: {}", self.problems.join("; "))
    }
}

/// Ecto and Prisma add parameters of their own (`pool_size`, `schema`) that a PostgreSQL client does not know: they are left out.
fn postgres_config(url: &str) -> Result<Config, String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err("is not a URL such as postgres://user:password@host:5432/database".into());
    };
    if !matches!(scheme, "postgres" | "postgresql" | "ecto") {
        return Err(format!("has the scheme `{scheme}`, expected postgres, postgresql or ecto"));
    }
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("sslmode", "require" | "verify-ca" | "verify-full") | ("ssl", "true") => {
                return Err("asks for TLS, which the stand-in does not speak to a database".into());
            }
            ("connect_timeout" | "application_name" | "options", _) => kept.push(pair),
            _ => {}
        }
    }
    let plain = format!("postgres://{address}?{}", kept.join("&"));
    // The parser's own message may quote a part of the password: only its kind is told.
    let config: Config = plain.parse().map_err(|_| "does not parse as the URL of a PostgreSQL database".to_owned())?;
    match config.get_hosts() {
        [Host::Tcp(host), ..] if !host.is_empty() => {}
        _ => return Err("names no host".into()),
    }
    if config.get_dbname().is_none_or(str::is_empty) {
        return Err("names no database".into());
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    /// A user who forgot two Secret keys should learn of both at once.
    #[test]
    fn all_problems_are_told_in_one_line() {
        let mut env = environment(&[("EMPTY", ""), ("PORT", "many")]);
        env.required("EMPTY");
        env.parsed_or("PORT", "a port", 1_u16);
        let line = env.finish().map_or_else(|error| error.to_string(), |()| String::new());
        assert_eq!(
            line,
            "could not load the configuration: environment variable `EMPTY` is missing; environment variable `PORT` is `many`, expected a port"
        );
    }

    /// Ecto's own scheme and parameters must not be refused: the original takes them.
    #[test]
    fn an_ecto_url_is_taken() {
        let config = postgres_config("ecto://me:p%40ss@db.example:6432/pooler?pool_size=10&ssl=false");
        let config = config.unwrap_or_else(|reason| panic!("refused: {reason}"));
        assert_eq!(
            (config.get_user(), config.get_ports(), config.get_dbname()),
            (Some("me"), &[6432][..], Some("pooler"))
        );
        assert_eq!(config.get_password(), Some(&b"p@ss"[..]));
    }

    #[test]
    fn what_is_no_database_is_refused_with_the_reason() {
        for (url, reason) in [
            ("codex", "is not a URL"),
            ("mysql://me@db/pooler", "has the scheme `mysql`"),
            ("postgres://me@db", "names no database"),
            ("postgres://me@/pooler", "names no host"),
            ("postgres://me@db/pooler?sslmode=require", "asks for TLS"),
        ] {
            let refused = postgres_config(url).map_or_else(|refused| refused, |_| String::new());
            assert!(refused.contains(reason), "`{url}` was answered with `{refused}`");
        }
    }
}
