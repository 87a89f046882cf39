//! One cluster: made by kind, found again, or a user's own; given images.

mod config;
mod images;
mod network;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_process::home::{self, Environment};
use chartgate_process::tool::Tool;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::api::{Patch, PatchParams};
use kube::runtime::conditions::is_deployment_completed;
use kube::runtime::wait::await_condition;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Mutex, OnceCell};

use super::containers::{REMOVAL, remove_containers};
use super::making::Making;
use super::provider::Progress;
use super::registry::Entry;
use super::{Access, Capabilities, KubeContext, MissingImage, NETWORK, audit, engine, namespace};
use config::{config, needs_cgroup_v1_patch};

pub(super) use config::Part;

/// Making a cluster takes about twenty seconds, each node more ten; a machine under load is several times slower.
const CREATE: Duration = Duration::from_secs(300);
/// A node's image is a gigabyte, and a slow line takes its time.
const PULL: Duration = Duration::from_secs(1800);
/// A node is ready about ten seconds after its start.
const NODE_READY: Duration = Duration::from_secs(120);
/// The cluster's DNS is up a few seconds after the node.
const DNS: Duration = Duration::from_secs(90);
/// A cluster's node takes a gigabyte, its images and the kubelet's margin the rest.
pub const ROOM: u64 = 3 << 30;

/// A cluster that runs.
pub struct Cluster {
    name: String,
    kubeconfig: PathBuf,
    nodes: Vec<String>,
    client: kube::Client,
    /// Notes which images it has; `None`: the cluster is one lease's own, and no one will ask again, or the user's, who may
    /// change it meanwhile.
    entry: Option<std::sync::Arc<Entry>>,
    /// `ID REFERENCE` of the images that all nodes have.
    loaded: Mutex<BTreeSet<String>>,
    /// What came of pulling an image; `None`: it is there.
    tried: Mutex<BTreeMap<String, Option<MissingImage>>>,
    /// Set once names are resolved in it.
    dns: OnceCell<()>,
}

/// What is noted of the shared cluster once it is up.
#[derive(Serialize, Deserialize)]
struct Note {
    nodes: Vec<String>,
}

impl Cluster {
    /// The broker's shared cluster: the one that was kept if it still runs, else a new one.
    pub async fn shared(
        entry: std::sync::Arc<Entry>,
        node_image: &str,
        kubernetes: &str,
        progress: &Progress,
    ) -> Result<Self> {
        let (name, kubeconfig) = (entry.name(), entry.file("kubeconfig"));
        if let Some(note) = entry.read::<Note>("cluster") {
            if engine::are_running(&note.nodes).await
                && let Ok(client) = namespace::client(&kubeconfig).await
                && client.apiserver_version().await.is_ok()
            {
                let loaded = Mutex::new(entry.read("images").unwrap_or_default());
                let nodes = note.nodes;
                return Ok(Self {
                    name,
                    kubeconfig,
                    nodes,
                    client,
                    entry: Some(entry),
                    loaded,
                    tried: Mutex::default(),
                    dns: OnceCell::new(),
                });
            }
            // A restarted node does not correct its address: it is made anew. The server stays where it is.
            progress.say(format!("removing cluster {name}, which no longer runs"));
            remove_nodes(&name).await?;
            entry.erase("cluster");
            entry.erase("images");
        }
        let mut cluster = Self::create(&name, kubeconfig, 1, node_image, kubernetes, progress).await?;
        entry.write("cluster", &Note { nodes: cluster.nodes.clone() })?;
        cluster.entry = Some(entry);
        Ok(cluster)
    }

    /// Makes a cluster. Its name is registered already.
    pub async fn create(
        name: &str,
        kubeconfig: PathBuf,
        nodes: u8,
        node_image: &str,
        kubernetes: &str,
        progress: &Progress,
    ) -> Result<Self> {
        let kind = home::tool("kind", home::version("KIND")?)?;
        let engine = engine::with_room(ROOM).await?;
        pull_node_image(node_image, progress).await?;
        let creating = format!("creating cluster {name} (Kubernetes {kubernetes}, nodes: {nodes})");
        progress.say(creating.as_str());
        let making = std::sync::Mutex::new(Making::new(creating, nodes));
        let progress = progress.clone();
        let parts = parts(name, &kubeconfig, node_image, kubernetes).await?;
        let is_cgroup_v1 = engine.is_cgroup_v1 && needs_cgroup_v1_patch(kubernetes);
        let create = Tool::new("kind", &kind)
            .args(["create", "cluster", "--name", name, "--image", node_image])
            .args(["--config", "-", "--kubeconfig"])
            .args([&kubeconfig])
            // It names the user's cluster: kind has no use for it when told where to write, and shall have none.
            .env("KUBECONFIG", &kubeconfig)
            .stdin(config(nodes, is_cgroup_v1, &parts).to_string())
            .deadline(CREATE)
            .telling(move |line| {
                if let Some(doing) = making.lock().unwrap_or_else(PoisonError::into_inner).hear(line) {
                    progress.say(doing);
                }
            });
        let first = network::turn().await?;
        create
            .run()
            .await
            .context(Environment::new(format!("failed to create cluster `{name}` from `{node_image}`")))?;
        drop(first);
        let client = namespace::client(&kubeconfig).await?;
        let nodes = node_names(name).await?;
        if nodes.len() == 1 {
            hasten_dns(client.clone())
                .await
                .with_context(|| format!("failed to set up the DNS of cluster `{name}`"))?;
            requests::lower_network(client.clone())
                .await
                .with_context(|| format!("failed to set up the network of cluster `{name}`"))?;
        }
        requests::raise_proxy(client.clone())
            .await
            .with_context(|| format!("failed to set up the proxy of cluster `{name}`"))?;
        open_low_ports(&nodes).await?;
        wait_for_nodes(&client, &nodes).await.context(Environment::new(format!("cluster `{name}` does not start")))?;
        Ok(Self {
            name: name.to_owned(),
            kubeconfig,
            nodes,
            client,
            entry: None,
            loaded: Mutex::default(),
            tried: Mutex::default(),
            dns: OnceCell::new(),
        })
    }

    /// The user's cluster. If it is one of kind's on the local engine, it is used as our own are.
    pub async fn existing(entry: &Entry, context: &KubeContext, progress: &Progress) -> Result<Self> {
        progress.say(format!("asking for the cluster of context {}", context.name()));
        let kubeconfig = entry.file("kubeconfig");
        context.write(&kubeconfig)?;
        context.version().await?;
        let (client, nodes) = (namespace::client(&kubeconfig).await?, context.nodes().await?);
        if !nodes.is_empty() {
            entry.has_containers()?;
        }
        let name = context.name().to_owned();
        Ok(Self {
            name,
            kubeconfig,
            nodes,
            client,
            entry: None,
            loaded: Mutex::default(),
            tried: Mutex::default(),
            dns: OnceCell::new(),
        })
    }

    /// The name that kind gave it, or the user its context.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a run may rely on: it is a kind cluster of the local engine, or nothing is known of it.
    pub fn capabilities(&self) -> Capabilities {
        if self.nodes.is_empty() { Capabilities::UNKNOWN } else { Capabilities::KIND }
    }

    /// Waits until names are resolved in it. Pods that start earlier cannot find each other.
    pub async fn dns(&self, progress: &Progress) -> Result<()> {
        // Elsewhere it may be called otherwise.
        if !self.capabilities().own_dns {
            return Ok(());
        }
        let wait = async {
            progress.say(format!("waiting for the DNS of cluster {}", self.name));
            let deployments: Api<Deployment> = Api::namespaced(self.client(), "kube-system");
            let ready = await_condition(deployments, "coredns", is_deployment_completed());
            let ready = tokio::time::timeout(DNS, ready).await.context(Environment::new(format!(
                "the DNS of cluster `{}` did not start in {} s",
                self.name,
                DNS.as_secs()
            )));
            ready?.map(drop).context("failed to watch deployment/coredns")
        };
        // On the heap: a watch is a large future, and each lease's holds this one.
        Box::pin(self.dns.get_or_try_init(|| wait)).await.copied()
    }

    /// How to reach it.
    pub fn access(&self, missing_images: Vec<MissingImage>) -> Access {
        Access {
            name: self.name.clone(),
            kubeconfig: self.kubeconfig.clone(),
            network: NETWORK.to_owned(),
            capabilities: self.capabilities(),
            nodes: self.nodes.clone(),
            missing_images,
        }
    }

    /// A client of it.
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }
}

/// The files of chartgate that a node reads. An engine that does not see them makes a cluster as kind does by itself: its programs request more,
/// and nothing is kept of what pods ask for.
async fn parts(name: &str, kubeconfig: &Path, node_image: &str, kubernetes: &str) -> Result<Vec<Part>> {
    let parts = audit::part(kubernetes, kubeconfig)?.into_iter().chain([requests::part(kubeconfig)?]).collect();
    let folder = kubeconfig.parent().context("a kubeconfig is in a folder")?;
    let sees = engine::sees(folder, node_image, &format!("{name}-look")).await;
    Ok(if sees.context("failed to ask the engine whether it sees our files")? { parts } else { Vec::new() })
}

/// Pulls the image of a node, unless the engine has it.
async fn pull_node_image(reference: &str, progress: &Progress) -> Result<()> {
    if engine::has_image(reference).await {
        return Ok(());
    }
    progress.say(format!("pulling {reference}"));
    engine::pull(reference, PULL).await?.map_err(|said| {
        let what = format!("the node image `{reference}` is not there, and cannot be pulled: {}", said.trim());
        Environment::hinted(what, "`chartgate setup` builds one where no registry answers").into()
    })
}

/// Removes a cluster: its nodes with their volumes. That is all that `kind delete cluster` does beside editing a kubeconfig.
pub async fn remove(name: &str, kubeconfig: &Path) -> Result<()> {
    remove_containers(name).await?;
    // It was never written if the making failed.
    std::fs::remove_file(kubeconfig).ok();
    Ok(())
}

async fn remove_nodes(name: &str) -> Result<()> {
    let nodes = node_names(name).await?;
    if nodes.is_empty() { Ok(()) } else { engine::remove(&nodes, REMOVAL).await?.done() }
}

/// Has the DNS's readiness looked at each second. Its first probe often comes too early, and the next is ten seconds later. What two
/// replicas would request of the node is left to the scenarios: one answers all of them with little.
///
/// kind has not waited for the node, so the pods that this replaces have not been started. With several nodes they have: a
/// new one on a node that just joined may begin before that node knows the API server's address, and then hangs for 30 s.
async fn hasten_dns(client: kube::Client) -> Result<()> {
    let deployments: Api<Deployment> = Api::namespaced(client, "kube-system");
    let container =
        json!({"name": "coredns", "readinessProbe": {"periodSeconds": 1}, "resources": {"requests": {"cpu": "25m"}}});
    let patch = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}}});
    deployments.patch("coredns", &PatchParams::default(), &Patch::Strategic(patch)).await?;
    Ok(())
}

/// Lets any user of a node's own network listen on a port below 1024: a stub image has one user for all applications.
async fn open_low_ports(nodes: &[String]) -> Result<()> {
    for node in nodes {
        let setting = ["sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=0"];
        engine::exec_privileged(node, setting).run().await?;
    }
    Ok(())
}

async fn wait_for_nodes(client: &kube::Client, nodes: &[String]) -> Result<()> {
    let is_ready = |node: Option<&Node>| {
        let conditions = node.and_then(|node| node.status.as_ref()).and_then(|status| status.conditions.as_deref());
        conditions.unwrap_or_default().iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    for node in nodes {
        let ready = Box::pin(await_condition(Api::all(client.clone()), node, is_ready));
        let waited = || format!("waited {} s for node/{node} to be ready", NODE_READY.as_secs());
        tokio::time::timeout(NODE_READY, ready).await.with_context(waited)?.with_context(waited)?;
    }
    Ok(())
}

/// The nodes' containers, the control plane first.
async fn node_names(cluster: &str) -> Result<Vec<String>> {
    let mut names = engine::containers(&format!("label=io.x-k8s.kind.cluster={cluster}"), "{{.Names}}").await?;
    names.sort_by_key(|name| (!name.contains("control-plane"), name.clone()));
    Ok(names)
}
