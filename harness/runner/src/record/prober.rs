//! The prober: a pod of chartgate's own in a namespace beside the release's, and the conversation with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use chartgate_cluster::{Placement, error};
use chartgate_protocol::{JobLoad, Order, Question, Reply, RequestLoad, SessionLoad, Told};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{AttachParams, AttachedProcess, PostParams};
use kube::runtime::conditions::is_pod_running;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::load::{Load, Running, Subject};
use super::{Moment, Timeline};

/// Its image is on the node already, and it runs within a second; on a busy machine within many.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A probe that is not answered within this time is recorded as timed out. Pods answer in milliseconds; a busy node may
/// take a second.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The prober gives what is in flight two seconds, and a session one to say goodbye.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// Asks questions and sends traffic from inside the cluster.
#[derive(Clone)]
pub struct Prober {
    orders: mpsc::UnboundedSender<Order>,
    shared: Arc<Shared>,
    /// Whether it runs, or why it never will; `None`: not yet.
    started: watch::Receiver<Option<Result<(), String>>>,
}

/// What both ends of the conversation know.
struct Shared {
    timeline: Timeline,
    /// Of questions and loads.
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
    loads: Mutex<HashMap<u64, Running>>,
}

/// A pod of chartgate's own: where it is, and what the cluster knows it by.
#[derive(Clone, Debug)]
pub struct Seat<'a> {
    /// Its namespace.
    pub ns: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its labels besides that of a prober.
    pub labels: &'a BTreeMap<String, String>,
    /// Its image.
    pub image: &'a str,
    /// Its CPU request in millicores: users ask more than a question now and then.
    pub millicores: u32,
}

impl Seat<'_> {
    /// Starts the pod, and waits until it runs; it does nothing before somebody is attached to it.
    pub async fn take(&self, client: &Client) -> Result<Pod> {
        run(&Api::namespaced(client.clone(), self.ns), &pod(self)?).await
    }
}

/// Starts a pod, and waits until it runs.
async fn run(pods: &Api<Pod>, pod: &Pod) -> Result<Pod> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    pods.create(&PostParams::default(), pod).await.with_context(|| format!("create pod/{name}"))?;
    let running = Box::pin(await_condition(pods.clone(), name, is_pod_running()));
    let ran = timeout(START_LIMIT, running)
        .await
        .map_err(|_| anyhow!("pod/{name} did not run within {} s", START_LIMIT.as_secs()))?;
    ran.with_context(|| format!("wait for pod/{name}"))?.with_context(|| format!("pod/{name} is gone"))
}

/// The same, and attaches to it.
async fn attach(pods: &Api<Pod>, pod: &Pod) -> Result<AttachedProcess> {
    run(pods, pod).await?;
    let parameters = AttachParams::default().stdin(true).stdout(true).stderr(false).container("prober");
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    pods.attach(name, &parameters).await.with_context(|| format!("attach to pod/{name}"))
}

impl Prober {
    /// Starts a prober's pod and the conversation, which runs in `tasks`; what is told of loads goes on the timeline. It need
    /// not run when this returns: whoever asks waits for it.
    ///
    /// # Errors
    /// That there can be no such pod.
    pub fn launch(client: &Client, seat: &Seat<'_>, timeline: &Timeline, tasks: &mut JoinSet<()>) -> Result<Self> {
        let (orders, incoming) = mpsc::unbounded_channel();
        let (tell, started) = watch::channel(None);
        let shared = Arc::new(Shared {
            timeline: timeline.clone(),
            next: AtomicU64::default(),
            waiting: Mutex::default(),
            loads: Mutex::default(),
        });
        let (own, pods, pod) = (shared.clone(), Api::namespaced(client.clone(), seat.ns), pod(seat)?);
        tasks.spawn(async move {
            let ended = match attach(&pods, &pod).await {
                Ok(attached) => {
                    tell.send_replace(Some(Ok(())));
                    converse(attached, incoming, &own).await
                }
                Err(error) => {
                    tell.send_replace(Some(Err(error::message(&error))));
                    Err(error)
                }
            };
            own.end(&ended.err().map_or("the prober ended".to_owned(), |error| error::message(&error)));
        });
        Ok(Self { orders, shared, started })
    }

    /// The same, and waits until it runs.
    pub async fn start(client: &Client, seat: &Seat<'_>, timeline: &Timeline, tasks: &mut JoinSet<()>) -> Result<Self> {
        let prober = Self::launch(client, seat, timeline, tasks)?;
        prober.until_started().await?;
        Ok(prober)
    }

    /// Waits until it runs.
    ///
    /// # Errors
    /// That it does not.
    pub async fn until_started(&self) -> Result<()> {
        let mut started = self.started.clone();
        let started = started.wait_for(Option::is_some).await.context("the prober ended")?.clone();
        started.unwrap_or(Ok(())).map_err(|why| anyhow!("start the prober: {why}"))
    }

    /// Asks, and waits for the answer; the question's number is the prober's to set, and so is its time limit where it has none.
    ///
    /// # Errors
    /// If the prober itself is gone: then nothing was proven either way.
    pub async fn ask(&self, mut question: Question) -> Result<Reply> {
        self.until_started().await?;
        let (asker, reply) = oneshot::channel();
        question.id = self.number();
        if question.limit_ms == 0 {
            question.limit_ms = u64::try_from(ANSWER_LIMIT.as_millis()).unwrap_or(u64::MAX);
        }
        lock(&self.shared.waiting).insert(question.id, asker);
        self.order(Order::Ask(question))?;
        // A session is two talks, one after the other.
        let patience = ANSWER_LIMIT * 3;
        timeout(patience, reply).await.context("the prober did not reply")?.context("the prober ended")
    }

    /// Sends requests of a role's users from now on; the load's number is the prober's to set.
    ///
    /// # Errors
    /// If the prober itself is gone.
    pub fn send(&self, role: &str, mut load: RequestLoad) -> Result<Load> {
        load.load = self.number();
        self.begin(load.load, Subject::Requests { role: role.to_owned() }, Order::Send(load))
    }

    /// Keeps a websocket session of a role's users from now on; the load's number is the prober's to set.
    ///
    /// # Errors
    /// If the prober itself is gone.
    pub fn keep(&self, role: &str, session: &str, mut load: SessionLoad) -> Result<Load> {
        load.load = self.number();
        let subject = Subject::Session { role: role.to_owned(), session: session.to_owned() };
        self.begin(load.load, subject, Order::Keep(load))
    }

    /// Hands in jobs of a role's users from now on; the load's number is the prober's to set.
    ///
    /// # Errors
    /// If the prober itself is gone.
    pub fn hand_in(&self, role: &str, mut load: JobLoad) -> Result<Load> {
        load.load = self.number();
        let rest = Duration::from_millis(load.job.within_ms + load.limit_ms);
        let mut begun = self.begin(load.load, Subject::Jobs { role: role.to_owned() }, Order::HandIn(load))?;
        begun.rest = rest;
        Ok(begun)
    }

    fn begin(&self, number: u64, subject: Subject, order: Order) -> Result<Load> {
        let timeline = &self.shared.timeline;
        let (running, load) = Running::begin(number, subject, timeline.unix_ms(), timeline.now());
        lock(&self.shared.loads).insert(number, running);
        self.order(order).inspect_err(|_| drop(lock(&self.shared.loads).remove(&number)))?;
        Ok(load)
    }

    /// Ends loads; when this returns, what was in flight is on the timeline or was given up.
    ///
    /// # Errors
    /// If the prober did not say that they ended.
    pub async fn stop(&self, loads: Vec<Load>) -> Result<()> {
        for load in &loads {
            self.order(Order::Stop(load.number))?;
        }
        let rest = loads.iter().map(|load| load.rest).max().unwrap_or_default();
        let stopped = futures::future::try_join_all(loads.into_iter().map(|load| load.stopped));
        timeout(STOP_LIMIT + rest, stopped)
            .await
            .context("the prober did not stop its loads")?
            .context("the prober ended")?;
        Ok(())
    }

    fn number(&self) -> u64 {
        self.shared.next.fetch_add(1, Ordering::Relaxed)
    }

    fn order(&self, order: Order) -> Result<()> {
        self.orders.send(order).map_err(|_| anyhow!("the prober ended"))
    }
}

/// Carries orders to the prober, and what it tells back, until one of the two ways ends.
async fn converse(
    mut attached: AttachedProcess,
    mut orders: mpsc::UnboundedReceiver<Order>,
    shared: &Shared,
) -> Result<()> {
    let (Some(mut input), Some(output)) = (attached.stdin(), attached.stdout()) else {
        bail!("the prober's pod has no input or output");
    };
    let mut lines = BufReader::new(output).lines();
    let hear = async {
        while let Some(line) = lines.next_line().await.context("read what the prober tells")? {
            shared.hear(serde_json::from_str(&line).with_context(|| format!("understand the prober's `{line}`"))?);
        }
        Ok(())
    };
    let tell = async {
        while let Some(order) = orders.recv().await {
            let mut line = serde_json::to_vec(&order).context("encode an order")?;
            line.push(b'\n');
            input.write_all(&line).await.context("write to the prober")?;
            input.flush().await.context("write to the prober")?;
        }
        std::future::pending().await
    };
    // At the same time: both ways share a connection with little room, and whoever only writes may wait for ever for a reader.
    tokio::select! {
        ended = hear => ended,
        ended = tell => ended,
    }
}

impl Shared {
    fn hear(&self, told: Told) {
        match told {
            Told::Reply(reply) => {
                if let Some(asker) = lock(&self.waiting).remove(&reply.id) {
                    // An asker that gave up needs no answer.
                    drop(asker.send(reply));
                }
            }
            Told::Started { load, unix_ms } => {
                if let Some(running) = lock(&self.loads).get_mut(&load) {
                    running.started(unix_ms, self.timeline.now());
                }
            }
            Told::Served(served) => self.note(served.load, |running| Some(running.served(served))),
            Told::Failed(failed) => self.note(failed.load, |running| Some(running.failed(failed))),
            Told::Job(job) => self.note(job.load, |running| Some(running.job(job))),
            Told::Session(session) => self.note(session.load, |running| running.session(session)),
            Told::Stopped { load } => {
                if let Some(running) = lock(&self.loads).remove(&load) {
                    running.stopped();
                }
            }
        }
    }

    fn note(&self, load: u64, moment: impl FnOnce(&Running) -> Option<Moment>) {
        if let Some(moment) = lock(&self.loads).get(&load).and_then(moment) {
            self.timeline.append(moment);
        }
    }

    /// Nobody answers any more, and what loads would have seen is not known.
    fn end(&self, why: &str) {
        lock(&self.waiting).clear();
        let loads = std::mem::take(&mut *lock(&self.loads));
        let roles: BTreeSet<&str> = loads.values().map(Running::role).collect();
        for role in roles {
            self.timeline.append(Moment::Gap { of: format!("traffic {role}"), why: why.to_owned() });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pod(seat: &Seat) -> Result<Pod> {
    let mut labels = BTreeMap::from([("app.kubernetes.io/name".to_owned(), "chartgate-prober".to_owned())]);
    labels.extend(seat.labels.clone());
    let Placement { tolerations, affinity } = Placement::undrained();
    let pod = json!({
        "metadata": {"name": seat.name, "labels": labels},
        "spec": {
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Never",
            "tolerations": tolerations,
            "affinity": affinity,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "prober",
                "image": seat.image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["/prober"],
                "stdin": true,
                "stdinOnce": true,
                "resources": {"requests": {"cpu": format!("{}m", seat.millicores), "memory": "16Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    });
    serde_json::from_value(pod).context("describe the prober's pod")
}
