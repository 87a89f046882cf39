//! What a lease's holder and the broker say to each other: JSON, one message a line.
//!
//! Both sides are of one build (the broker's key sees to it), so there are no versions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use chartgate_process::home;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::{Access, Address, Doing, KubeContext, Owned, Postgres, Request, registry};

/// From the holder.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// The first message.
    Lease(Request),
    /// Something is about to be made that goes with the lease; [`Tell::Noted`] answers.
    Owns(Owned),
    /// Images of the engine are needed on the cluster's nodes; [`Tell::Noted`] answers once those that the engine has are there.
    Load(Vec<String>),
    /// It is gone, or is to stay; [`Tell::Noted`] answers.
    Release(Owned),
    /// The lease ends; the connection is closed once all that it owned is gone.
    End,
}

/// From the broker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tell {
    /// The first message: the connection is attended to, and no longer one that an ending broker left behind.
    Hello,
    /// What is being done.
    Progress(Doing),
    /// The lease is granted.
    Ready {
        /// The cluster.
        cluster: Access,
        /// The server, if one was asked for.
        postgres: Option<Box<Postgres>>,
        /// The lease's own servers, by name.
        servers: BTreeMap<String, Address>,
    },
    /// Answers [`Ask::Owns`], [`Ask::Load`] and [`Ask::Release`].
    Noted,
    /// The lease is refused.
    Error {
        /// The whole chain, in words.
        error: String,
        /// Whether the environment is at fault.
        environment: bool,
    },
}

/// A broker is shared by those that are of one build and want the same node and server.
#[derive(Clone, Debug)]
pub struct Key {
    /// In names of files.
    pub word: String,
    /// Where the broker listens.
    pub socket: PathBuf,
    /// What it writes.
    pub log: PathBuf,
}

impl Key {
    /// The key of the broker that serves this build, and the user's cluster if one is named.
    pub fn of(kubernetes: &str, context: Option<&KubeContext>) -> Result<Self> {
        let exe =
            home::exe().context("failed to find the `chartgate` command\nhint: set `CHARTGATE_EXE` to its path")?;
        let file = exe.metadata().with_context(|| format!("failed to read `{}`", exe.display()))?;
        let server = home::image("POSTGRES").unwrap_or_default();
        let node = context.map_or_else(|| home::node_image(kubernetes), |context| Ok(context.fingerprint()))?;
        let build = format!("{} {:?} {kubernetes} {node} {server}", file.len(), file.modified()?);
        Self::from_word(&chartgate_base::hex(&Sha256::digest(build)[..4]))
    }

    /// The key that is called so.
    pub fn from_word(word: &str) -> Result<Self> {
        let folder = registry::folder()?;
        let key = Self {
            word: word.to_owned(),
            socket: folder.join(format!("{word}.sock")),
            log: folder.join(format!("{word}.log")),
        };
        // The kernel's limit for a socket's path: 108 bytes with the final zero on Linux, 104 elsewhere.
        if key.socket.as_os_str().len() > 103 {
            let socket = key.socket.display();
            let what = format!("`{socket}` is too long for a socket");
            return Err(home::Environment::hinted(what, "set `CHARTGATE_HOME` to a shorter path").into());
        }
        Ok(key)
    }

    /// The file of this key that is locked by a purpose.
    pub fn lock(&self, purpose: &str) -> PathBuf {
        self.socket.with_extension(purpose)
    }
}

/// The reading half of a connection.
pub struct Reader(Lines<BufReader<OwnedReadHalf>>);

impl Reader {
    /// Reads from this half.
    pub fn new(half: OwnedReadHalf) -> Self {
        Self(BufReader::new(half).lines())
    }

    /// The next message; `None` at the connection's end, however it ended. Can be dropped and called again.
    pub async fn next<M: DeserializeOwned>(&mut self) -> Result<Option<M>> {
        match self.0.next_line().await {
            Ok(Some(line)) => {
                serde_json::from_str(&line).map(Some).with_context(|| format!("failed to understand `{line}`"))
            }
            Ok(None) | Err(_) => Ok(None),
        }
    }
}

/// Sends one message.
pub async fn send(half: &mut OwnedWriteHalf, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    half.write_all(&line).await.context("failed to write to the other side")
}

#[cfg(test)]
mod tests {
    use super::super::Part;
    use super::*;

    /// The wire's words are what a person sees who listens in.
    #[test]
    fn messages_read_well_on_the_wire() {
        let creating = Doing { what: "creating".to_owned(), part: Some(Part { done: 1, of: 2 }) };
        assert_eq!(wire(&Tell::Progress(creating)), r#"{"progress":{"what":"creating","part":{"done":1,"of":2}}}"#);
        assert_eq!(wire(&Tell::Hello), r#""hello""#);
        assert_eq!(wire(&Ask::Owns(Owned::Namespace("a".to_owned()))), r#"{"owns":{"namespace":"a"}}"#);
        let error = Tell::Error { error: "no disk".to_owned(), environment: true };
        assert_eq!(wire(&error), r#"{"error":{"error":"no disk","environment":true}}"#);
    }

    fn wire(message: &impl Serialize) -> String {
        serde_json::to_string(message).unwrap()
    }
}
