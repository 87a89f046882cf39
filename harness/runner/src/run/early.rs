//! The end of a step as soon as it is certain that it cannot succeed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use chartgate_k8s::typed::Object;
use chartgate_model::plan::{Expect, Plan, Step};
use chartgate_process::home::Environment;
use k8s_openapi::api::core::v1::{Node as KubernetesNode, Pod};
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::stage::Stage;
use crate::helm::Helm;
use crate::record::Node;
use chartgate_k8s::object::quantity;
use chartgate_model::obstacle::scheduling::cpu_of;
use chartgate_model::obstacle::{Blame, Obstacle, Scene, obstacles};

/// How long an obstacle that does not pass by itself is watched before it ends the step, where the user names no other time: longer
/// than a controller takes to see what was made meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Namespaces of what a kind cluster itself consists of.
const SYSTEM: [&str; 2] = ["kube-system", "local-path-storage"];

/// Who knows what a release consists of while a step changes it.
pub enum Release<'a> {
    /// Helm, which notes it before it makes the first object.
    Helm { plan: &'a Plan, helm: &'a Helm },
    /// It was rendered, and is made without helm.
    Rendered(&'a [Value]),
}

impl Release<'_> {
    /// Its manifest and its hooks.
    async fn objects(&self) -> Result<Vec<Value>> {
        let (plan, helm) = match self {
            Self::Helm { plan, helm } => (plan, helm),
            Self::Rendered(objects) => return Ok(objects.to_vec()),
        };
        let Some(status) = helm.status(&plan.release).await? else { return Ok(Vec::new()) };
        let hooks = status.hooks.iter().map(|hook| hook.manifest.as_str());
        let all: Vec<_> =
            hooks.chain([status.manifest.as_str()]).map(chartgate_yaml::objects).collect::<Result<_>>()?;
        Ok(all.concat())
    }
}

/// Looks for what a step cannot get over.
pub struct Early<'a> {
    stage: &'a Stage,
    release: Release<'a>,
    /// What stood in the way of pods before the step: the step may clear it away.
    before: BTreeSet<String>,
}

impl<'a> Early<'a> {
    /// Begins to look at a step. `None`: the step is to fail, or is taken back by helm itself.
    pub fn of(step: &Step, stage: &'a Stage, release: Release<'a>) -> Option<Self> {
        let is_left_alone = step.expect != Expect::Succeeds || step.rolls_back;
        (!is_left_alone).then(|| {
            let objects = stage.namespace.all();
            let before = found(&objects, None, stage).into_iter().map(|obstacle| obstacle.uid).collect();
            Self { stage, release, before }
        })
    }

    /// Resolves with what keeps a pod of the release from starting and does not pass by itself, once it has stood for as long as the
    /// user's patience.
    pub async fn certain(&self) -> Result<Obstacle> {
        let mut changes = self.stage.namespace.changes();
        let mut made: Option<Vec<Value>> = None;
        let mut standing: Option<(String, Instant)> = None;
        loop {
            changes.mark_unchanged();
            let objects = self.stage.namespace.all();
            let mut all = found(&objects, made.as_deref(), self.stage).into_iter();
            let certain = all.find(|obstacle| obstacle.is_certain() && !self.before.contains(&obstacle.uid));
            let deadline = match (certain, &standing) {
                (None, _) => {
                    standing = None;
                    None
                }
                (Some(obstacle), Some((uid, end))) if *uid == obstacle.uid => {
                    if Instant::now() >= *end {
                        // Only helm knows all that the release makes; it is asked once.
                        if made.is_some() {
                            return Ok(obstacle);
                        }
                        made = Some(self.release.objects().await?);
                        continue;
                    }
                    Some(*end)
                }
                (Some(obstacle), _) => {
                    let end = Instant::now() + self.stage.patience;
                    standing = Some((obstacle.uid, end));
                    Some(end)
                }
            };
            let changed = match deadline {
                Some(deadline) => timeout_at(deadline, changes.changed()).await.unwrap_or(Ok(())),
                None => changes.changed().await,
            };
            if changed.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// # Errors
    /// [`Environment`] if a pod of a release that did not become ready lacks what only the machine could give it.
    pub async fn check_machine(&self) -> Result<()> {
        let release = self.release.objects().await?;
        let found = found(&self.stage.namespace.all(), Some(&release), self.stage);
        let is_machines = |obstacle: &Obstacle| obstacle.blame == Blame::Machine && !self.stage.has_other_controllers;
        match found.into_iter().find(is_machines) {
            Some(Obstacle { why, hint, .. }) => Err(Environment::hinted(why, hint).into()),
            None => Ok(()),
        }
    }
}

/// What is certain to keep a step from succeeding; it never resolves for a step that is left alone.
pub async fn certain(early: Option<&Early<'_>>) -> Result<Obstacle> {
    match early {
        Some(early) => early.certain().await,
        None => std::future::pending().await,
    }
}

/// All that stands in the way of pods. Without knowing the release, every workload is taken for its own.
fn found(objects: &[Arc<Object>], release: Option<&[Value]>, stage: &Stage) -> Vec<Obstacle> {
    let made: Option<Vec<Object>> = release.map(|release| release.iter().cloned().map(Object::from).collect());
    let objects: Vec<&Object> = objects.iter().map(Arc::as_ref).collect();
    let release: Vec<&Object> = made.as_ref().map_or_else(|| objects.clone(), |made| made.iter().collect());
    obstacles(&Scene {
        objects: &objects,
        release: &release,
        nodes: &stage.nodes,
        has_other_controllers: stage.has_other_controllers,
    })
}

/// The cluster's nodes, and the CPU that they have besides what the cluster itself requests; none, where we may not look at them.
pub async fn nodes(client: &Client) -> Vec<Node> {
    let all = ListParams::default();
    let (nodes, pods) = (Api::<KubernetesNode>::all(client.clone()), Api::<Pod>::all(client.clone()));
    let (Ok(nodes), Ok(pods)) = tokio::join!(nodes.list(&all), pods.list(&all)) else { return Vec::new() };
    let is_system = |pod: &&Pod| pod.metadata.namespace.as_deref().is_some_and(|ns| SYSTEM.contains(&ns));
    let pods: Vec<(Option<String>, u64)> = pods
        .iter()
        .filter(is_system)
        .filter_map(|pod| {
            let spec = pod.spec.as_ref()?;
            Some((spec.node_name.clone(), cpu_of(spec)))
        })
        .collect();
    let described = nodes.into_iter().map(|node| {
        let allocatable = node.status.and_then(|status| status.allocatable?.remove("cpu")).map(|cpu| cpu.0);
        let allocatable = allocatable.and_then(|cpu| quantity(&cpu)).unwrap_or_default();
        let name = node.metadata.name.unwrap_or_default();
        let taken: u64 = pods.iter().filter(|(on, _)| on.as_deref() == Some(&name)).map(|(_, cpu)| cpu).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a node has some cores")]
        let millicores = ((allocatable * 1000.0) as u64).saturating_sub(taken);
        Node { name, labels: node.metadata.labels.unwrap_or_default(), millicores }
    });
    described.collect()
}
