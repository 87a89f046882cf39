//! The broker: a process in a session of its own that owns clusters and servers for as long as someone leases them.

mod admission;
mod leases;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::caught::caught;
use super::kind::{self, Cluster};
use super::protocol::{Ask, Key, Reader, Tell, send};
use super::provider::{Failure, Progress, Provider};
use super::registry::{About, Entry, sweep, try_lock};
use super::{Address, Databases, Owned, Postgres, Request, Sharing, namespace, postgres, server};
use crate::home::Environment;
use crate::wait::{Check, pause, until};
use crate::{backing, error, home, random, stdio};
use admission::{Admission, Admitted};
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

/// What a lease has, until it ends.
struct Granted {
    request: Request,
    cluster: Option<Arc<Cluster>>,
    /// Name and making of a cluster of its own.
    own: Option<(String, Arc<Provider<Cluster>>)>,
    owned: Vec<Owned>,
    admitted: Option<Admitted>,
}

impl Granted {
    fn new(request: Request) -> Self {
        Self { request, cluster: None, own: None, owned: Vec::new(), admitted: None }
    }
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

    /// Grants a lease and holds it until its connection ends.
    async fn lease(&self, granted: &mut Granted, reader: &mut Reader, tell: &mpsc::UnboundedSender<Tell>) {
        self.log(&format!("{}: asks for {:?}", granted.request.run, granted.request.sharing));
        let ready = tokio::select! {
            ready = self.grant(granted, tell) => ready,
            // It says nothing before it has its answer, so this is its end.
            _ = reader.next::<Ask>() => return,
        };
        match ready {
            Ok(ready) => drop(tell.send(ready)),
            Err(error) => {
                self.log(&format!("{}: {}", granted.request.run, error::message(&error)));
                let Failure { error, environment } = Failure::from(&error);
                drop(tell.send(Tell::Error { error, environment }));
                return;
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
                        return;
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
                Ok(Some(Ask::End | Ask::Lease(_)) | None) | Err(_) => return,
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
        let is_shared = granted.request.sharing == Sharing::Shared && granted.request.context.is_none();
        let shared = is_shared.then_some(granted.request.millicores);
        granted.admitted = Some(self.admission.admit(shared, &progress).await?);
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
        drop(granted.admitted.take());
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
