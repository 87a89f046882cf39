//! Programs of others: the one module that starts processes.
//!
//! Both streams are drained, a deadline ends the process group, dropping the future kills it, and a failure shows the command,
//! how it ended, how long it took and the end of both outputs, with secrets left out. On Linux a child is started through
//! `chartgate exec`, so that it does not outlive us even if we are killed: see [`exec_guarded`].

mod guard;
mod output;
mod program;
mod running;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
pub use chartgate_base::quoted;
use chartgate_redact::Redactor;
use rustix::process::Pid;
use tokio::process::Command;
use tokio::sync::{Notify, mpsc};

use crate::home::{self, Environment};
use crate::wait::seconds;
use guard::PARENT;
use running::{Running, forward};

#[cfg(target_os = "linux")]
pub use guard::exec_guarded;
pub use output::{Line, Output, tail};

/// For a call that only asks or tells a server that is up; what takes longer sets a deadline of its own.
const DEADLINE: Duration = Duration::from_secs(60);
/// How much of each stream a failure shows, in bytes: a screen's worth.
const TAIL: usize = 4000;

/// A call of a program, ready to run.
#[derive(Clone, Debug)]
pub struct Tool {
    name: String,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    folder: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    deadline: Duration,
    redactor: Redactor,
    listener: Listener,
    interrupt: Interrupt,
}

/// Asks a running process to end, as Ctrl-C does. Clones ask the same one.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<Notify>);

impl Interrupt {
    /// Asks, now or as soon as it runs.
    pub fn send(&self) {
        self.0.notify_one();
    }
}

/// Takes a line.
type Tell = dyn Fn(&str) + Send + Sync;

/// Is told each line as it comes.
#[derive(Clone, Default)]
struct Listener(Option<Arc<Tell>>);

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Listener").field(&self.0.is_some()).finish()
    }
}

impl Tool {
    /// A call of `program`, which messages name `name`. It has a minute, no input and our environment.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            folder: None,
            stdin: None,
            deadline: DEADLINE,
            redactor: Redactor::default(),
            listener: Listener::default(),
            interrupt: Interrupt::default(),
        }
    }

    /// A call of a program on the `PATH`.
    pub fn on_path(name: &str) -> Self {
        Self::new(name, name)
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Keeps a variable of our environment from it.
    #[must_use]
    pub fn without_env(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), None));
        self
    }

    /// Sets its working directory.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Gives it an input.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// Kills it and its children when it runs longer. [`Tool::follow`] and [`Tool::detach`] have no deadline.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Keeps these secrets out of messages.
    #[must_use]
    pub fn redact(mut self, redactor: &Redactor) -> Self {
        self.redactor = redactor.clone();
        self
    }

    /// Tells each line of both its streams as it comes, with secrets left out; what runs to its end is collected all the same.
    #[must_use]
    pub fn telling(mut self, listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.listener = Listener(Some(Arc::new(listener)));
        self
    }

    /// Lets it be interrupted. It is killed if it has not ended a while later. Only what runs to its end can be.
    #[must_use]
    pub fn interrupt(mut self, interrupt: &Interrupt) -> Self {
        self.interrupt = interrupt.clone();
        self
    }

    /// Runs it to its end, which must be a success.
    ///
    /// # Errors
    /// [`Environment`] if it cannot be started; that it did not end in time, or failed.
    pub async fn run(self) -> Result<Output> {
        let output = self.run_unchecked().await?;
        if output.is_success() { Ok(output) } else { Err(self.failure(&output)) }
    }

    /// Runs it to its end or its deadline, however it ends.
    ///
    /// # Errors
    /// [`Environment`] if it cannot be started.
    pub async fn run_unchecked(&self) -> Result<Output> {
        let input = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        self.spawn(input)?.finish(self).await
    }

    /// Runs it with its standard output as the input of `sink`; both must succeed. Gives the sink's output.
    ///
    /// # Errors
    /// Of both, the one that is the likelier cause: the sink's if it failed.
    pub async fn run_into(self, sink: Self) -> Result<Output> {
        let mut source = self.spawn(Stdio::null())?;
        let pipe: Stdio = source.child.stdout.take().context("no standard output")?.try_into()?;
        let drain = sink.spawn(pipe)?;
        let (source, drain) = tokio::try_join!(source.finish(&self), drain.finish(&sink))?;
        match (source.is_success(), drain.is_success()) {
            (true, true) => Ok(drain),
            (_, false) => Err(sink.failure(&drain)),
            (false, true) => Err(self.failure(&source)),
        }
    }

    /// Starts it and gives its lines as they come; it is killed when the receiver is dropped.
    ///
    /// # Errors
    /// That it cannot be started.
    pub fn follow(self) -> Result<mpsc::Receiver<Line>> {
        let mut running = self.spawn(Stdio::null())?;
        // Bounded, so that a reader that is slow slows the process instead of filling our memory.
        let (lines, receiver) = mpsc::channel(1024);
        let out = forward(running.child.stdout.take(), lines.clone(), Line::Out);
        let err = forward(running.child.stderr.take(), lines.clone(), Line::Err);
        tokio::spawn(async move {
            tokio::select! {
                ended = async {
                    tokio::join!(out, err);
                    running.wait().await
                } => {
                    let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                    // The receiver may be gone, and then no one wants to know.
                    drop(lines.send(Line::Ended(format!("{} ended: {how}", self.name))).await);
                }
                () = lines.closed() => {}
            }
        });
        Ok(receiver)
    }

    /// Starts it without us: it outlives this process, and both its streams go to the end of `log`. Gives its process id.
    ///
    /// # Errors
    /// That it cannot be started.
    pub fn detach(&self, log: &Path) -> Result<u32> {
        let stream = || {
            File::options()
                .create(true)
                .append(true)
                .open(log)
                .with_context(|| format!("failed to open `{}`", log.display()))
        };
        let (out, err) = (stream()?, stream()?);
        let mut command = self.command(false);
        // It is not the leader of a group of its own, so that it can begin a session.
        command.stdin(Stdio::null()).stdout(out).stderr(err).current_dir("/");
        let child = command.spawn().with_context(|| format!("failed to start {}", self.name))?;
        child.id().with_context(|| format!("{} ended at once", self.name))
    }

    /// What this call did when it failed: for an error.
    pub fn failure(&self, output: &Output) -> anyhow::Error {
        let how = match output.status {
            Some(status) => format!("{status} after {}", seconds(output.took)),
            None => format!("killed at its deadline of {}", seconds(self.deadline)),
        };
        let mut message = format!("{}: {how}\n  {}", self.name, self.line());
        for (stream, text) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            // Redacted before it is cut: of half a secret nobody knows what it is.
            let text = self.redactor.redact(tail(text.trim_end(), 4 * TAIL));
            for line in tail(&text, TAIL).lines() {
                message = format!("{message}\n  {stream}: {line}");
            }
        }
        anyhow!(self.redactor.redact(&message))
    }

    /// The command as a person would type it, with secrets left out.
    pub fn line(&self) -> String {
        let words = std::iter::once(self.program.as_os_str()).chain(self.args.iter().map(OsString::as_os_str));
        let words: Vec<_> = words.map(|word| quoted(&word.to_string_lossy())).collect();
        self.redactor.redact(&words.join(" "))
    }

    /// The program with its arguments; guarded: through `chartgate exec` where that is available.
    #[expect(clippy::disallowed_methods, reason = "this is the module that starts processes")]
    fn command(&self, guarded: bool) -> Command {
        let mut command = match home::exe().filter(|_| guarded && cfg!(target_os = "linux")) {
            Some(exe) => {
                let mut command = Command::new(exe);
                command.args(["exec", "--"]).arg(&self.program).env(PARENT, std::process::id().to_string());
                command
            }
            None => Command::new(&self.program),
        };
        command.args(&self.args);
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    fn spawn(&self, input: Stdio) -> Result<Running> {
        let path = self.env.iter().rev().find(|(name, _)| name == "PATH").and_then(|(_, value)| value.as_deref());
        program::check(&self.name, &self.program, path)?;
        let mut command = self.command(true);
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let child = command.spawn().with_context(|| {
            Environment::new(format!("failed to start {} (`{}`)", self.name, self.program.display()))
        })?;
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok(Running { child, group, started: Instant::now() })
    }
}

#[cfg(test)]
mod tests;
