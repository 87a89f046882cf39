//! Gives the lines of a file that grows, each behind its number: who reads them from a log that loses lines sees that one is missing.
//!
//! The numbers are those of the file, so that a follower that was restarted gives the same ones again.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use crate::clock::pause;

/// Between two looks at the end of the file: a change of a schema is told within it.
const LOOK: Duration = Duration::from_millis(20);

/// Follows the file that the arguments name, until it is killed.
pub async fn run(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let path = arguments.next().context("the file to follow is missing")?;
    follow(&path, tokio::io::stdout()).await
}

async fn follow(path: &str, mut out: impl AsyncWrite + Unpin) -> Result<()> {
    let mut lines = BufReader::new(opened(path).await?);
    let (mut number, mut line) = (0_u64, Vec::new());
    loop {
        lines.read_until(b'\n', &mut line).await.with_context(|| format!("read `{path}`"))?;
        // The rest of a line, or the next one, is yet to be written.
        if !line.ends_with(b"\n") {
            out.flush().await.context("write a line")?;
            pause(LOOK).await;
            continue;
        }
        number += 1;
        out.write_all(format!("{number}\t").as_bytes()).await.context("write a number")?;
        out.write_all(&line).await.context("write a line")?;
        line.clear();
    }
}

/// The file, once somebody has made it.
async fn opened(path: &str) -> Result<File> {
    loop {
        match File::open(path).await {
            Err(error) if error.kind() == ErrorKind::NotFound => pause(LOOK).await,
            opened => return opened.with_context(|| format!("open `{path}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A failure would mean that a change of a schema is told twice, in halves, or as another line's.
    #[tokio::test]
    async fn each_whole_line_is_given_once_behind_its_number() {
        let path = std::env::temp_dir().join(format!("chartgate-follow-{}", std::process::id()));
        let name = path.display().to_string();
        let (reading, writing) = tokio::io::duplex(1 << 10);
        let following = tokio::spawn(async move { follow(&name, writing).await });
        let mut file = std::fs::File::create(&path).unwrap();
        let mut given = BufReader::new(reading).lines();
        write!(file, "one\ntw").unwrap();
        assert_eq!(given.next_line().await.unwrap().as_deref(), Some("1\tone"));
        // Half a line is none.
        assert!(tokio::time::timeout(LOOK * 3, given.next_line()).await.is_err());
        writeln!(file, "o").unwrap();
        assert_eq!(given.next_line().await.unwrap().as_deref(), Some("2\ttwo"));
        following.abort();
        std::fs::remove_file(&path).unwrap();
    }
}
