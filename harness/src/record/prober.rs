//! The prober: a pod of ours in a namespace beside the release's, and the conversation with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use chartgate_prober::{Order, Question, Reply, Told};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{AttachParams, PostParams};
use kube::runtime::conditions::is_pod_running;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Its image is on the node already; a pod that does not run by then never will.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A probe that is not answered within this time is recorded as timed out. Pods answer in milliseconds; a busy node may
/// take a second.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Reply>>>>;

/// Asks questions from inside the cluster.
#[derive(Clone)]
pub struct Prober {
    questions: mpsc::UnboundedSender<(Question, oneshot::Sender<Reply>)>,
}

impl Prober {
    /// Starts the prober's pod and the conversation, which runs in `tasks`.
    pub async fn start(client: &Client, ns: &str, image: &str, tasks: &mut JoinSet<()>) -> Result<Self> {
        let pods: Api<Pod> = Api::namespaced(client.clone(), ns);
        pods.create(&PostParams::default(), &pod(image)?).await.context("create the prober's pod")?;
        let running = await_condition(pods.clone(), "prober", is_pod_running());
        timeout(START_LIMIT, running)
            .await
            .map_err(|_| anyhow!("the prober's pod did not run within {} s", START_LIMIT.as_secs()))?
            .context("wait for the prober's pod")?;
        let parameters = AttachParams::default().stdin(true).stdout(true).stderr(false);
        let mut attached = pods.attach("prober", &parameters).await.context("attach to the prober's pod")?;
        let (Some(mut input), Some(output)) = (attached.stdin(), attached.stdout()) else {
            bail!("the prober's pod has no input or output");
        };
        let (questions, mut incoming) = mpsc::unbounded_channel::<(Question, oneshot::Sender<Reply>)>();
        let waiting = Waiting::default();
        let answered = waiting.clone();
        tasks.spawn(async move {
            // The attachment ends with its handle.
            let _attached = attached;
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(Told::Reply(reply)) = serde_json::from_str::<Told>(&line) else { continue };
                let asker = answered.lock().unwrap_or_else(PoisonError::into_inner).remove(&reply.id);
                if let Some(asker) = asker {
                    // An asker that gave up needs no answer.
                    drop(asker.send(reply));
                }
            }
            answered.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        tasks.spawn(async move {
            let mut next = 0;
            while let Some((mut question, asker)) = incoming.recv().await {
                question.id = next;
                next += 1;
                waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(question.id, asker);
                let mut line = serde_json::to_vec(&Order::Ask(question)).unwrap_or_default();
                line.push(b'\n');
                if input.write_all(&line).await.is_err() || input.flush().await.is_err() {
                    waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    return;
                }
            }
        });
        Ok(Self { questions })
    }

    /// Asks, and waits for the answer; the question's number and time limit are the prober's to set.
    ///
    /// # Errors
    /// If the prober itself is gone: then nothing was proven either way.
    pub async fn ask(&self, mut question: Question) -> Result<Reply> {
        let (asker, reply) = oneshot::channel();
        question.limit_ms = u64::try_from(ANSWER_LIMIT.as_millis()).unwrap_or(u64::MAX);
        self.questions.send((question, asker)).map_err(|_| anyhow!("the prober ended"))?;
        // A session is two talks, one after the other.
        let patience = ANSWER_LIMIT * 3;
        timeout(patience, reply).await.context("the prober did not reply")?.context("the prober ended")
    }
}

fn pod(image: &str) -> Result<Pod> {
    let pod = json!({
        "metadata": {"name": "prober", "labels": {"app.kubernetes.io/name": "chartgate-prober"}},
        "spec": {
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "prober",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["/prober"],
                "stdin": true,
                "stdinOnce": true,
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
