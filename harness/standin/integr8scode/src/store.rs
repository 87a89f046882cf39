//! The document store: executions, users, dead letters, and the ledger of what each part did.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chartgate_standin::ledger::Writer;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection, Database};
use tokio::time::timeout;

/// Shorter than a probe's patience, long enough for a busy machine.
const ANSWER: Duration = Duration::from_secs(4);

/// A document store that may be away: each operation finds it anew, and gives up after a while.
#[derive(Clone)]
pub struct Store {
    database: Database,
    writer: Writer,
}

impl Store {
    /// The store at an address; nothing is connected yet.
    ///
    /// # Errors
    /// If the driver refuses the options.
    pub fn new(mut options: ClientOptions, writer: &Writer) -> Result<Self> {
        options.server_selection_timeout = Some(ANSWER);
        options.connect_timeout = Some(ANSWER);
        options.app_name = Some(format!("{} {}", writer.role, writer.pod));
        let client = Client::with_options(options).context("use the document store")?;
        let database = client.default_database().context("the address of the document store names no database")?;
        Ok(Self { database, writer: writer.clone() })
    }

    /// Asks for a sign of life, with the login that every other question has.
    ///
    /// # Errors
    /// If the store cannot be reached, or does not know us.
    pub async fn ping(&self) -> Result<()> {
        self.get("executions", "").await.map(drop)
    }

    /// The document with this id, if there is one.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn get(&self, collection: &str, id: &str) -> Result<Option<Document>> {
        answered(self.collection(collection).find_one(doc! {"_id": id}).into_future()).await
    }

    /// Sets fields of the document with this id, and others only where the document is new. The same once more changes nothing.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn put(&self, collection: &str, id: &str, set: Document, only_new: Document) -> Result<()> {
        let mut update = doc! {"$set": set};
        if !only_new.is_empty() {
            update.insert("$setOnInsert", only_new);
        }
        answered(self.collection(collection).update_one(doc! {"_id": id}, update).upsert(true).into_future())
            .await
            .map(drop)
    }

    /// Removes the document with this id.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn remove(&self, collection: &str, id: &str) -> Result<()> {
        answered(self.collection(collection).delete_one(doc! {"_id": id}).into_future()).await.map(drop)
    }

    /// Writes a line of the ledger, and says on stderr if that fails: the ledger observes and stops nobody's work.
    pub async fn note(&self, event: &str, subject: &str) {
        let Writer { pod, role, build } = &self.writer;
        let line = doc! {"at": DateTime::now(), "pod": pod, "role": role, "version": build.name(), "event": event, "subject": subject};
        let written = answered(self.collection("ledger").insert_one(line).into_future()).await;
        if let Err(error) = written {
            eprintln!("could not write `{event}` to the ledger: {error:#}");
        }
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }
}

/// What the store answers, if it does so in time.
async fn answered<T>(asked: impl Future<Output = mongodb::error::Result<T>>) -> Result<T> {
    timeout(ANSWER, asked).await.context("ask the document store: no answer")?.context("ask the document store")
}
