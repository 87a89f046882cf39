//! The broker: a process in a session of its own that owns clusters and servers for as long as someone leases them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::kind::{self, Cluster};
use super::protocol::{Ask, Key, Reader, Tell, send};
use super::provider::{Failure, Progress, Provider};
use super::registry::{About, Entry, sweep, try_lock};
use super::{Address, Databases, Owned, Postgres, Request, Sharing, namespace, postgres, server};
use crate::home::Environment;
use crate::wait::{Check, pause, until};
use crate::{backing, error, home, random, stdio};

/// After the last lease: long enough for the next test process of one `cargo test` to start, short for who waits for the end.
const LINGER: Duration = Duration::from_secs(5);
/// A holder asks as soon as it has connected.
const FIRST_WORD: Duration = Duration::from_secs(10);
/// Where a cluster is kept, what leases owned in it is removed before the end. A namespace's own limit is below this.
const LAST_CLEANING: Duration = Duration::from_secs(40);
/// A broker that takes no more connections gives up its lock at once.
const OTHERS_END: Duration = Duration::from_secs(1);
/// What one scenario's pods and their share of the cluster take, in kB, as `/proc/meminfo` counts.
const JOB_MEMORY: u64 = 1 << 20;
/// What cluster and server take, and what the machine needs for itself, in kB.
const BASE_MEMORY: u64 = 2 << 20;

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
        broker.capacity
    ));
    let sweeping = tokio::spawn(sweep_and_say(Arc::clone(&broker)));

    let mut active = broker.active.subscribe();
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
    capacity: usize,
    slots: Arc<Semaphore>,
    /// Thousandths of a core that the shared cluster has for releases.
    room: u32,
    free: Arc<Semaphore>,
    active: watch::Sender<usize>,
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

/// What a lease has, until it ends.
struct Granted {
    request: Request,
    cluster: Option<Arc<Cluster>>,
    /// Name and making of a cluster of its own.
    own: Option<(String, Arc<Provider<Cluster>>)>,
    owned: Vec<Owned>,
    slot: Option<OwnedSemaphorePermit>,
    room: Option<OwnedSemaphorePermit>,
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
        let (capacity, room) = (capacity(), room());
        Ok(Self {
            started: Instant::now(),
            kubernetes: kubernetes.to_owned(),
            node_image: about.node_image,
            entry: Arc::new(entry),
            capacity,
            slots: Arc::new(Semaphore::new(capacity)),
            room,
            free: Arc::new(Semaphore::new(room as usize)),
            active: watch::Sender::new(0),
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
        self.active.send_modify(|leases| *leases += 1);
        let broker = Arc::clone(&self);
        let mut attending = self.attending.lock().unwrap_or_else(PoisonError::into_inner);
        while attending.try_join_next().is_some() {}
        attending.spawn(async move {
            let (read, write) = stream.into_split();
            let mut reader = Reader::new(read);
            let (tell, told) = mpsc::unbounded_channel();
            let writing = tokio::spawn(write_all(write, told));
            drop(tell.send(Tell::Hello));
            let granted = match tokio::time::timeout(FIRST_WORD, reader.next()).await {
                Ok(Ok(Some(Ask::Lease(request)))) => Some(Box::pin(broker.lease(request, &mut reader, &tell)).await),
                _ => None,
            };
            broker.active.send_modify(|leases| *leases -= 1);
            if let Some(granted) = granted {
                broker.clean(granted).await;
            }
            // Now the connection ends, which tells a holder that waits for it that all is gone.
            drop(tell);
            writing.await.ok();
        });
    }

    /// Grants a lease and holds it until its connection ends.
    async fn lease(&self, request: Request, reader: &mut Reader, tell: &mpsc::UnboundedSender<Tell>) -> Granted {
        self.log(&format!("{}: asks for {:?}", request.run, request.sharing));
        let mut granted = Granted { request, cluster: None, own: None, owned: Vec::new(), slot: None, room: None };
        let ready = tokio::select! {
            ready = self.grant(&mut granted, tell) => ready,
            // It says nothing before it has its answer, so this is its end.
            _ = reader.next::<Ask>() => return granted,
        };
        match ready {
            Ok(ready) => drop(tell.send(ready)),
            Err(error) => {
                self.log(&format!("{}: {}", granted.request.run, error::message(&error)));
                let Failure { error, environment } = Failure::from(&error);
                drop(tell.send(Tell::Error { error, environment }));
                return granted;
            }
        }
        self.log(&format!("{}: has its lease", granted.request.run));
        loop {
            match reader.next().await {
                Ok(Some(Ask::Owns(what))) => {
                    // It is not noted, so it must not be made.
                    if let Err(error) = self.note(&granted.request, &what) {
                        self.log(&format!(
                            "{}: failed to note {what}: {}",
                            granted.request.run,
                            error::message(&error)
                        ));
                        return granted;
                    }
                    granted.owned.push(what);
                }
                Ok(Some(Ask::Load(images))) => {
                    let progress = Progress::new(|_| ());
                    if let Some(cluster) = &granted.cluster
                        && let Err(error) = cluster.provide(&images, &[], &progress).await
                    {
                        // The pods that need one say so.
                        self.log(&format!("{}: failed to load images: {error:#}", granted.request.run));
                    }
                }
                Ok(Some(Ask::Release(what))) => {
                    self.forget(&granted.request, &what);
                    granted.owned.retain(|owned| *owned != what);
                }
                Ok(Some(Ask::End | Ask::Lease(_)) | None) | Err(_) => return granted,
            }
            drop(tell.send(Tell::Noted));
        }
    }

    /// Notes what is about to be made in a user's cluster: it does not go with the cluster.
    fn note(&self, request: &Request, what: &Owned) -> Result<()> {
        match what {
            Owned::Namespace(name) if request.context.is_some() => {
                let _noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
                self.entry.add_namespace(name)
            }
            _ => Ok(()),
        }
    }

    /// Forgets what is no longer in a user's cluster.
    fn forget(&self, request: &Request, what: &Owned) {
        if let (Owned::Namespace(name), Some(_)) = (what, &request.context) {
            let _noting = self.noting.lock().unwrap_or_else(PoisonError::into_inner);
            self.say_failure(&request.run, self.entry.forget_namespace(name));
        }
    }

    async fn grant(&self, granted: &mut Granted, tell: &mpsc::UnboundedSender<Tell>) -> Result<Tell> {
        let progress = Progress::new({
            let tell = tell.clone();
            move |what| drop(tell.send(Tell::Progress(what)))
        });
        if self.slots.available_permits() == 0 {
            progress
                .say(format!("waiting: {} scenarios run already (`CHARTGATE_JOBS` sets how many may)", self.capacity));
        }
        granted.slot = Some(Arc::clone(&self.slots).acquire_owned().await?);
        if granted.request.sharing == Sharing::Shared && granted.request.context.is_none() {
            // One that is larger than the node gets all of it: it may still fit, and if not, its own pods say so.
            let share = granted.request.millicores.min(self.room);
            if self.free.available_permits() < share as usize {
                progress.say(format!("waiting for {share}m CPU on the shared cluster"));
            }
            granted.room = Some(Arc::clone(&self.free).acquire_many_owned(share).await?);
        }
        if granted.request.keep {
            self.entry.keep()?;
        }
        let linger = granted.request.keep_warm.unwrap_or(LINGER).max(LINGER);
        *self.linger.lock().unwrap_or_else(PoisonError::into_inner) = linger;
        let cluster = async {
            let cluster = match granted.request.sharing {
                Sharing::Shared => self.shared_cluster(&granted.request, &progress).await?,
                Sharing::Own { .. } if granted.request.context.is_some() => {
                    bail!("a user's cluster is no one's own");
                }
                Sharing::Own { nodes } => self.own_cluster(nodes, &mut granted.own, &progress).await?,
            };
            let (missing, ()) = tokio::try_join!(
                cluster.provide(&granted.request.images, &granted.request.needed_images, &progress),
                cluster.dns(&progress)
            )?;
            Ok((cluster, missing))
        };
        let request = granted.request.clone();
        // Before they are made: the lease's end removes them in whatever state.
        let containers: Vec<String> =
            request.servers.keys().map(|_| format!("{}-server-{}", self.entry.name(), random::text(6))).collect();
        granted.owned.extend(containers.iter().cloned().map(Owned::Container));
        let own = format!("{}-postgres-{}", self.entry.name(), random::text(6));
        if request.postgres == Databases::Own {
            granted.owned.push(Owned::Container(own.clone()));
        }
        let servers = async {
            if request.postgres == Databases::None && request.servers.is_empty() {
                return Ok((None, BTreeMap::new()));
            }
            if let Some(context) = &request.context
                && !self.shared_cluster(&request, &progress).await?.is_kind()
            {
                let (name, hint) = (context.name(), "leave out `--context`, or make a kind cluster");
                let what = format!("context `{name}` is no kind cluster of this machine, which servers need for now");
                return Err(Environment::new(format!("{what}\nhint: {hint}")).into());
            }
            let postgres = async {
                match request.postgres {
                    Databases::None => Ok(None),
                    Databases::Shared => self.postgres(&progress).await.map(Some),
                    Databases::Own => postgres::start(&self.entry, &own, &progress).await.map(Some),
                }
            };
            tokio::try_join!(postgres, self.servers(&request, &containers, &progress))
        };
        // Both at once; the servers' making waits for the network that the cluster's brings.
        let ((cluster, missing), (postgres, servers)) = tokio::try_join!(cluster, servers)?;
        let ready = Tell::Ready { cluster: cluster.access(missing), postgres: postgres.map(Box::new), servers };
        granted.cluster = Some(cluster);
        Ok(ready)
    }

    async fn shared_cluster(&self, request: &Request, progress: &Progress) -> Result<Arc<Cluster>> {
        let context = request.context.clone();
        self.shared.start(|progress| {
            let (entry, node_image, kubernetes) =
                (Arc::clone(&self.entry), self.node_image.clone(), self.kubernetes.clone());
            async move {
                match context {
                    Some(context) => Cluster::existing(&entry, &context, &progress).await,
                    None => Cluster::shared(entry, &node_image, &kubernetes, &progress).await,
                }
            }
        });
        let is_left = *self.maker.get_or_init(|| request.process) != request.process;
        let cluster = self.shared.get(progress).await?;
        if is_left {
            progress.say(format!("using cluster {}, which an earlier run left", cluster.name()));
        }
        Ok(cluster)
    }

    async fn own_cluster(
        &self,
        nodes: u8,
        own: &mut Option<(String, Arc<Provider<Cluster>>)>,
        progress: &Progress,
    ) -> Result<Arc<Cluster>> {
        if nodes == 0 {
            bail!("a cluster has at least one node");
        }
        let number = self.own.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("{}-{number}", self.entry.name());
        let kubeconfig = self.entry.file(&format!("kubeconfig-{number}"));
        let provider = Arc::new(Provider::new());
        // Before it is made: the lease's end removes it in whatever state.
        *own = Some((name.clone(), Arc::clone(&provider)));
        provider.start(|progress| {
            let (node_image, kubernetes) = (self.node_image.clone(), self.kubernetes.clone());
            async move { Cluster::create(&name, kubeconfig, nodes, &node_image, &kubernetes, &progress).await }
        });
        provider.get(progress).await
    }

    async fn postgres(&self, progress: &Progress) -> Result<Postgres> {
        self.postgres.start(|progress| {
            let entry = Arc::clone(&self.entry);
            async move { postgres::provide(&entry, &progress).await }
        });
        Ok(self.postgres.get(progress).await?.as_ref().clone())
    }

    /// Starts the lease's own servers in these containers, all at once.
    async fn servers(
        &self,
        request: &Request,
        containers: &[String],
        progress: &Progress,
    ) -> Result<BTreeMap<String, Address>> {
        let starts = request.servers.iter().zip(containers).map(async |((name, server), container)| {
            Ok((name.clone(), server::start(&self.entry, container, server, progress).await?))
        });
        let started: Result<Vec<_>> = futures::future::try_join_all(starts).await;
        Ok(started?.into_iter().collect())
    }

    /// Removes what a lease had. Its slot is free as soon as nothing of it runs.
    async fn clean(&self, mut granted: Granted) {
        let run = granted.request.run.clone();
        self.log(&format!("{run}: ended, kept: {}", granted.request.keep));
        if granted.request.keep {
            return;
        }
        if let Some((name, making)) = granted.own.take() {
            making.stop().await;
            let number = name.rsplit('-').next().unwrap_or_default();
            let kubeconfig = self.entry.file(&format!("kubeconfig-{number}"));
            self.say_failure(&run, kind::remove(&name, &kubeconfig).await);
            // Its namespaces went with it.
            granted.owned.retain(|owned| !matches!(owned, Owned::Namespace(_)));
        }
        let mut namespaces = Vec::new();
        while let Some(owned) = granted.owned.pop() {
            let removed = match &owned {
                Owned::Namespace(name) => match &granted.cluster {
                    Some(cluster) => {
                        namespaces.push((cluster.client(), name.clone()));
                        namespace::delete(cluster.client(), name).await
                    }
                    None => Ok(()),
                },
                Owned::Database(name) => match self.postgres.made() {
                    Some(server) => backing::drop_database(&server, name).await,
                    None => Ok(()),
                },
                Owned::Container(name) => server::remove(name).await,
            };
            self.say_failure(&run, removed.with_context(|| format!("failed to remove {owned}")));
        }
        // Nothing of it runs any more, so the next may start while the cluster clears away the rest.
        drop((granted.slot.take(), granted.room.take()));
        for (client, name) in namespaces {
            let gone = namespace::gone(client, &name).await;
            if gone.is_ok() {
                self.forget(&granted.request, &Owned::Namespace(name));
            }
            self.say_failure(&run, gone);
        }
        self.log(&format!("{run}: nothing of it is left"));
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
            if *self.active.borrow() == 0 {
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

/// What Kubernetes' own pods request on a kind node (750 thousandths in 1.34 with one pod of its DNS), and a little more.
const SYSTEM_MILLICORES: u32 = 800;

/// Thousandths of a core that a node of this machine has for releases; some, so that a small machine runs one at a time.
fn room() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    (cores * 1000).saturating_sub(SYSTEM_MILLICORES).max(500)
}

/// How many leases are granted at once: `CHARTGATE_JOBS`, else by cores and memory.
fn capacity() -> usize {
    let set = std::env::var("CHARTGATE_JOBS").ok().and_then(|jobs| jobs.parse().ok()).filter(|jobs| *jobs > 0);
    set.unwrap_or_else(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        capacity_of(cores, std::fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(available_memory))
    })
}

/// Two for each core, since most of a scenario is waiting, and a gigabyte for each; at least one.
fn capacity_of(cores: usize, memory: Option<u64>) -> usize {
    let by_memory =
        memory.map(|memory| usize::try_from(memory.saturating_sub(BASE_MEMORY) / JOB_MEMORY).unwrap_or(usize::MAX));
    (cores * 2).min(by_memory.unwrap_or(usize::MAX)).max(1)
}

/// `MemAvailable` of `/proc/meminfo`, in kB.
fn available_memory(meminfo: &str) -> Option<u64> {
    meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_machine_still_runs_one_scenario() {
        assert_eq!(capacity_of(2, Some(1 << 20)), 1);
        assert_eq!(capacity_of(2, Some(24 << 20)), 4);
        assert_eq!(capacity_of(16, Some(8 << 20)), 6);
        assert_eq!(capacity_of(4, None), 8);
    }

    #[test]
    fn available_memory_is_found() {
        assert_eq!(available_memory("MemTotal:  24 kB\nMemAvailable:   23000000 kB\n"), Some(23_000_000));
        assert_eq!(available_memory("nothing"), None);
    }
}
