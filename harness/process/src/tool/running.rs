//! A process while it runs: its streams are drained, and its group is killed with it.

use std::pin::pin;
use std::process::ExitStatus;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chartgate_redact::Redactor;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Line, Listener, Output, Tool};
use crate::wait::pause;

/// How much of each stream is kept, in bytes: above every rendered chart, below what would hurt.
const KEPT: usize = 64 << 20;
/// How long a stream may stay open after its process ended: a grandchild that inherited it and lives on must not hold us up.
const DRAIN: Duration = Duration::from_secs(2);
/// How long a process that was interrupted may take to clear up.
const CLEARING_UP: Duration = Duration::from_secs(30);

/// A child with a process group of its own, which is killed with it.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) group: Option<Pid>,
    pub(super) started: Instant,
}

impl Running {
    pub(super) async fn finish(mut self, tool: &Tool) -> Result<Output> {
        let told = || Told { listener: tool.listener.clone(), redactor: tool.redactor.clone(), line: Vec::new() };
        let (mut out, mut err) = (collect(self.child.stdout.take(), told()), collect(self.child.stderr.take(), told()));
        let feed = feed(self.child.stdin.take(), tool.stdin.as_deref());
        let group = self.group;
        let status = {
            let mut ended = pin!(async { tokio::join!(self.child.wait(), feed).0 });
            let mut limit = pin!(pause(tool.deadline));
            loop {
                tokio::select! {
                    status = &mut ended => break Some(status.with_context(|| format!("failed to wait for {}", tool.name))?),
                    () = &mut limit => break None,
                    () = tool.interrupt.0.notified() => {
                        // It fails where the group has just ended, and then there is nothing to interrupt.
                        group.map(|group| kill_process_group(group, Signal::INT).ok());
                        limit.set(pause(CLEARING_UP));
                    }
                }
            }
        };
        let elapsed = self.started.elapsed();
        // After its end too: what it left behind would hold our pipes, and outlive us.
        self.kill();
        let (stdout, stderr) = tokio::join!(out.text(), err.text());
        Ok(Output { status, stdout, stderr, took: elapsed })
    }

    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.kill();
        status
    }

    /// Kills the group, once: afterwards its number may belong to another.
    fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // It fails where the group has ended, which is what we want.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A stream that is being read to its end.
struct Collecting(JoinHandle<()>, Arc<RwLock<Vec<u8>>>);

impl Collecting {
    async fn text(&mut self) -> String {
        if tokio::time::timeout(DRAIN, &mut self.0).await.is_err() {
            self.0.abort();
        }
        String::from_utf8_lossy(&self.1.read().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The lines of a stream, for a listener.
struct Told {
    listener: Listener,
    redactor: Redactor,
    /// The one that has not ended.
    line: Vec<u8>,
}

impl Told {
    fn take(&mut self, bytes: &[u8]) {
        let Some(listener) = &self.listener.0 else { return };
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&self.line).into_owned();
                listener(&self.redactor.redact(line.trim_end()));
                self.line.clear();
            }
        }
    }
}

fn collect(stream: Option<impl AsyncRead + Unpin + Send + 'static>, mut told: Told) -> Collecting {
    let kept = Arc::new(RwLock::new(Vec::new()));
    let text = Arc::clone(&kept);
    let reading = tokio::spawn(async move {
        let Some(mut stream) = stream else { return };
        let mut buffer = vec![0; 16 << 10];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            told.take(&buffer[..n]);
            let mut text = text.write().unwrap_or_else(PoisonError::into_inner);
            text.extend_from_slice(&buffer[..n]);
            if text.len() > KEPT {
                // The end tells why it failed.
                let surplus = text.len() - KEPT / 2;
                text.drain(..surplus);
            }
        }
    });
    Collecting(reading, kept)
}

async fn feed(pipe: Option<impl tokio::io::AsyncWrite + Unpin>, input: Option<&[u8]>) {
    if let (Some(mut pipe), Some(input)) = (pipe, input) {
        // A process that ends without reading its input says why by its status.
        drop(pipe.write_all(input).await);
    }
}

pub(super) async fn forward(
    stream: Option<impl AsyncRead + Unpin>,
    lines: mpsc::Sender<Line>,
    kind: fn(String) -> Line,
) {
    let Some(stream) = stream else { return };
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = stream.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        line.clear();
        if lines.send(kind(text)).await.is_err() {
            return;
        }
    }
}
