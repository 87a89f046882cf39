//! The schema registry, asked over plain HTTP.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANSWER: Duration = Duration::from_secs(5);

/// Asks the registry at `url` (`http://host:port`) whether it serves.
///
/// # Errors
/// If it does not answer `/config` and `/subjects` with 200.
pub async fn check(url: &str) -> Result<()> {
    for path in ["/config", "/subjects"] {
        let status = timeout(ANSWER, status(url, path)).await.context("ask the schema registry: no answer")??;
        if status != 200 {
            bail!("the schema registry answered {path} with status {status}");
        }
    }
    Ok(())
}

async fn status(url: &str, path: &str) -> Result<u16> {
    let authority = url.strip_prefix("http://").unwrap_or(url);
    let mut stream = TcpStream::connect(authority).await.context("connect to the schema registry")?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.context("ask the schema registry")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.context("read the schema registry's answer")?;
    let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
    let status = line.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    status.with_context(|| format!("the schema registry's answer begins with `{line}`"))
}
