//! Servers as pods, in a namespace of chartgate's own in the leased cluster. They go with the namespace.

mod described;
mod state;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_base::random;
use chartgate_model::plan::Server;
use chartgate_process::home::Environment;
use chartgate_process::wait::{Check, pause, until};
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{LogParams, PostParams};
use kube::{Api, Client};
use tokio::time::Instant;

use super::pod::{CONTAINER, ServerPod};
use super::{place::Place, postgres};
use crate::{Address, Postgres, error};
use described::{Described, policy};
pub use described::{MILLICORES, SERVERS};
use state::State;

/// A large image takes minutes on a slow line.
const PULL: Duration = Duration::from_secs(900);
/// A cluster that adds nodes does so within minutes.
const SCHEDULE: Duration = Duration::from_secs(300);
/// The slowest servers, such as Kafka, are up half a minute after their container's start; others start beside them.
const START: Duration = Duration::from_secs(180);
/// Between two looks: the API server is asked, which others ask too.
const LOOK: Duration = Duration::from_millis(200);

/// A namespace of chartgate's own for servers.
pub struct ServerNamespace {
    client: Client,
    kubeconfig: PathBuf,
    ns: String,
}

impl ServerNamespace {
    /// The namespace of this name, which is there.
    pub fn new(client: Client, kubeconfig: PathBuf, ns: String) -> Self {
        Self { client, kubeconfig, ns }
    }

    /// Lets only pods of these namespaces and of its own reach the servers.
    pub async fn open_to(&self, namespaces: &BTreeSet<String>) -> Result<()> {
        let mut namespaces = namespaces.clone();
        namespaces.insert(self.ns.clone());
        let policies: Api<NetworkPolicy> = Api::namespaced(self.client.clone(), &self.ns);
        let policy = serde_json::from_value(policy(&namespaces)).context("describe a NetworkPolicy")?;
        policies.create(&PostParams::default(), &policy).await.context("guard the servers by a NetworkPolicy")?;
        Ok(())
    }

    /// Starts a server. It is ready when this returns.
    ///
    /// # Errors
    /// [`Environment`] if it does not start.
    pub async fn start(&self, name: &str, server: &Server) -> Result<Address> {
        let described = Described::of(pod_name(name), server);
        let start = async {
            let (pod, host) = self.run(&described).await?;
            self.until_ready(&described.name, &server.ready).await?;
            Ok(Address { place: Place::Pod(pod), host, port: server.port })
        };
        start.await.map_err(|error| failed(&server.image, &error))
    }

    /// Starts a `PostgreSQL` server, whose log a sidecar of the image `follower` numbers. It accepts connections when this returns.
    ///
    /// # Errors
    /// [`Environment`] if it does not start.
    pub async fn start_postgres(&self, follower: &str) -> Result<Postgres> {
        let password = random::text(24);
        let server = postgres::server(&password)?;
        let described = Described::of(pod_name("postgres"), &server)
            .with_log_of(follower, postgres::command_with_log(described::LOG));
        let start = async {
            let (pod, host) = self.run(&described).await?;
            let (place, user) = (Place::Pod(pod), postgres::SUPERUSER.to_owned());
            let started = Postgres { place, host, port: server.port, user, password };
            postgres::accepts(&started).await?;
            Ok(started)
        };
        start.await.map_err(|error| failed(&server.image, &error))
    }

    /// Makes a server's pod; it runs when this returns, at this address.
    async fn run(&self, described: &Described<'_>) -> Result<(ServerPod, String)> {
        let name = &described.name;
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.ns);
        let secret = serde_json::from_value(described.secret()).context("describe a Secret")?;
        secrets.create(&PostParams::default(), &secret).await.with_context(|| format!("create secret/{name}"))?;
        let pod: Pod = serde_json::from_value(described.pod()).context("describe a server's pod")?;
        self.pods().create(&PostParams::default(), &pod).await.with_context(|| format!("create pod/{name}"))?;
        let host = self.until_running(name).await?;
        Ok((ServerPod { kubeconfig: self.kubeconfig.clone(), ns: self.ns.clone(), name: name.clone() }, host))
    }

    /// Waits until all of a pod's containers run; its address.
    async fn until_running(&self, name: &str) -> Result<String> {
        let created = Instant::now();
        until(&format!("pod/{name} to run"), PULL, || async {
            match self.state(name).await {
                State::Runs(address) => Check::Ready(address),
                State::Unscheduled(why) if created.elapsed() > SCHEDULE => Check::Fatal(anyhow::Error::msg(why)),
                state => not_yet(state).await,
            }
        })
        .await
    }

    /// Waits until a server's log says that it is ready.
    async fn until_ready(&self, name: &str, ready: &str) -> Result<()> {
        let of_server = LogParams { container: Some(CONTAINER.to_owned()), ..LogParams::default() };
        until(&format!("pod/{name} to say `{ready}`"), START, || async {
            match self.pods().logs(name, &of_server).await {
                Ok(log) if log.contains(ready) => Check::Ready(()),
                Ok(log) => match self.state(name).await {
                    State::Runs(_) => {
                        not_yet(State::Waits(log.lines().next_back().unwrap_or("nothing").to_owned())).await
                    }
                    state => not_yet(state).await,
                },
                Err(error) => not_yet(State::Waits(error::message(&error.into()))).await,
            }
        })
        .await
    }

    async fn state(&self, name: &str) -> State {
        match self.pods().get(name).await {
            Ok(pod) => state::of(&pod),
            Err(error) => State::Waits(error::message(&error.into())),
        }
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.ns)
    }
}

/// What is told of a pod that does not run yet.
async fn not_yet<T>(state: State) -> Check<T> {
    match state {
        State::Stuck(why) => Check::Fatal(anyhow::Error::msg(why)),
        State::Runs(why) | State::Waits(why) | State::Unscheduled(why) => {
            pause(LOOK).await;
            Check::NotYet(why)
        }
    }
}

fn failed(image: &str, error: &anyhow::Error) -> anyhow::Error {
    let what = format!("failed to start {image} as a pod of the cluster");
    let hint = "the cluster pulls chartgate's own images from `--image-registry`; `--keep` leaves the pod for a look";
    Environment::because(&what, error, hint).into()
}

/// A pod's name, of a server's: names of servers are not names of objects.
fn pod_name(server: &str) -> String {
    let plain: String =
        server.to_lowercase().chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit()).collect();
    format!("{}-{}", if plain.is_empty() { "server" } else { &plain[..plain.len().min(40)] }, random::text(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a server whose name no object may have never starts, or meets another one.
    #[test]
    fn a_servers_name_becomes_one_that_a_pod_may_have() {
        let (first, second) = (pod_name("Schema_Registry"), pod_name("schema-registry"));
        assert!(first.starts_with("schemaregistry-") && second.starts_with("schemaregistry-"), "{first} {second}");
        assert_ne!(first, second);
        assert!(pod_name("_").starts_with("server-"));
    }
}
