//! What stands around a release: its namespace, Secrets, servers and databases, the recorder and the prober.

mod databases;
mod servers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_cluster::backing;
use chartgate_cluster::{Lease, Place};
use chartgate_k8s::object::{kind, name};
use chartgate_k8s::ready;
use chartgate_k8s::typed::Object;
use chartgate_model::plan::{Backing, Plan};
use chartgate_process::home;
use chartgate_scenario::fill;
use k8s_openapi::api::core::v1::{LimitRange, Node as KubernetesNode, ResourceQuota, Secret};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::namespace::create as create_namespace;
use super::network::{self, Network};
use super::{Options, PullSecret, balancer, demand, early, one_store};
use crate::progress::Progress;
use crate::record::prober::{Prober, Seat};
use crate::record::watch::Namespace;
use crate::record::{Mode, Moment, Node, Timeline, logs, watch};
use databases::Databases;
use servers::Servers;
pub use servers::ServersAt;

/// Names that may stand in `{{…}}`, and what they stand for.
pub type Templates = BTreeMap<String, String>;

/// An API server that restarts takes half a minute.
const BACK_LIMIT: Duration = Duration::from_secs(120);
/// A watch shows what was made within milliseconds; a busy machine takes its time.
const SEEN_LIMIT: Duration = Duration::from_secs(60);

/// Where a scenario runs.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The cluster.
    pub lease: &'a Lease,
    /// The release's namespace.
    pub ns: &'a str,
    /// Where its servers run.
    pub servers: &'a ServersAt,
}

/// Everything that a step needs besides helm.
pub struct Stage {
    templates: Templates,
    /// The scenario's own databases.
    pub databases: Databases,
    /// Where each server of the scenario's own runs, by its name in the plan.
    pub servers: BTreeMap<String, Place>,
    /// The namespace as it is now.
    pub namespace: Namespace,
    /// Asks the release's pods.
    pub prober: Prober,
    /// Asks the pods that a `NetworkPolicy` guards; `None`: no policy of the release is about a role that serves.
    guards: Option<Network>,
    timeline: Timeline,
    /// Says what is waited for.
    pub progress: Progress,
    tasks: [JoinSet<()>; 2],
    /// The cluster.
    pub client: Client,
    /// The whole version of Kubernetes that the cluster runs, for example `v1.34.4`.
    pub kubernetes: String,
    /// How to reach the cluster.
    pub kubeconfig: PathBuf,
    /// The release's namespace.
    pub ns: String,
    /// Nobody else uses the cluster.
    pub owns_cluster: bool,
    /// The cluster's nodes.
    pub nodes: Vec<Node>,
    /// The cluster has controllers besides Kubernetes' own and the release's: it is the user's, or the plan requires some.
    pub has_other_controllers: bool,
    /// How long an obstacle that does not pass by itself is watched before it ends a step.
    pub patience: Duration,
    /// With what the cluster pulls chartgate's own images; `None`: without.
    pull_secret: Option<PullSecret>,
}

impl Stage {
    /// Sets everything up; when this returns, the recorder watches and the first step may run.
    pub async fn set(
        plan: &Plan,
        options: &Options,
        ground: &Ground<'_>,
        mut versions: BTreeMap<&'static str, String>,
        timeline: &Timeline,
        progress: &Progress,
    ) -> Result<Self> {
        let Ground { lease, ns, .. } = *ground;
        let client = chartgate_cluster::client(&lease.cluster.kubeconfig).await?;
        let version = client.apiserver_version().await.context("ask the API server for its version")?;
        let kubernetes = version.git_version;
        versions.insert("kubernetes", kubernetes.clone());
        versions.extend(node_versions(&client).await);
        timeline.start(ns, Mode::Run, lease.cluster.capabilities.single_etcd, versions);
        let nodes = early::nodes(&client).await;
        let has_other_controllers = options.context.is_some() || !plan.requires.is_empty();
        timeline.append(Moment::Cluster { nodes: nodes.clone(), has_other_controllers });
        let beside = beside(ns);
        let mut tasks = JoinSet::new();
        let mut prober_tasks = JoinSet::new();
        let (image, labels) = (home::prober()?, network::pod_labels(plan));
        let seat = Seat { ns: &beside, name: "prober", labels: &labels, image: &image, millicores: demand::PROBER };
        let release = async {
            create_namespace(&client, lease, ns, plan.namespace_labels.clone(), plan).await?;
            anyhow::Ok(watch::start(&client, ns, timeline, &mut tasks).await)
        };
        let prober = async {
            create_namespace(&client, lease, &beside, network::namespace_labels(plan), plan).await?;
            if let Some(secret) = &options.pull_secret {
                secret.give(&client, &beside, timeline.redactor()).await?;
            }
            // Who may not, or is refused, has a recording that proves no order.
            if !lease.cluster.capabilities.single_etcd
                && one_store::is_so(&client, &beside, &image).await.unwrap_or_default()
            {
                timeline.append(Moment::OneStore);
            }
            // Its pod starts while the release does: the first question is asked after that.
            Prober::launch(&client, &seat, timeline, &mut prober_tasks)
        };
        let servers = async {
            let servers = Servers::provide(plan, options, ground, &client, timeline.redactor()).await?;
            let databases = Databases::set(plan, servers.postgres.as_ref(), lease, timeline).await?;
            anyhow::Ok((servers.own, databases))
        };
        // On the heap, as every future that holds much.
        let ((servers, databases), namespace, prober) = tokio::try_join!(Box::pin(servers), release, prober)?;
        let mut templates = known_templates(plan, ns);
        templates.extend(databases.templates());
        for (name, server) in &servers {
            let variables = backing::variables(&plan.backing[name], &server.host, server.port).into_iter();
            templates.extend(variables.map(|(field, value)| (format!("{name}.{field}"), value)));
        }
        create_secrets(&client, ns, plan, &templates, timeline).await?;
        tasks.spawn(logs::follow(client.clone(), ns.to_owned(), namespace.clone(), timeline.clone()));
        if !lease.cluster.capabilities.load_balancers {
            let grace = if options.context.is_some() { balancer::GRACE } else { Duration::ZERO };
            tasks.spawn(balancer::answer(client.clone(), ns.to_owned(), namespace.clone(), timeline.clone(), grace));
        }
        let stage = Self {
            templates,
            databases,
            servers: servers.into_iter().map(|(name, server)| (name, server.place)).collect(),
            namespace,
            prober,
            guards: None,
            timeline: timeline.clone(),
            progress: progress.clone(),
            tasks: [tasks, prober_tasks],
            client,
            kubernetes,
            kubeconfig: lease.cluster.kubeconfig.clone(),
            ns: ns.to_owned(),
            owns_cluster: lease.is_own(),
            nodes,
            has_other_controllers,
            patience: options.patience,
            pull_secret: options.pull_secret.clone(),
        };
        // What is made here is on the timeline before the first step, and is not taken for what that applied.
        let unseen = || {
            let name = plan.secrets.keys().find(|name| stage.namespace.get("Secret", name).is_none())?;
            Some(format!("the watch has not shown the new secret/{name} yet"))
        };
        stage.wait(Instant::now() + SEEN_LIMIT, unseen).await.map_err(anyhow::Error::msg)?;
        Ok(stage)
    }

    /// Lets the cluster show whether it enforces `NetworkPolicy`, and asks pods that one guards from now on.
    pub async fn guard(&mut self, plan: &Plan, lease: &Lease) -> Result<()> {
        let [_, tasks] = &mut self.tasks;
        let pull_secret = self.pull_secret.as_ref();
        let place = network::Place { client: &self.client, lease, ns: &self.ns, timeline: &self.timeline, pull_secret };
        self.guards = Some(Network::set(plan, &place, self.prober.clone(), tasks).await?);
        Ok(())
    }

    /// The namespace of chartgate's own beside the release's.
    pub fn beside(&self) -> String {
        beside(&self.ns)
    }

    /// The namespace of servers that are pods; there is none where none is.
    pub fn of_servers(&self) -> String {
        servers::namespace(&self.ns)
    }

    /// Whether the release's namespace counts what pods request.
    pub async fn counts_resources(&self) -> Result<bool> {
        let one = ListParams::default().limit(1);
        let quotas: Api<ResourceQuota> = Api::namespaced(self.client.clone(), &self.ns);
        let limits: Api<LimitRange> = Api::namespaced(self.client.clone(), &self.ns);
        let (quotas, limits) = tokio::try_join!(quotas.list(&one), limits.list(&one)).context("look for quotas")?;
        Ok(!quotas.items.is_empty() || !limits.items.is_empty())
    }

    /// What asks pods that a `NetworkPolicy` guards.
    pub fn guards(&self) -> Option<&Network> {
        self.guards.as_ref()
    }

    /// What `{{…}}` stands for.
    pub fn templates(&self) -> &Templates {
        &self.templates
    }

    /// Waits until everything is seen as it is: an API server that was away has to come back first.
    ///
    /// # Errors
    /// If it does not.
    pub async fn until_seen(&self) -> Result<()> {
        let waited = || format!("the API server did not answer the watches for {} s", BACK_LIMIT.as_secs());
        timeout(BACK_LIMIT, self.namespace.until_live()).await.with_context(waited)
    }

    /// Waits until every workload of the manifest is ready by the harness's own rule; the error says what is not.
    pub async fn settle(&self, manifest: &[Value], deadline: Instant) -> Result<(), String> {
        let failed = || self.jobs(manifest).find(|job| job.has_condition("Failed"));
        // A Job that failed does not become ready any more.
        self.wait(deadline, || self.not_ready(manifest).filter(|_| failed().is_none())).await?;
        failed().map_or(Ok(()), |_| self.not_ready(manifest).map_or(Ok(()), Err))
    }

    /// The Jobs of a manifest that are there.
    fn jobs<'a>(&'a self, manifest: &'a [Value]) -> impl Iterator<Item = Arc<Object>> + 'a {
        let jobs = manifest.iter().filter(|object| kind(object) == "Job");
        jobs.filter_map(|job| self.namespace.get("Job", name(job)))
    }

    /// Waits until nothing keeps the namespace from being as it is to be; the error says what does.
    pub async fn wait(&self, deadline: Instant, what_is_wrong: impl Fn() -> Option<String>) -> Result<(), String> {
        let mut changes = self.namespace.changes();
        loop {
            changes.mark_unchanged();
            let Some(why) = what_is_wrong() else { return Ok(()) };
            self.tell(&why);
            match timeout_at(deadline, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(format!("{why} (and the watches ended)")),
                Err(_) => return Err(why),
            }
        }
    }

    /// Says what is waited for, or seen meanwhile.
    pub fn tell(&self, what: &str) {
        self.progress.detail(self.timeline.redactor().redact(what));
    }

    /// What keeps a workload of the manifest from being ready. Another namespace is helm's to look at.
    pub fn not_ready(&self, manifest: &[Value]) -> Option<String> {
        let all = self.namespace.all();
        let all: Vec<&Object> = all.iter().map(Arc::as_ref).collect();
        let is_ours = |object: &Object| ready::is_workload(object) && ready::is_in(&self.ns, object);
        manifest.iter().cloned().map(Object::from).filter(is_ours).find_map(|object| {
            match self.namespace.get(object.kind(), object.name()) {
                None if ready::goes_when_done(&object) => None,
                None => Some(format!("{} does not exist", object.slashed())),
                Some(live) => ready::not_ready(&live, &all),
            }
        })
    }

    /// Waits until the pods of these selectors that are on their way out are gone, for `limit` at most.
    pub async fn until_drained(&self, selectors: &[&str], limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut changes = self.namespace.changes();
        loop {
            changes.mark_unchanged();
            let is_leaving =
                |pod: &Object| pod.is_terminating() && selectors.iter().any(|selector| pod.is_selected(selector));
            let is_drained = !self.namespace.of_kind("Pod").iter().any(|pod| is_leaving(pod));
            if is_drained || !matches!(timeout_at(deadline, changes.changed()).await, Ok(Ok(()))) {
                return;
            }
        }
    }

    /// What is wrong with the namespace's pods, a line each.
    pub fn troubles(&self) -> String {
        let pods = self.namespace.of_kind("Pod");
        let lines = pods.iter().filter_map(|pod| Some(format!("pod/{}: {}", pod.name(), ready::trouble(pod)?)));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Ends the recording: what was seen until now is on the timeline when this returns.
    pub async fn strike(mut self) -> Result<()> {
        self.databases.settle().await?;
        for tasks in &mut self.tasks {
            tasks.shutdown().await;
        }
        self.databases.finish().await;
        Ok(())
    }
}

/// The namespace of chartgate's own beside a release's.
pub fn beside(ns: &str) -> String {
    format!("{ns}-prober")
}

/// What the nodes run besides Kubernetes; nothing, where we may not look at them.
async fn node_versions(client: &Client) -> BTreeMap<&'static str, String> {
    let nodes = Api::<KubernetesNode>::all(client.clone()).list(&ListParams::default().limit(1)).await;
    let info = nodes.ok().and_then(|nodes| nodes.items.into_iter().next()?.status?.node_info);
    let described = info.map(|info| {
        [
            ("architecture", info.architecture),
            ("container-runtime", info.container_runtime_version),
            ("kernel", info.kernel_version),
            ("node-os", info.os_image),
        ]
    });
    described.into_iter().flatten().collect()
}

/// What is known before any server runs.
fn known_templates(plan: &Plan, ns: &str) -> Templates {
    let images = home::images().into_iter().map(|(name, reference)| (format!("image.{name}"), reference));
    let named = [("release", plan.release.clone()), ("namespace", ns.to_owned())];
    named.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(images).collect()
}

/// Stand-ins for what is only known once servers run, so that a chart can be rendered before.
pub fn placeholders(plan: &Plan, ns: &str) -> Templates {
    let mut templates = known_templates(plan, ns);
    for (name, backing) in &plan.backing {
        if *backing != Backing::Postgres {
            let variables = backing::variables(backing, "server.invalid", 1).into_iter();
            templates.extend(variables.map(|(field, value)| (format!("{name}.{field}"), value)));
            continue;
        }
        let known = [
            ("url", "postgres://user:password@server.invalid:5432/database"),
            ("host", "server.invalid"),
            ("port", "5432"),
            ("user", "user"),
            ("password", "password"),
            ("database", "database"),
        ];
        templates.extend(known.map(|(field, value)| (format!("{name}.{field}"), value.to_owned())));
    }
    templates
}

async fn create_secrets(
    client: &Client,
    ns: &str,
    plan: &Plan,
    templates: &Templates,
    timeline: &Timeline,
) -> Result<()> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), ns);
    for (name, data) in &plan.secrets {
        let data = fill(&json!(data), templates).with_context(|| format!("fill in secret/{name}"))?;
        for (key, value) in data.as_object().into_iter().flatten() {
            timeline.redactor().add_entry(key, value.as_str().unwrap_or_default().as_bytes());
        }
        let secret = json!({"metadata": {"name": name}, "stringData": data});
        let secret: Secret = serde_json::from_value(secret).context("describe a Secret")?;
        secrets.create(&PostParams::default(), &secret).await.with_context(|| format!("create secret/{name}"))?;
    }
    Ok(())
}
