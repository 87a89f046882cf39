//! Where a server runs: what is asked of it there is the same everywhere.

use std::fmt;

use anyhow::{Result, bail};
use chartgate_process::tool::Line;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::pod::ServerPod;
use crate::engine;

/// Where a server runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A container of this machine's engine, on the cluster's network.
    Container {
        /// Its name.
        name: String,
        /// Address and port at which this machine reaches the server; `None`: only pods do.
        published: Option<(String, u16)>,
    },
    /// A pod of the leased cluster.
    Pod(ServerPod),
}

/// A connection to a server.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What is heard of a server's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Line(String),
    /// Something of it is missing, and why; more follows.
    Lost(String),
    /// Nothing follows, and why.
    Ended(String),
}

impl Place {
    /// What a program prints that is run beside the server.
    ///
    /// # Errors
    /// That it failed, with what it said last.
    pub async fn output<A: AsRef<str>>(&self, command: &[A]) -> Result<String> {
        match self {
            Self::Container { name, .. } => {
                Ok(engine::exec(name, command.iter().map(AsRef::<str>::as_ref)).run().await?.stdout)
            }
            Self::Pod(pod) => pod.output(command.iter().map(|word| word.as_ref().to_owned()).collect()).await,
        }
    }

    /// A connection of this machine to a port of the server.
    pub(crate) async fn open(&self, port: u16) -> Result<Box<dyn Stream>> {
        match self {
            Self::Container { published: Some((host, port)), .. } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Container { published: None, .. } => bail!("only pods reach it"),
            Self::Pod(pod) => pod.open(port).await,
        }
    }

    /// What the server writes to its log from now on; of a pod, from its start.
    pub(crate) async fn follow_log(&self) -> Result<mpsc::Receiver<Heard>> {
        match self {
            Self::Container { name, .. } => Ok(heard(engine::follow_log(name).follow()?)),
            Self::Pod(pod) => pod.follow_log().await,
        }
    }

    /// The name of its container; `None`: it is a pod.
    pub fn container(&self) -> Option<&str> {
        match self {
            Self::Container { name, .. } => Some(name),
            Self::Pod(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container { name, .. } => write!(f, "container `{name}`"),
            Self::Pod(pod) => write!(f, "{pod}"),
        }
    }
}

/// The lines of the engine's client, which loses none.
fn heard(mut lines: mpsc::Receiver<Line>) -> mpsc::Receiver<Heard> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(line) = lines.recv().await {
            let heard = match line {
                Line::Out(line) | Line::Err(line) => Heard::Line(line),
                Line::Ended(how) => Heard::Ended(how),
            };
            if sender.send(heard).await.is_err() {
                return;
            }
        }
    });
    receiver
}
