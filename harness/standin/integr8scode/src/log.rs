//! Kafka: topics with the installation's prefix, messages, and groups that consume them.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chartgate_standin::lifecycle::{Lifecycle, Phase};
use krafka::admin::NewTopic;
use krafka::consumer::{AutoOffsetReset, Consumer};
use krafka::error::{ErrorCode, KrafkaError};
use krafka::producer::{Acks, Producer};
use krafka::{Kafka, Record};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::config;

/// The topics that the application uses, without their prefix.
pub const TOPICS: [&str; 5] =
    ["execution_events", "execution_tasks", "execution_results", "pod_events", "dead_letter_queue"];

/// Between two tries at something that is away.
const AGAIN: Duration = Duration::from_millis(500);
/// Between two lines that say the same.
const SAY_AGAIN: Duration = Duration::from_secs(10);
/// A producer gives up on a message after so long; one who waits for the answer over HTTP does not wait much longer.
const DELIVERY: Duration = Duration::from_secs(8);
/// A killed consumer's partitions are others' after so long: little more than the least that a broker takes by default.
const SESSION: Duration = Duration::from_secs(8);

/// The file that is there once a worker consumes its topic.
const CONSUMES: &str = "/tmp/consumes";

/// A connection to Kafka that is made when it is first needed.
pub struct Log {
    config: config::Kafka,
    client_id: String,
    producer: OnceCell<Producer>,
}

impl Log {
    /// The log at an address; nothing is connected yet.
    pub fn new(config: &config::Kafka, client_id: &str) -> Self {
        Self { config: config.clone(), client_id: client_id.to_owned(), producer: OnceCell::new() }
    }

    /// A topic's name as it is in Kafka.
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.config.prefix)
    }

    async fn connect(&self) -> Result<Kafka> {
        let builder = Kafka::builder(self.config.servers.clone()).client_id(self.client_id.clone());
        builder.connect_timeout(DELIVERY / 2).request_timeout(DELIVERY).connect().await.context("connect to Kafka")
    }

    /// Publishes a message, and returns when the broker has it.
    ///
    /// # Errors
    /// If the broker does not take it in time.
    pub async fn send(&self, topic: &str, key: &str, message: String) -> Result<()> {
        let producer = self.producer.get_or_try_init(|| self.make_producer()).await?;
        let topic = self.topic(topic);
        let sent = producer.send(Record::new(topic.clone(), message).key(key.to_owned())).await;
        sent.map(drop).with_context(|| format!("publish to `{topic}`"))
    }

    async fn make_producer(&self) -> Result<Producer> {
        let builder = self.connect().await?.producer().acks(Acks::All).linger(Duration::ZERO);
        builder.delivery_timeout(DELIVERY).max_block(DELIVERY / 2).build().await.context("make a producer")
    }

    /// Makes the topics that are missing. True for each that is new.
    ///
    /// # Errors
    /// If the broker refuses one.
    pub async fn create_topics(&self) -> Result<Vec<(String, bool)>> {
        let kafka = self.connect().await?;
        let mut wanted = Vec::new();
        for name in TOPICS {
            wanted.push(NewTopic::new(self.topic(name), self.config.partitions, 1).context("describe a topic")?);
        }
        let answered = kafka.admin().create_topics(wanted, krafka::admin::CreateTopicsOptions::default()).await;
        let mut topics = Vec::new();
        for (name, created) in answered.context("create topics")? {
            match created {
                Ok(()) => topics.push((name, true)),
                Err(KrafkaError::Broker { code: ErrorCode::TopicAlreadyExists, .. }) => topics.push((name, false)),
                Err(error) => bail!("create the topic `{name}`: {error}"),
            }
        }
        topics.sort();
        Ok(topics)
    }

    /// Waits until Kafka answers, and says so if it takes a while. False if the process is to stop before.
    pub async fn is_reached(&self, lifecycle: &Lifecycle) -> bool {
        let mut said = None;
        loop {
            match self.connect().await {
                Ok(_) => return true,
                Err(error) => say(&mut said, &format!("waits for Kafka at {}: {error:#}", self.config.servers)),
            }
            if !lifecycle.sleep_unless(Phase::Stopping, AGAIN).await {
                return false;
            }
        }
    }

    /// Consumes a topic in a group until SIGTERM, one message after the other; one that has begun is finished. Waits for Kafka and for the topic,
    /// and says so. A message whose handling fails is tried again; its offset is committed when it is done.
    ///
    /// # Errors
    /// If the group cannot be left in order.
    pub async fn consume(
        &self,
        group: &str,
        topic: &str,
        lifecycle: &Lifecycle,
        handle: impl AsyncFn(&str) -> Result<()>,
    ) -> Result<()> {
        let topic = self.topic(topic);
        let Some(consumer) = self.consumer(&self.topic(group), &topic, lifecycle).await else { return Ok(()) };
        let mut said = None;
        while lifecycle.phase() < Phase::Stopping {
            let records = tokio::select! {
                polled = consumer.poll(AGAIN) => polled,
                () = lifecycle.reached(Phase::Stopping) => break,
            };
            let records = match records {
                Ok(records) => records,
                Err(error) => {
                    say(&mut said, &format!("cannot read `{topic}`: {error}"));
                    lifecycle.sleep_unless(Phase::Stopping, AGAIN).await;
                    continue;
                }
            };
            for record in &records {
                let Some(message) = record.value_str() else { continue };
                while let Err(error) = handle(message).await {
                    say(&mut said, &format!("tries a message of `{topic}` again: {error:#}"));
                    if !lifecycle.sleep_unless(Phase::Stopping, AGAIN).await {
                        // Not committed: another member of the group takes it.
                        return consumer.close().await.context("leave the group");
                    }
                }
            }
            if !records.is_empty()
                && let Err(error) = consumer.commit().await
            {
                say(&mut said, &format!("cannot commit what was read of `{topic}`: {error}"));
            }
        }
        consumer.close().await.context("leave the group")
    }

    /// A member of the group, once the topic is there; nothing if the process is to stop before.
    async fn consumer(&self, group: &str, topic: &str, lifecycle: &Lifecycle) -> Option<Consumer> {
        let mut said = None;
        loop {
            match self.subscribed(group, topic).await {
                Ok(consumer) => {
                    println!("consumes `{topic}` as `{group}`");
                    if let Err(error) = std::fs::write(CONSUMES, topic) {
                        eprintln!("could not write {CONSUMES}: {error}");
                    }
                    return Some(consumer);
                }
                Err(error) => say(&mut said, &format!("waits for the topic `{topic}`: {error:#}")),
            }
            if !lifecycle.sleep_unless(Phase::Stopping, AGAIN).await {
                return None;
            }
        }
    }

    async fn subscribed(&self, group: &str, topic: &str) -> Result<Consumer> {
        let kafka = self.connect().await?;
        let topics =
            kafka.admin().list_topics(krafka::admin::ListTopicsOptions::default()).await.context("list topics")?;
        if !topics.iter().any(|name| name == topic) {
            bail!("it does not exist yet");
        }
        let builder =
            kafka.consumer(group.to_owned()).auto_offset_reset(AutoOffsetReset::Earliest).enable_auto_commit(false);
        let builder = builder.max_poll_records(1).session_timeout(SESSION).heartbeat_interval(SESSION / 4);
        let consumer = builder.build().await.context("make a consumer")?;
        consumer.subscribe([topic]).await.context("subscribe")?;
        Ok(consumer)
    }
}

/// Says a line, unless one was said a moment ago.
fn say(said: &mut Option<Instant>, line: &str) {
    if said.is_none_or(|at| at.elapsed() > SAY_AGAIN) {
        println!("{line}");
        *said = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that the client refuses its own settings, so that every part waits for Kafka for ever.
    #[tokio::test]
    async fn the_clients_settings_fit_each_other() {
        let nowhere = config::Kafka { servers: "127.0.0.1:1".to_owned(), prefix: "pref".to_owned(), partitions: 3 };
        let Err(error) = Log::new(&nowhere, "test").connect().await else { panic!("nobody listens there") };
        let says = format!("{error:#}");
        assert!(!says.contains("configuration"), "{says}");
    }
}
