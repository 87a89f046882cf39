//! A server in a pod of the leased cluster: how it is asked.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::exec::output_in;
use super::numbered;
use super::place::{Heard, Stream};
use crate::namespace;

/// The server's container.
pub(super) const CONTAINER: &str = "server";

/// A pod with a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerPod {
    /// How to reach its cluster.
    pub(super) kubeconfig: PathBuf,
    pub(super) ns: String,
    pub(super) name: String,
}

impl ServerPod {
    pub(super) async fn output(&self, command: Vec<String>) -> Result<String> {
        output_in(&self.pods().await?, &self.name, CONTAINER, &command).await
    }

    /// A connection through the API server: no policy stands in its way, and no Service.
    pub(super) async fn open(&self, port: u16) -> Result<Box<dyn Stream>> {
        let mut forwarder = self.pods().await?.portforward(&self.name, &[port]).await?;
        let stream = forwarder.take_stream(port).context("the port is not forwarded")?;
        Ok(Box::new(stream))
    }

    pub(super) async fn follow_log(&self) -> Result<mpsc::Receiver<Heard>> {
        Ok(numbered::follow(self.pods().await?, self.name.clone()))
    }

    async fn pods(&self) -> Result<Api<Pod>> {
        Ok(Api::namespaced(namespace::client(&self.kubeconfig).await?, &self.ns))
    }
}

impl fmt::Display for ServerPod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod/{} of namespace `{}`", self.name, self.ns)
    }
}
