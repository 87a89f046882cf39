//! Pods that are about to start on this node: their addresses are known here before the API server knows them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Pod, PodIP};
use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// Where the plugin tells the enforcer of a new pod; the enforcer's container mounts the folder.
pub const SOCKET: &str = "/run/network-policy/arrivals";

/// What the plugin tells of a pod.
#[derive(Serialize, Deserialize)]
pub struct Arrival {
    /// The pod's UID.
    pub uid: String,
    /// The addresses that it was given.
    pub addresses: Vec<IpAddr>,
}

/// The pods that wait, and the addresses of those that waited.
pub struct Arrivals {
    incoming: mpsc::UnboundedReceiver<(Arrival, UnixStream)>,
    waiting: Vec<(Arrival, UnixStream)>,
    addresses: HashMap<String, Vec<IpAddr>>,
}

impl Arrivals {
    /// Listens for the plugin.
    pub fn listen() -> Result<Self> {
        // A listener that was killed left its socket behind.
        drop(std::fs::remove_file(SOCKET));
        let listener = UnixListener::bind(SOCKET).with_context(|| format!("listen on `{SOCKET}`"))?;
        let (sender, incoming) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream, sender.clone()));
            }
        });
        Ok(Self { incoming, waiting: Vec::new(), addresses: HashMap::new() })
    }

    /// Waits until a pod arrives.
    pub async fn next(&mut self) {
        match self.incoming.recv().await {
            Some(arrival) => self.waiting.push(arrival),
            // The listener is gone with its descriptor; the watches go on.
            None => std::future::pending().await,
        }
    }

    /// The pods with the addresses of those that arrived, which are newer than what the pods' status says.
    pub fn join(&mut self, pods: Vec<Arc<Pod>>) -> Vec<Arc<Pod>> {
        let known: HashSet<_> = pods.iter().filter_map(|pod| pod.uid()).collect();
        self.addresses.retain(|uid, _| known.contains(uid));
        for (arrival, _) in self.waiting.iter().filter(|(arrival, _)| known.contains(&arrival.uid)) {
            self.addresses.insert(arrival.uid.clone(), arrival.addresses.clone());
        }
        pods.into_iter().map(|pod| self.with_addresses(pod)).collect()
    }

    fn with_addresses(&self, pod: Arc<Pod>) -> Arc<Pod> {
        let Some(addresses) = pod.metadata.uid.as_ref().and_then(|uid| self.addresses.get(uid)) else { return pod };
        let mut pod = Pod::clone(&pod);
        let addresses = addresses.iter().map(|address| PodIP { ip: address.to_string() });
        pod.status.get_or_insert_default().pod_ips = Some(addresses.collect());
        Arc::new(pod)
    }

    /// Lets the pods go that the loaded ruleset counts in. One that no watch has shown yet waits on.
    pub async fn admit(&mut self) {
        let is_counted = |(arrival, _): &mut (Arrival, UnixStream)| self.addresses.contains_key(&arrival.uid);
        for (_, mut stream) in self.waiting.extract_if(.., is_counted) {
            // A plugin that gave up asks again.
            drop(stream.write_all(b"admitted\n").await);
        }
    }
}

async fn receive(stream: UnixStream, arrivals: mpsc::UnboundedSender<(Arrival, UnixStream)>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.context("read an arrival");
    match read.and_then(|_| serde_json::from_str(&line).with_context(|| format!("parse the arrival `{line}`"))) {
        Ok(arrival) => drop(arrivals.send((arrival, stream.into_inner()))),
        Err(error) => eprintln!("{error:#}"),
    }
}
