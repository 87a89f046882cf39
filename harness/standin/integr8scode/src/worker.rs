//! The seven workers, each one process. They listen on no port, and wait for Kafka and for their topics.
//!
//! What a script does: `sleep MS …` takes so long, `fail` fails each time, anything else is its own output. What fails three times goes to the
//! dead letters.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chartgate_standin::build::Build;
use chartgate_standin::environment::Environment;
use chartgate_standin::lifecycle::{Lifecycle, pause};
use mongodb::bson::doc;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::log::Log;
use crate::store::Store;

/// A script that fails is run so often.
const ATTEMPTS: u32 = 3;

/// Which worker a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Coordinator,
    K8sWorker,
    PodMonitor,
    ResultProcessor,
    SagaOrchestrator,
    EventReplay,
    DlqProcessor,
}

impl Role {
    pub const ALL: [Self; 7] = [
        Self::Coordinator,
        Self::K8sWorker,
        Self::PodMonitor,
        Self::ResultProcessor,
        Self::SagaOrchestrator,
        Self::EventReplay,
        Self::DlqProcessor,
    ];

    /// Its name, as in its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::K8sWorker => "k8s_worker",
            Self::PodMonitor => "pod_monitor",
            Self::ResultProcessor => "result_processor",
            Self::SagaOrchestrator => "saga_orchestrator",
            Self::EventReplay => "event_replay",
            Self::DlqProcessor => "dlq_processor",
        }
    }

    /// The role of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    fn topic(self) -> &'static str {
        match self {
            Self::Coordinator | Self::SagaOrchestrator | Self::EventReplay => "execution_events",
            Self::K8sWorker => "execution_tasks",
            Self::PodMonitor => "pod_events",
            Self::ResultProcessor => "execution_results",
            Self::DlqProcessor => "dead_letter_queue",
        }
    }
}

/// What goes from part to part.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Message {
    execution_id: String,
    script: String,
    attempt: u32,
    /// What the script wrote, once it ran.
    #[serde(default)]
    output: String,
}

struct Process {
    role: Role,
    log: Log,
    store: Store,
}

/// Works until SIGTERM; a message that has begun is finished.
///
/// # Errors
/// If the environment is not good enough, or this is a version that is meant to break.
pub async fn start(role: Role, env: &mut Environment) -> Result<()> {
    let config = Config::read(env, role.name()).await?;
    if config.writer.build == Build::Broken {
        bail!("could not start: this version is broken");
    }
    let lifecycle = Lifecycle::until_sigterm()?;
    println!("integr8scode {} starts as {} in {}", config.writer.build.name(), role.name(), config.writer.pod);
    let log = Log::new(&config.kafka, &config.writer.pod);
    let process = Process { role, log, store: Store::new(config.mongodb, &config.writer)? };
    process.log.consume(role.name(), role.topic(), &lifecycle, async |text: &str| process.handle(text).await).await?;
    println!("stopped");
    Ok(())
}

impl Process {
    async fn handle(&self, text: &str) -> Result<()> {
        // What is none of this application's messages never will be: it is told and left.
        let Ok(message) = serde_json::from_str::<Message>(text) else {
            eprintln!("leaves out what is no message: {text}");
            return Ok(());
        };
        let id = message.execution_id.clone();
        match self.role {
            Role::Coordinator => self.send("execution_tasks", &message).await?,
            Role::K8sWorker => self.run(message).await?,
            Role::PodMonitor => self.store.put("pods", &id, doc! {"attempt": message.attempt}, doc! {}).await?,
            Role::ResultProcessor => self.finish(&message, "completed").await?,
            Role::SagaOrchestrator => self.store.put("sagas", &id, doc! {"state": "started"}, doc! {}).await?,
            Role::EventReplay => self.store.put("events", &id, doc! {"script": message.script}, doc! {}).await?,
            Role::DlqProcessor => {
                self.store
                    .put("dead_letters", &id, doc! {"script": &message.script, "attempts": message.attempt}, doc! {})
                    .await?;
                self.finish(&message, "failed").await?;
            }
        }
        self.store.note(self.role.name(), &id).await;
        Ok(())
    }

    async fn run(&self, mut message: Message) -> Result<()> {
        self.send("pod_events", &message).await?;
        if let Some(millis) =
            message.script.strip_prefix("sleep ").and_then(|rest| rest.split(' ').next()?.parse().ok())
        {
            pause(Duration::from_millis(millis)).await;
        }
        if message.script != "fail" {
            message.output = message.script.clone();
            return self.send("execution_results", &message).await;
        }
        if message.attempt >= ATTEMPTS {
            return self.send("dead_letter_queue", &message).await;
        }
        message.attempt += 1;
        self.send("execution_tasks", &message).await
    }

    async fn finish(&self, message: &Message, status: &str) -> Result<()> {
        let ended = doc! {"status": status, "output": &message.output, "attempts": message.attempt};
        self.store.put("executions", &message.execution_id, ended, doc! {}).await
    }

    async fn send(&self, topic: &str, message: &Message) -> Result<()> {
        let text = serde_json::to_string(message).context("write a message")?;
        self.log.send(topic, &message.execution_id, text).await
    }
}
