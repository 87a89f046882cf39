//! The two jobs that run after an install and an upgrade. Each may run again.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chartgate_standin::environment::Environment;
use chartgate_standin::lifecycle::{Lifecycle, Phase};
use mongodb::bson::doc;
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::log::Log;
use crate::registry;
use crate::store::Store;

const AGAIN: Duration = Duration::from_millis(500);
/// A server that is not there after so long will not come; the Job's own limits say how often this is tried.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits for Kafka and the schema registry, then makes the topics that are missing.
///
/// # Errors
/// If a server does not come, or the broker refuses a topic.
pub async fn create_topics(env: &mut Environment) -> Result<()> {
    let config = Config::read(env, "create_topics").await?;
    let lifecycle = Lifecycle::until_sigterm()?;
    let log = Log::new(&config.kafka, &config.writer.pod);
    until_stopped(&lifecycle, async {
        if !log.is_reached(&lifecycle).await {
            bail!("SIGTERM came before Kafka did");
        }
        eventually("the schema registry", || registry::check(&config.registry)).await?;
        for (topic, is_new) in log.create_topics().await? {
            println!("{}: {topic}", if is_new { "created" } else { "was there" });
        }
        Ok(())
    })
    .await
}

/// Makes the two users, or corrects the roles of those who exist. Their passwords stay, unless `SEED_RESET_PASSWORDS` is `true`.
///
/// # Errors
/// If a password is missing, or the document store does not come.
pub async fn seed_users(env: &mut Environment) -> Result<()> {
    let users = [
        ("user", "user", env.required("DEFAULT_USER_PASSWORD")),
        ("admin", "admin", env.required("ADMIN_USER_PASSWORD")),
    ];
    let resets = env.is_true("SEED_RESET_PASSWORDS");
    let config = Config::read(env, "seed_users").await?;
    let lifecycle = Lifecycle::until_sigterm()?;
    let store = Store::new(config.mongodb, &config.writer)?;
    until_stopped(&lifecycle, async {
        eventually("the document store", || store.ping()).await?;
        for (name, role, password) in &users {
            let password = doc! {"password": digest(password)};
            let (mut set, mut only_new) = (doc! {"role": *role}, doc! {});
            if resets {
                set.extend(password);
            } else {
                only_new.extend(password);
            }
            store.put("users", name, set, only_new).await?;
            println!("user `{name}` has the role `{role}`");
            store.note("seed_users", name).await;
        }
        Ok(())
    })
    .await
}

/// What is kept of a password.
pub fn digest(password: &str) -> String {
    Sha256::digest(password.as_bytes()).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

async fn until_stopped(lifecycle: &Lifecycle, work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        done = work => done,
        () = lifecycle.reached(Phase::Stopping) => bail!("SIGTERM came before the job ended"),
    }
}

/// Tries until it succeeds.
async fn eventually<F: Future<Output = Result<()>>>(what: &str, check: impl Fn() -> F) -> Result<()> {
    let begun = tokio::time::Instant::now();
    let mut is_first = true;
    while let Err(error) = check().await {
        if begun.elapsed() > PATIENCE {
            return Err(error).with_context(|| format!("wait for {what}"));
        }
        if std::mem::take(&mut is_first) {
            println!("waits for {what}: {error:#}");
        }
        chartgate_standin::lifecycle::pause(AGAIN).await;
    }
    Ok(())
}
