//! A server of a lease's own: one container on the cluster's network.

use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_model::plan::Server;
use chartgate_process::home::Environment;
use chartgate_process::wait::{Check, until};
use testcontainers::core::WaitFor;
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};

use super::place::Place;
use crate::containers::REMOVAL;
use crate::engine;
use crate::provider::Progress;
use crate::registry::Entry;
use crate::{Address, NETWORK};

/// The slowest servers, such as Kafka, are up half a minute after their container's start; others start beside them.
const START: Duration = Duration::from_secs(180);

/// kind makes the network before its first node, right after its own start.
const NETWORK_MADE: Duration = Duration::from_secs(60);

/// Starts a server in a container of this name, which its lease owns already. It is ready when this returns.
pub async fn start(entry: &Entry, container: &str, server: &Server, progress: &Progress) -> Result<Address> {
    let started = run(entry, container, server, progress).await;
    started.with_context(|| Environment::new(format!("failed to start {}", server.image)))
}

async fn run(entry: &Entry, container: &str, server: &Server, progress: &Progress) -> Result<Address> {
    wait_for_network().await?;
    let reference = &server.image;
    let (image, tag) = reference.rsplit_once(':').with_context(|| format!("image `{reference}` has no tag"))?;
    progress.say(format!("starting {reference}"));
    let request = GenericImage::new(image, tag)
        .with_wait_for(WaitFor::message_on_either_std(&server.ready))
        .with_container_name(container)
        .with_label("chartgate.broker", entry.id())
        .with_network(NETWORK)
        .with_startup_timeout(START);
    let request = server.env.iter().fold(request, |request, (name, value)| request.with_env_var(name, value));
    let running = request.start().await?;
    // The lease owns it from here on.
    std::mem::forget(running);
    let place = Place::Container { name: container.to_owned(), published: None };
    Ok(Address { place, host: engine::address(container).await?, port: server.port })
}

/// Removes the container of this name, whether it exists or not.
pub async fn remove(container: &str) -> Result<()> {
    engine::remove(&[container.to_owned()], REMOVAL).await?.done()
}

/// Waits for kind's network: made by testcontainers, it would be removed with the container.
pub(super) async fn wait_for_network() -> Result<()> {
    until("kind's network", NETWORK_MADE, || async { Check::retry(engine::has_network().await) }).await
}
