//! `node -e SCRIPT`: as much of Node.js as a test of a release needs. Each `fetch('ADDRESS')` is asked, in order.

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Asks what the script fetches.
///
/// # Errors
/// If it fetches nothing, or an answer is not a success.
pub async fn run(script: &str) -> Result<()> {
    let addresses = addresses(script);
    if addresses.is_empty() {
        bail!("the stand-in's `node -e` knows nothing but `fetch('http://…')`");
    }
    for address in addresses {
        let status = get(address).await.with_context(|| format!("fetch {address}"))?;
        println!("{address}: {status}");
        if !(200..300).contains(&status) {
            bail!("{address} answered {status}");
        }
    }
    Ok(())
}

fn addresses(script: &str) -> Vec<&str> {
    script.split("fetch('").skip(1).filter_map(|rest| Some(rest.split_once('\'')?.0)).collect()
}

/// The status of the answer.
async fn get(address: &str) -> Result<u16> {
    let rest = address.strip_prefix("http://").context("it is not http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let at = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = TcpStream::connect(&at).await.context("connect")?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.context("ask")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.context("read the answer")?;
    let status = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|status| status.parse().ok());
    status.context("it is no answer over HTTP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fetch_is_found() {
        let script = "fetch('http://a:1/x').then(check); fetch('http://b/').then(check)";
        assert_eq!(addresses(script), ["http://a:1/x", "http://b/"]);
    }
}
