//! A lease, as its holder has it: a connection to the broker, which is started if none lives.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chartgate_process::home::{self, Environment};
use chartgate_process::tool::Tool;
use chartgate_process::wait::{Check, until};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Mutex, mpsc, watch};

use super::protocol::{Ask, Key, Reader, Tell, send};
use super::registry::try_lock;
use super::server::SERVERS;
use super::{Access, Address, Doing, Owned, Postgres, Request, Sharing};

/// A broker listens some milliseconds after its start; a machine under load is many times slower.
const START: Duration = Duration::from_secs(20);
/// A broker answers at once.
const ANSWER: Duration = Duration::from_secs(10);
/// An image of a gigabyte takes half a minute, and several may be loaded before it.
const LOAD: Duration = Duration::from_secs(300);
/// All that a lease owned is gone by then, or never: above the broker's own limits for it.
const END: Duration = Duration::from_secs(90);

/// The right to use a cluster. It ends when this is dropped, or its process ends in whatever way; the broker then removes
/// what it owned.
#[derive(Debug)]
pub struct Lease {
    /// The cluster.
    pub cluster: Access,
    /// The server, if one was asked for.
    pub postgres: Option<Postgres>,
    /// Its own servers, by name.
    pub servers: BTreeMap<String, Address>,
    /// Name of the user's context whose cluster it is.
    context: Option<String>,
    /// Nobody else uses the cluster.
    is_own: bool,
    connection: Mutex<Connection>,
    ended: watch::Receiver<()>,
}

/// The holder's side of a connection.
#[derive(Debug)]
struct Connection {
    write: OwnedWriteHalf,
    /// What the broker tells. Closed at the connection's end.
    told: mpsc::UnboundedReceiver<Result<Tell>>,
    /// Closed at the connection's end.
    ended: watch::Receiver<()>,
}

impl Lease {
    /// Asks the broker for a lease and waits until it is granted; `progress` is told what is being done meanwhile.
    ///
    /// The first lease makes the cluster, and others may have to end before this one's turn: there is no deadline.
    ///
    /// # Errors
    /// [`Environment`] if no cluster can be had here.
    pub async fn acquire(request: &Request, mut progress: impl FnMut(&Doing)) -> Result<Self> {
        let key = Key::of(&request.kubernetes, request.context.as_ref())?;
        let mut connection = Connection::open(&key, request).await?;
        send(&mut connection.write, &Ask::Lease(request.clone())).await?;
        let mut said = Doing::default();
        loop {
            match connection.told.recv().await.transpose()? {
                Some(Tell::Progress(what)) if what == said => {}
                Some(Tell::Progress(what)) => {
                    progress(&what);
                    said = what;
                }
                Some(Tell::Ready { cluster, postgres, servers }) => {
                    let (postgres, ended) = (postgres.map(|server| *server), connection.ended.clone());
                    let context = request.context.as_ref().map(|context| context.name().to_owned());
                    let is_own = matches!(request.sharing, Sharing::Own { .. });
                    let connection = Mutex::new(connection);
                    return Ok(Self { cluster, postgres, servers, context, is_own, connection, ended });
                }
                Some(Tell::Error { error, environment: true }) => return Err(Environment::new(error).into()),
                Some(Tell::Error { error, environment: false }) => bail!(error),
                Some(Tell::Hello | Tell::Noted) => {}
                None => return Err(lost(&key)),
            }
        }
    }

    /// Whether nobody else uses the cluster: neither the user nor another lease.
    pub fn is_own(&self) -> bool {
        self.is_own
    }

    /// Registers something that is about to be made and that goes with this lease.
    pub async fn owns(&self, what: Owned) -> Result<()> {
        let context = format!("failed to register {what}");
        self.ask(&Ask::Owns(what)).await.context(context)
    }

    /// Says that something is gone, or is to stay.
    pub async fn release(&self, what: Owned) -> Result<()> {
        let context = format!("failed to release {what}");
        self.ask(&Ask::Release(what)).await.context(context)
    }

    /// Puts images of this machine's engine on the cluster's nodes, each once; those that it does not have are left out.
    pub async fn load(&self, images: Vec<String>) -> Result<()> {
        let context = format!("failed to load {}", images.join(", "));
        self.ask_within(&Ask::Load(images), LOAD).await.context(context)
    }

    /// Ends the lease and waits until all that it owned is gone. Dropping it does the same without the wait.
    pub async fn end(self) -> Result<()> {
        let mut connection = self.connection.into_inner();
        send(&mut connection.write, &Ask::End).await?;
        let closed = async { while connection.told.recv().await.is_some() {} };
        tokio::time::timeout(END, closed)
            .await
            .with_context(|| format!("waited {} s for the broker to clean up", END.as_secs()))
    }

    /// Resolves when the broker is gone before the lease ended: then the next one's start removes the cluster.
    pub async fn lost(&self) {
        // Nothing is ever sent.
        self.ended.clone().changed().await.ok();
    }

    /// How to look at what a kept lease left in a namespace, and in that of servers, and how to remove it: lines for a person.
    pub fn how_to_look(&self, ns: &str, of_servers: Option<&str>) -> String {
        let (kubeconfig, node) =
            (self.cluster.kubeconfig.display(), self.cluster.nodes.first().map_or("NODE", String::as_str));
        let mut lines = match &self.context {
            Some(context) => vec![
                format!("kept namespace `{ns}` on the cluster of context `{context}`"),
                format!("  kubectl --context {context} -n {ns} get pods,jobs,events"),
            ],
            None => vec![
                format!("kept cluster `{}`, namespace `{ns}`", self.cluster.name),
                format!("  export KUBECONFIG={kubeconfig}"),
                format!("  kubectl -n {ns} get pods,jobs,events"),
                format!(
                    "  docker exec {node} kubectl --kubeconfig /etc/kubernetes/admin.conf -n {ns} get pods   # without kubectl"
                ),
            ],
        };
        let databases = self.postgres.iter().map(|server| &server.place);
        let servers = databases.chain(self.servers.values().map(|server| &server.place));
        lines.extend(servers.filter_map(|place| Some(format!("  docker logs {}", place.container()?))));
        let flags = self.context.as_ref().map_or(String::new(), |context| format!("--context {context} "));
        lines.extend(
            of_servers.map(|ns| format!("  kubectl {flags}-n {ns} logs --all-containers --selector {SERVERS}")),
        );
        lines.push(match &self.context {
            Some(_) => "  chartgate clean   # removes what was kept there, and leaves the cluster".to_owned(),
            None => "  chartgate clean   # removes it".to_owned(),
        });
        lines.join("\n")
    }

    async fn ask(&self, ask: &Ask) -> Result<()> {
        self.ask_within(ask, ANSWER).await
    }

    async fn ask_within(&self, ask: &Ask, limit: Duration) -> Result<()> {
        let mut connection = self.connection.lock().await;
        send(&mut connection.write, ask).await?;
        let noted = async {
            while let Some(told) = connection.told.recv().await.transpose()? {
                if matches!(told, Tell::Noted) {
                    return Ok(());
                }
            }
            bail!("the broker ended")
        };
        tokio::time::timeout(limit, noted)
            .await
            .with_context(|| format!("waited {} s for the broker", limit.as_secs()))?
    }
}

impl Connection {
    /// Connects to the broker of this key, and starts one if none lives.
    async fn open(key: &Key, request: &Request) -> Result<Self> {
        let opened = async {
            if let Ok(connection) = Self::connect(key).await {
                return Ok(connection);
            }
            // One at a time starts it, and the others find it started.
            let lock = until("another to start the broker", START, || async {
                match try_lock(&key.lock("start")) {
                    Ok(Some(lock)) => Check::Ready(lock),
                    Ok(None) => Check::NotYet("it is at it".to_owned()),
                    Err(error) => Check::Fatal(error),
                }
            });
            let _lock = lock.await?;
            if let Ok(connection) = Self::connect(key).await {
                return Ok(connection);
            }
            start(key, request)?;
            until("the broker to listen", START, || async { Check::retry(Self::connect(key).await) }).await
        };
        opened.await.map_err(|error| {
            let hint = format!("its log is `{}`", key.log.display());
            Environment::because("failed to reach the broker", &error, &hint).into()
        })
    }

    async fn connect(key: &Key) -> Result<Self> {
        let stream = UnixStream::connect(&key.socket).await.context("it does not listen")?;
        let (read, write) = stream.into_split();
        let mut reader = Reader::new(read);
        // A broker that is ending leaves connections behind that it never accepted.
        match tokio::time::timeout(ANSWER, reader.next()).await {
            Ok(Ok(Some(Tell::Hello))) => {}
            Ok(Ok(other)) => bail!("instead of a greeting it said {other:?}"),
            Ok(Err(error)) => return Err(error),
            Err(_) => bail!("it does not answer"),
        }
        let (tell, told) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(());
        tokio::spawn(async move {
            // Held until the connection's end.
            let _end = end;
            while let Some(message) = reader.next().await.transpose() {
                if tell.send(message).is_err() {
                    return;
                }
            }
        });
        Ok(Self { write, told, ended })
    }
}

/// Starts the broker of this key. A second one would end at once.
fn start(key: &Key, request: &Request) -> Result<()> {
    let exe = home::exe().context("failed to find the `chartgate` command")?;
    Tool::new("the broker", exe)
        .args(["broker", "--key", &key.word, "--kubernetes", &request.kubernetes])
        .args(request.context.as_ref().map(|context| format!("--context={}", context.name())))
        // Ours may be relative, and the broker's working directory is the root.
        .env("CHARTGATE_HOME", home::folder()?)
        .detach(&key.log)
        .map(drop)
}

fn lost(key: &Key) -> anyhow::Error {
    Environment::hinted("the broker ended", format!("its log is `{}`", key.log.display())).into()
}
