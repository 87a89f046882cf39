//! Programs of others: the one module that starts processes.
//!
//! Both streams are drained, a deadline ends the process group, dropping the future kills it, and a failure shows the command,
//! how it ended, how long it took and the end of both outputs, with secrets left out. On Linux a child is started through
//! `chartgate exec`, so that it does not outlive us even if we are killed: see [`exec_guarded`].

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
pub use chartgate_base::quoted;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::home;
use crate::redact::Redactor;
use crate::wait::seconds;

/// For a call that only asks or tells a server that is up; what takes longer sets a deadline of its own.
const DEADLINE: Duration = Duration::from_secs(60);
/// How much of each stream a failure shows, in bytes: a screen's worth.
const TAIL: usize = 4000;
/// How much of each stream is kept, in bytes: above every rendered chart, below what would hurt.
const KEPT: usize = 64 << 20;
/// How long a stream may stay open after its process ended: a grandchild that inherited it and lives on must not hold us up.
const DRAIN: Duration = Duration::from_secs(2);
/// How long a process that was interrupted may take to clear up.
const CLEARING_UP: Duration = Duration::from_secs(30);
/// The variable that tells `chartgate exec` who started it.
const PARENT: &str = "CHARTGATE_PARENT";

/// A process that ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended; `None`: its deadline passed and it was killed.
    pub status: Option<ExitStatus>,
    /// Its standard output; bytes that are no UTF-8 are replaced. Not redacted.
    pub stdout: String,
    /// Its standard error, likewise.
    pub stderr: String,
    /// From its start to its end.
    pub took: Duration,
}

impl Output {
    /// Whether it ended by itself, with status 0.
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// A line of a running process, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Of its standard output.
    Out(String),
    /// Of its standard error.
    Err(String),
    /// It ended, in words; the last item.
    Ended(String),
}

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
    /// That it cannot be started, did not end in time, or failed.
    pub async fn run(self) -> Result<Output> {
        let output = self.run_unchecked().await?;
        if output.is_success() { Ok(output) } else { Err(self.failure(&output)) }
    }

    /// Runs it to its end or its deadline, however it ends.
    ///
    /// # Errors
    /// That it cannot be started.
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

    /// The program with its arguments; guarded: through `chartgate exec` where that is to be had.
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
        if self.program.components().count() > 1 && !self.program.exists() {
            bail!("failed to start {}: no `{}`", self.name, self.program.display());
        }
        let mut command = self.command(true);
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let child =
            command.spawn().with_context(|| format!("failed to start {} (`{}`)", self.name, self.program.display()))?;
        let group = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        Ok(Running { child, group, started: Instant::now() })
    }
}

/// A child with a process group of its own, which is killed with it.
struct Running {
    child: Child,
    group: Option<Pid>,
    started: Instant,
}

impl Running {
    async fn finish(mut self, tool: &Tool) -> Result<Output> {
        let told = || Told { listener: tool.listener.clone(), redactor: tool.redactor.clone(), line: Vec::new() };
        let (mut out, mut err) = (collect(self.child.stdout.take(), told()), collect(self.child.stderr.take(), told()));
        let feed = feed(self.child.stdin.take(), tool.stdin.as_deref());
        let group = self.group;
        let status = {
            let mut ended = pin!(async { tokio::join!(self.child.wait(), feed).0 });
            let mut limit = pin!(crate::wait::pause(tool.deadline));
            loop {
                tokio::select! {
                    status = &mut ended => break Some(status.with_context(|| format!("failed to wait for {}", tool.name))?),
                    () = &mut limit => break None,
                    () = tool.interrupt.0.notified() => {
                        // It fails where the group has just ended, and then there is nothing to interrupt.
                        group.map(|group| kill_process_group(group, Signal::INT).ok());
                        limit.set(crate::wait::pause(CLEARING_UP));
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

    async fn wait(&mut self) -> std::io::Result<ExitStatus> {
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

async fn forward(stream: Option<impl AsyncRead + Unpin>, lines: mpsc::Sender<Line>, kind: fn(String) -> Line) {
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

/// Becomes the program that `args` name, as a child that ends with the process that started it: `chartgate exec`.
///
/// `kill -9` leaves a process no time to end its children, so each child asks the kernel for it. Gives the error that kept
/// it from doing so; it returns only then.
#[cfg(target_os = "linux")]
pub fn exec_guarded(args: &[OsString]) -> anyhow::Error {
    use std::os::unix::process::CommandExt;

    let guarded = || {
        let (program, args) = args.split_first().context("`chartgate exec` needs a program")?;
        let parent = std::env::var(PARENT).ok().and_then(|id| id.parse().ok()).and_then(Pid::from_raw);
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .context("failed to ask for our parent's death")?;
        // It may have died before we asked.
        if parent.is_some() && rustix::process::getppid() != parent {
            bail!("the process that started this one is gone");
        }
        #[expect(clippy::disallowed_methods, reason = "this is the module that starts processes")]
        let error = std::process::Command::new(program).args(args).env_remove(PARENT).exec();
        Err(error).with_context(|| format!("failed to start `{}`", program.display()))
    };
    guarded().map_or_else(|error| error, |(): ()| anyhow!("no program was started"))
}

/// The end of a text, in whole lines where it can be.
pub fn tail(text: &str, length: usize) -> &str {
    let mut start = text.len().saturating_sub(length);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let end = &text[start..];
    if start == 0 { end } else { end.split_once('\n').map_or(end, |(_, whole)| whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Tool {
        Tool::on_path("sh").args(["-c", script])
    }

    #[tokio::test]
    async fn both_streams_and_the_input_pass() {
        let output = shell("cat; echo told >&2").stdin("asked").run().await.unwrap();
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("asked", "told\n"));
    }

    #[tokio::test]
    async fn a_failure_shows_command_status_and_both_ends_without_secrets() {
        let secrets = Redactor::default();
        secrets.add("hunter2");
        let error = shell("echo out; echo hunter2 >&2; exit 3").redact(&secrets).run().await.unwrap_err().to_string();
        for part in
            ["sh: exit status: 3 after", "sh -c 'echo out; echo [redacted]", "stdout: out", "stderr: [redacted]"]
        {
            assert!(error.contains(part), "no `{part}` in {error}");
        }
    }

    #[tokio::test]
    async fn the_deadline_ends_grandchildren_too() {
        let tool = shell("sleep 60 & echo $!; wait").deadline(Duration::from_millis(300));
        let output = tool.run_unchecked().await.unwrap();
        assert!(output.status.is_none());
        check_gone(output.stdout.trim()).await;
        assert!(tool.failure(&output).to_string().contains("killed at its deadline of 300 ms"));
    }

    #[tokio::test]
    async fn a_dropped_call_is_killed() {
        let mut lines = shell("echo $$; sleep 60").follow().unwrap();
        let Some(Line::Out(id)) = lines.recv().await else { panic!("no line") };
        drop(lines);
        check_gone(&id).await;
    }

    #[tokio::test]
    async fn lines_come_before_the_end() {
        let mut lines = shell("echo a; echo b >&2; exit 4").follow().unwrap();
        let mut seen = Vec::new();
        while let Some(line) = lines.recv().await {
            seen.push(line);
        }
        assert_eq!(seen.pop(), Some(Line::Ended("sh ended: exit status: 4".to_owned())));
        seen.sort_by_key(|line| matches!(line, Line::Err(_)));
        assert_eq!(seen, [Line::Out("a".to_owned()), Line::Err("b".to_owned())]);
    }

    #[tokio::test]
    async fn a_listener_is_told_whole_lines_without_secrets() {
        let secrets = Redactor::default();
        secrets.add("hunter2");
        let (tell, mut told) = mpsc::unbounded_channel();
        let tool = shell("printf 'a hun'; sleep 0.1; echo ter2; printf unended").redact(&secrets);
        let output = tool.telling(move |line| tell.send(line.to_owned()).unwrap()).run().await.unwrap();
        assert_eq!(output.stdout, "a hunter2\nunended");
        assert_eq!((told.recv().await.unwrap().as_str(), told.try_recv().is_err()), ("a [redacted]", true));
    }

    #[tokio::test]
    async fn one_process_reads_what_another_writes() {
        let output = shell("seq 100000").run_into(shell("wc -l")).await.unwrap();
        assert_eq!(output.stdout.trim(), "100000");
        let error = shell("exit 5").run_into(shell("cat")).await.unwrap_err();
        assert!(error.to_string().contains("exit status: 5"), "{error}");
    }

    /// A failure would mean that helm has no time to note that a release failed, or that a run hangs with it.
    #[tokio::test]
    async fn an_interrupted_call_clears_up_and_ends() {
        let interrupt = Interrupt::default();
        let up = interrupt.clone();
        let script = "trap 'echo cleared; exit 3' INT; echo up; while :; do sleep 0.05; done";
        // A shell cannot trap what is ignored, as it is in what another shell started in the background.
        let tool = Tool::on_path("env").args(["--default-signal=INT", "sh", "-c", script]);
        let tool = tool.interrupt(&interrupt).telling(move |line| {
            if line == "up" {
                up.send()
            }
        });
        let output = tool.run_unchecked().await.unwrap();
        assert_eq!((output.status.and_then(|it| it.code()), output.stdout.as_str()), (Some(3), "up\ncleared\n"));
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = Tool::new("helm", "/nowhere/helm").run().await.unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/helm"), "{error:#}");
    }

    #[test]
    fn a_tail_is_made_of_whole_lines() {
        assert_eq!(tail("first\nsecond\nthird", 9), "third");
        assert_eq!(tail("ääää", 3), "ä");
        assert_eq!(tail("all", 9), "all");
    }

    /// A killed process is gone, or a zombie until its new parent takes note.
    async fn check_gone(id: &str) {
        use crate::wait::{Check, until};
        until("the process to end", Duration::from_secs(5), || async {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            if stat.is_empty() || stat.contains(") Z ") { Check::Ready(()) } else { Check::NotYet(stat) }
        })
        .await
        .unwrap();
    }
}
