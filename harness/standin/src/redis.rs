//! A Redis server that is asked for a sign of life: `AUTH` and `PING`, in its own protocol, over a connection of their own.

use std::fmt;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Where a server is, and how it knows us.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Redis {
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<String>,
}

impl Redis {
    /// A server that knows its clients by a password at most.
    pub fn at(host: &str, port: u16, password: Option<String>) -> Self {
        Self { host: host.to_owned(), port, user: None, password }
    }

    /// Reads `redis://[[user]:password@]host[:port][/number]`.
    ///
    /// # Errors
    /// What is wrong with it, without its text: it may hold a password.
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = match url.split_once("://") {
            Some(("redis", rest)) => rest,
            Some(("rediss", _)) => return Err("asks for TLS, which the stand-in does not speak to Redis".into()),
            _ => return Err("is not a URL such as redis://host:6379".into()),
        };
        let rest = rest.split(['/', '?']).next().unwrap_or_default();
        let (login, address) = rest.rsplit_once('@').map_or((None, rest), |(login, address)| (Some(login), address));
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "6379"));
        let port = port.parse().map_err(|_| "has a port that is no number".to_owned())?;
        if host.is_empty() {
            return Err("names no host".into());
        }
        let (user, password) = login.map_or((None, None), |login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            (Some(user), Some(password))
        });
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Self { host: host.to_owned(), port, user: given(user), password: given(password) })
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// If the server cannot be reached, or does not know us.
    pub async fn ping(&self) -> Result<()> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.context("connect to Redis")?;
        let mut stream = BufReader::new(stream);
        if let Some(password) = &self.password {
            let login: Vec<&str> = self.user.iter().map(String::as_str).chain([password.as_str()]).collect();
            ask(&mut stream, "AUTH", &login, "+OK").await?;
        }
        ask(&mut stream, "PING", &[], "+PONG").await
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

async fn ask(stream: &mut BufReader<TcpStream>, command: &str, arguments: &[&str], expected: &str) -> Result<()> {
    let request = request(command, arguments);
    stream.get_mut().write_all(request.as_bytes()).await.with_context(|| format!("send {command} to Redis"))?;
    let mut answer = String::new();
    stream.read_line(&mut answer).await.with_context(|| format!("read the answer to {command}"))?;
    match answer.trim_end() {
        answer if answer == expected => Ok(()),
        answer => bail!("Redis answered {command} with `{answer}`, expected `{expected}`"),
    }
}

/// An array of strings, each with its length before it.
fn request(command: &str, arguments: &[&str]) -> String {
    let words = std::iter::once(&command).chain(arguments);
    let words: Vec<_> = words.map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{}", words.len(), words.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, port: u16, user: Option<&str>, password: Option<&str>) -> Redis {
        Redis { host: host.into(), port, user: user.map(str::to_owned), password: password.map(str::to_owned) }
    }

    #[test]
    fn an_address_may_have_a_login_a_port_and_a_number() {
        assert_eq!(Redis::parse("redis://cache"), Ok(server("cache", 6379, None, None)));
        assert_eq!(Redis::parse("redis://:p@cache:7000/2"), Ok(server("cache", 7000, None, Some("p"))));
        assert_eq!(Redis::parse("redis://me:p@cache"), Ok(server("cache", 6379, Some("me"), Some("p"))));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (url, reason) in [
            ("cache:6379", "is not a URL"),
            ("rediss://cache", "asks for TLS"),
            ("redis://:6379", "names no host"),
            ("redis://cache:many", "no number"),
        ] {
            let refused = Redis::parse(url).map_or_else(|refused| refused, |_| String::new());
            assert!(refused.contains(reason), "`{url}` was answered with `{refused}`");
        }
    }

    #[test]
    fn a_password_may_hold_spaces() {
        assert_eq!(request("AUTH", &["a b"]), "*2\r\n$4\r\nAUTH\r\n$3\r\na b\r\n");
    }
}
