//! Pods of chartgate's own that ask the release's pods where a `NetworkPolicy` guards them, and the proof that the cluster enforces one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chartgate_cluster::Lease;
use chartgate_k8s::typed::Object;
use chartgate_model::plan::Plan;
use chartgate_process::home;
use chartgate_process::wait::pause;
use chartgate_protocol::{Question, Reply, Scheme};
use futures::future::try_join_all;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::PullSecret;
use super::address::{address_of, host_and_port, name_of, state_of};
use super::namespace::create as create_namespace;
use super::sample::of_role;
use super::stage::Stage;
use crate::record::prober::{Prober, Seat};
use crate::record::{Answer, Asker, Moment, Reach, Timeline};
use chartgate_model::guard::{CLOSED_PORT, closed_ports, guarded_roles, guards, is_exclusive, promised_ports};

/// A network plugin follows a policy in milliseconds, and within seconds where it is busy.
const FOLLOW_LIMIT: Duration = Duration::from_secs(20);
/// Between two questions that are answered at once.
const FOLLOW_PAUSE: Duration = Duration::from_millis(50);
/// A connection that is refused takes a millisecond; one that is not answered in so long was dropped. The control, which is tried at
/// the same time, says if the asker itself was slow.
const DROPPED: Duration = Duration::from_secs(2);

/// Whether the pods of a role that serves are guarded by a policy among some objects, or are to be.
pub fn guards_a_role(plan: &Plan, objects: &[Value]) -> bool {
    let objects: Vec<Object> = objects.iter().cloned().map(Object::from).collect();
    !guarded_roles(plan, &objects.iter().collect::<Vec<_>>()).is_empty()
}

/// Labels of the prober's namespace: of those who may ask.
pub fn namespace_labels(plan: &Plan) -> BTreeMap<String, String> {
    plan.peers().flat_map(|peers| peers.namespace.clone()).collect()
}

/// Labels of the prober's pod: of those who may ask.
pub fn pod_labels(plan: &Plan) -> BTreeMap<String, String> {
    plan.peers().flat_map(|peers| peers.pods.clone()).collect()
}

/// Where these pods are made.
pub struct Place<'a> {
    /// The cluster.
    pub client: &'a Client,
    /// What owns the namespaces.
    pub lease: &'a Lease,
    /// The release's namespace.
    pub ns: &'a str,
    /// Where what is seen is noted.
    pub timeline: &'a Timeline,
    /// With what the cluster pulls chartgate's own images; `None`: without.
    pub pull_secret: Option<&'a PullSecret>,
}

/// Asks pods that a policy guards.
pub struct Network {
    askers: Vec<(Asker, Prober)>,
    /// A pod of chartgate's own where nothing listens and that nothing guards: who asks it is refused at once.
    control: String,
}

impl Network {
    /// Starts the pods, and lets the cluster show whether it enforces policies.
    pub async fn set(plan: &Plan, place: &Place<'_>, prober: Prober, tasks: &mut JoinSet<()>) -> Result<Self> {
        let (image, none, labels) = (home::prober()?, BTreeMap::new(), pod_labels(plan));
        let beside = format!("{}-prober", place.ns);
        let seat = |ns, name, labels| Seat { ns, name, labels, image: &image, millicores: 10 };
        let mark = BTreeMap::from([("chartgate.dev/guarded".to_owned(), "true".to_owned())]);
        let guarded = seat(&beside, "guarded", &mark).take(place.client).await?;
        let address = guarded.status.and_then(|status| status.pod_ip).context("read the address of pod/guarded")?;
        let control = host_and_port(&address, CLOSED_PORT);
        prove(place, &beside, &prober, &control).await?;
        let mut askers = vec![(Asker::Prober, prober)];
        if !labels.is_empty() {
            let seat = seat(&beside, "unlabelled", &none);
            askers.push((Asker::Unlabelled, Prober::start(place.client, &seat, place.timeline, tasks).await?));
        }
        if plan.peers().next().is_some() {
            let elsewhere = format!("{}-elsewhere", place.ns);
            create_namespace(place.client, place.lease, &elsewhere, BTreeMap::new(), plan).await?;
            if let Some(secret) = place.pull_secret {
                secret.give(place.client, &elsewhere, place.timeline.redactor()).await?;
            }
            let seat = seat(&elsewhere, "elsewhere", &labels);
            askers.push((Asker::Elsewhere, Prober::start(place.client, &seat, place.timeline, tasks).await?));
        }
        Ok(Self { askers, control })
    }

    /// Asks each ready pod that a policy guards, on the promised ports and others, as those who may and those who may not.
    pub async fn ask(
        &self,
        plan: &Plan,
        pods: &[Arc<Object>],
        step: usize,
        stage: &Stage,
        timeline: &Timeline,
    ) -> Result<()> {
        let policies = stage.namespace.of_kind("NetworkPolicy");
        let mut asked = Vec::new();
        for (role, serves, of) in
            plan.present_roles().filter_map(|(name, role)| Some((name, role.serves.as_ref()?, role)))
        {
            let pods = of_role(pods, of).filter_map(|pod| Some((pod, pod.pod()?)));
            for (pod, template) in pods.filter(|(_, pod)| policies.iter().any(|policy| guards(policy, *pod))) {
                let promised = promised_ports(serves, template);
                for port in promised.iter().copied().chain(closed_ports(serves, template)) {
                    for (asker, prober) in &self.askers {
                        let may_ask = *asker == Asker::Prober || !is_exclusive(serves);
                        let limit = if may_ask && promised.contains(&port) { Duration::ZERO } else { DROPPED };
                        asked.push(async move {
                            let before = state_of(stage, Some(&name_of(pod)));
                            let address = host_and_port(&address_of(pod), port);
                            let reply = connect(prober, address, Some(&self.control), limit).await?;
                            let after = state_of(stage, Some(&name_of(pod)));
                            anyhow::Ok(Moment::Reach(Reach {
                                step,
                                role: role.clone(),
                                pod: name_of(pod),
                                port,
                                asker: *asker,
                                answer: reply.answer,
                                control: reply.control.unwrap_or(Answer::Failed("nothing was asked".to_owned())),
                                ready_throughout: before.is_some() && before == after,
                            }))
                        });
                    }
                }
            }
        }
        for moment in try_join_all(asked).await? {
            timeline.append(moment);
        }
        Ok(())
    }
}

/// Tries a connection; no time limit is the prober's own.
async fn connect(prober: &Prober, address: String, control: Option<&String>, limit: Duration) -> Result<Reply> {
    let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let question = Question {
        id: 0,
        scheme: Scheme::default(),
        address,
        path: None,
        control: control.cloned(),
        session: None,
        limit_ms,
    };
    prober.ask(question).await
}

/// Asks a pod of chartgate's own before, under and after a policy that lets nobody ask it.
async fn prove(place: &Place<'_>, ns: &str, prober: &Prober, address: &str) -> Result<()> {
    let policies: Api<NetworkPolicy> = Api::namespaced(place.client.clone(), ns);
    let nobody = json!({
        "metadata": {"name": "nobody"},
        "spec": {"podSelector": {"matchLabels": {"chartgate.dev/guarded": "true"}}, "policyTypes": ["Ingress"]},
    });
    let nobody = serde_json::from_value(nobody).context("describe a policy")?;
    let before = answer_in_time(prober, address, &Answer::Refused).await?;
    policies.create(&PostParams::default(), &nobody).await.context("create a policy that lets nobody ask")?;
    let denied = answer_in_time(prober, address, &Answer::TimedOut).await?;
    policies.delete("nobody", &DeleteParams::default()).await.context("remove the policy that lets nobody ask")?;
    let after = answer_in_time(prober, address, &Answer::Refused).await?;
    place.timeline.append(Moment::Enforcement { before, denied, after });
    Ok(())
}

/// Asks until the answer is the awaited one, or the cluster had the time for it; the last answer.
async fn answer_in_time(prober: &Prober, address: &str, awaited: &Answer) -> Result<Answer> {
    let deadline = Instant::now() + FOLLOW_LIMIT;
    loop {
        let answer = connect(prober, address.to_owned(), None, DROPPED).await?.answer;
        if answer == *awaited || Instant::now() >= deadline {
            return Ok(answer);
        }
        pause(FOLLOW_PAUSE).await;
    }
}
