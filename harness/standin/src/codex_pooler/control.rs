//! What `rpc` asks a node, and how.
//!
//! The two meet at an abstract Unix socket: it belongs to the pod's network namespace, needs no writable file system and cannot be reached over
//! the network. Erlang's own distribution is needed by the original, so `RELEASE_DISTRIBUTION=none` refuses here too.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream as StdStream};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::node::Node;
use super::release::split;
use crate::environment::Environment;
use crate::lifecycle::Phase;

const NAME: &str = "codex_pooler";

fn address() -> Result<SocketAddr> {
    SocketAddr::from_abstract_name(NAME).context("name the control socket")
}

/// Takes the pod's control socket.
///
/// # Errors
/// If another node of the same pod has it.
pub fn listen() -> Result<UnixListener> {
    let listener =
        StdListener::bind_addr(&address()?).context("the name `codex_pooler` seems to be in use by another node")?;
    listener.set_nonblocking(true)?;
    Ok(UnixListener::from_std(listener)?)
}

/// Answers until the process ends.
pub async fn answer(listener: UnixListener, node: Arc<Node>) {
    while let Ok((stream, _)) = listener.accept().await {
        let node = Arc::clone(&node);
        tokio::spawn(async move {
            if let Err(error) = answer_one(stream, &node).await {
                eprintln!("could not answer an rpc: {error:#}");
            }
        });
    }
}

async fn answer_one(stream: UnixStream, node: &Node) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut expressions = String::new();
    stream.read_line(&mut expressions).await?;
    let mut reply = String::from("ok\n");
    for expression in split(&expressions) {
        match expression {
            "CodexPooler.Release.drain" => node.drain().await,
            "CodexPooler.Release.status" => {
                let status = format!(
                    "{} {} {:?}, {} sessions\n",
                    node.writer.build.name(),
                    node.writer.role,
                    node.lifecycle.phase(),
                    *node.sessions.borrow()
                );
                reply.push_str(&status);
            }
            "System.stop" => drop(node.lifecycle.advance(Phase::Stopping)),
            other => {
                reply = format!(
                    "undefined function `{other}`; rpc knows `CodexPooler.Release.drain()`, `CodexPooler.Release.status()` and `System.stop()`"
                );
                break;
            }
        }
    }
    stream.get_mut().write_all(reply.as_bytes()).await?;
    Ok(())
}

/// Asks the node of this pod, and prints what it returns.
///
/// # Errors
/// If no node runs here, or it does not know the expression.
pub async fn ask(expressions: &str, env: &Environment) -> Result<()> {
    if env.optional("RELEASE_DISTRIBUTION") == Some("none") {
        bail!("rpc needs distribution, and `RELEASE_DISTRIBUTION` is none");
    }
    if split(expressions).next().is_none() {
        bail!("rpc needs an expression");
    }
    let stream =
        StdStream::connect_addr(&address()?).context("--rpc-eval: could not contact the node `codex_pooler`")?;
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    let line = expressions.replace('\n', ";");
    stream.write_all(format!("{line}\n").as_bytes()).await.context("ask the node")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.context("read the node's reply")?;
    match reply.strip_prefix("ok\n") {
        Some(output) => print!("{output}"),
        None if reply.is_empty() => bail!("the node ended before it replied"),
        None => bail!("{reply}"),
    }
    Ok(())
}
