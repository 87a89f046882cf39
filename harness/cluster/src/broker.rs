//! The broker: a process in a session of its own that owns clusters and servers for as long as someone leases them.

mod admission;
mod grant;
mod lease;
mod leases;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chartgate_base::stdio;
use chartgate_process::home;
use chartgate_process::wait::{Check, pause, until};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Postgres;
use super::caught::caught;
use super::kind::Cluster;
use super::protocol::{Ask, Key, Reader, Tell, send};
use super::provider::Provider;
use super::registry::{About, Entry, sweep, try_lock};
use crate::error;
use admission::Admission;
use lease::Granted;
use leases::Leases;

/// After the last lease: long enough for the next test process of one `cargo test` to start, short for who waits for the end.
const LINGER: Duration = Duration::from_secs(5);
/// A holder asks as soon as it has connected.
const FIRST_WORD: Duration = Duration::from_secs(10);
/// Where a cluster is kept, what leases owned in it is removed before the end. A namespace's own limit is below this.
const LAST_CLEANING: Duration = Duration::from_secs(40);
/// A broker that takes no more connections gives up its lock at once.
const OTHERS_END: Duration = Duration::from_secs(1);

/// Serves leases until a few seconds after the last one ended, or until `SIGTERM`: `chartgate broker`.
///
/// It returns at once if another broker of this key lives. Messages go to standard error, which is the key's log.
pub async fn serve(key: &str, kubernetes: &str, context: Option<&str>) -> Result<()> {
    // It fails for the leader of a group, as when a person starts it in a shell: then it stays in their session.
    rustix::process::setsid().ok();
    let key = Key::from_word(key)?;
    let Ok(lock) = until("the lock", OTHERS_END, || async { Check::retry(take_lock(&key)) }).await else {
        return Ok(());
    };
    let mut terminate = signal(SignalKind::terminate())?;
    // A killed broker left it, and we hold the lock.
    std::fs::remove_file(&key.socket).ok();
    let listener =
        UnixListener::bind(&key.socket).with_context(|| format!("failed to listen at `{}`", key.socket.display()))?;
    let broker = Arc::new(Broker::start(&key, kubernetes, context)?);
    broker.log(&format!(
        "serves {} with Kubernetes {kubernetes} as process {}, {} at once",
        context.map_or("clusters of its own".to_owned(), |context| format!("the cluster of context `{context}`")),
        std::process::id(),
        broker.admission.capacity()
    ));
    let sweeping = tokio::spawn(sweep_and_say(Arc::clone(&broker)));

    let mut active = broker.leases.watch();
    let why = loop {
        let idle = async {
            // The sender is the broker's own, so it is there.
            active.wait_for(|leases| *leases == 0).await.ok();
            pause(broker.linger()).await;
        };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => Arc::clone(&broker).attend(stream),
                Err(error) => broker.log(&format!("failed to accept a connection: {error}")),
            },
            () = idle => break "no lease is left",
            _ = terminate.recv() => break "told to end",
        }
    };

    // In this order: who cannot connect any more must be able to start the next broker, which has an entry of its own.
    std::fs::remove_file(&key.socket).ok();
    drop(listener);
    drop(lock);
    broker.log(why);
    // It is at work on what dead brokers left, which no one else may do.
    sweeping.await.ok();
    broker.end().await
}

fn take_lock(key: &Key) -> Result<std::fs::File> {
    try_lock(&key.lock("lock"))?.context("another broker of this key lives")
}

async fn sweep_and_say(broker: Arc<Broker>) {
    match sweep().await {
        Ok(removed) if removed.is_empty() => {}
        Ok(removed) => broker.log(&format!("swept {}", removed.join(", "))),
        Err(error) => broker.log(&format!("failed to sweep: {}", error::message(&error))),
    }
}

struct Broker {
    started: Instant,
    kubernetes: String,
    node_image: String,
    entry: Arc<Entry>,
    admission: Admission,
    leases: Leases,
    shared: Provider<Cluster>,
    /// How long all stays when the last lease has ended, as the latest request asked for.
    linger: Mutex<Duration>,
    /// The process whose lease made the shared cluster be made.
    maker: OnceLock<u32>,
    postgres: Provider<Postgres>,
    /// Leases of clusters of their own, for their names.
    own: std::sync::atomic::AtomicUsize,
    attending: Mutex<JoinSet<()>>,
    /// Held while the note of a user's cluster's namespaces is written.
    noting: Mutex<()>,
}

impl Broker {
    fn start(key: &Key, kubernetes: &str, context: Option<&str>) -> Result<Self> {
        let about = match context {
            Some(context) => About::of_context(kubernetes, context, &key.word),
            None => About::new(kubernetes, &home::node_image(kubernetes)?),
        };
        let entry = match Entry::adopt(&about)? {
            Some(kept) => kept,
            None => Entry::create(&about)?,
        };
        Ok(Self {
            started: Instant::now(),
            kubernetes: kubernetes.to_owned(),
            node_image: about.node_image,
            entry: Arc::new(entry),
            admission: Admission::of_this_machine(),
            leases: Leases::new(),
            shared: Provider::new(),
            linger: Mutex::new(LINGER),
            maker: OnceLock::new(),
            postgres: Provider::new(),
            own: 0.into(),
            attending: Mutex::default(),
            noting: Mutex::default(),
        })
    }

    fn log(&self, what: &str) {
        stdio::tell(format_args!("{:8.2} {} {what}", self.started.elapsed().as_secs_f64(), self.entry.name()));
    }

    fn linger(&self) -> Duration {
        *self.linger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Attends to a connection in a task of its own.
    fn attend(self: Arc<Self>, stream: UnixStream) {
        // Counted before anything else happens, so that the broker does not end under it.
        let counted = self.leases.count();
        let broker = Arc::clone(&self);
        let mut attending = self.attending.lock().unwrap_or_else(PoisonError::into_inner);
        while attending.try_join_next().is_some() {}
        attending.spawn(async move {
            let (read, write) = stream.into_split();
            let mut reader = Reader::new(read);
            let (tell, told) = mpsc::unbounded_channel();
            let writing = tokio::spawn(write_all(write, told));
            drop(tell.send(Tell::Hello));
            if let Ok(Ok(Some(Ask::Lease(request)))) = tokio::time::timeout(FIRST_WORD, reader.next()).await {
                let mut granted = Granted::new(request);
                let held = caught(Box::pin(broker.lease(&mut granted, &mut reader, &tell))).await;
                broker.say_failure(&granted.request.run, held);
                drop(counted);
                broker.clean(granted).await;
            }
            // Now the connection ends, which tells a holder that waits for it that all is gone.
            drop(tell);
            writing.await.ok();
        });
    }

    fn say_failure(&self, run: &str, result: Result<()>) {
        if let Err(error) = result {
            self.log(&format!("{run}: {}", error::message(&error)));
        }
    }

    /// Removes everything, unless it is kept.
    async fn end(self: Arc<Self>) -> Result<()> {
        let mut attending = std::mem::take(&mut *self.attending.lock().unwrap_or_else(PoisonError::into_inner));
        if self.entry.is_kept() {
            // What is not kept of it goes now: a later broker does not know it.
            let cleaning = async { while attending.join_next().await.is_some() {} };
            if self.leases.is_empty() {
                tokio::time::timeout(LAST_CLEANING, cleaning).await.ok();
            }
            self.log("everything that is left is kept; `chartgate clean` removes it");
            return Ok(());
        }
        // The clusters take with them what leases own.
        attending.shutdown().await;
        self.shared.stop().await;
        self.postgres.stop().await;
        let name = self.entry.name();
        let broker = Arc::into_inner(self).context("a task of the broker lives on")?;
        let Broker { entry, shared, started, .. } = broker;
        // The shared cluster notes its images in the entry.
        drop(shared);
        let entry = Arc::into_inner(entry).context("the broker's entry is still used")?;
        let removed = entry.remove().await?;
        stdio::tell(format_args!("{:8.2} {name} removed {}", started.elapsed().as_secs_f64(), removed.join(", ")));
        Ok(())
    }
}

/// Writes what is told until no one can tell more. That the other side is gone is the reader's to notice.
async fn write_all(mut write: OwnedWriteHalf, mut told: mpsc::UnboundedReceiver<Tell>) {
    while let Some(message) = told.recv().await {
        if send(&mut write, &message).await.is_err() {
            return;
        }
    }
}
