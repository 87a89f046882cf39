//! The samples after a step: which pods accept connections, and what they answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_base::random;
use chartgate_k8s::typed::{Object, OrEmpty};
use chartgate_model::plan::{Plan, Role, Serves};
use chartgate_process::wait::pause;
use chartgate_protocol::{Question, Reply, Scheme, Session};
use futures::future::{BoxFuture, try_join_all};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;
use tokio::time::Instant;

use super::address::{address_of, host_and_port, is_of_service, name_of, port_of, state_of};
use super::endpoints;
use super::route::until_routed;
use super::stage::Stage;
use super::words::at_step;
use crate::record::{Answer, Moment, Probe, StepOutcome, Timeline};

/// Each node hears of a Service's new pods on its own: in milliseconds, and within seconds where it is busy.
const ROUTE_LIMIT: Duration = Duration::from_secs(10);
/// What goes on changing after so many samples is judged as it is.
const SAMPLES: usize = 3;
/// Before a Service is asked again: as long as a node takes for its routes when nothing else is to do.
const ROUTE_PAUSE: Duration = Duration::from_millis(100);

/// A question, before it is asked.
struct Ask<'a> {
    role: &'a str,
    pod: Option<String>,
    scheme: Scheme,
    address: String,
    path: Option<String>,
    control: Option<String>,
    /// The promised status of an answer through a Service, whose routes may be late; `None`: the first answer counts.
    awaited: Option<u16>,
    /// The pod behind `control` and what is said, where a session is opened through one pod and reached through another.
    session: Option<(String, &'a Session)>,
}

/// Asks every ready pod of every role at the same time, and then each Service in front of a serving role.
pub async fn take(plan: &Plan, step: usize, stage: &Stage, timeline: &Timeline) -> Result<()> {
    let pods = ready_pods(stage);
    let guarded = async {
        match stage.guards() {
            Some(network) => network.ask(plan, &pods, step, stage, timeline).await,
            None => Ok(()),
        }
    };
    tokio::try_join!(ask_all(pod_asks(plan, &pods), step, stage, timeline), guarded)?;
    until_routed(plan, stage).await;
    ask_all(service_asks(plan, &pods, stage), step, stage, timeline).await
}

/// Waits until the release stands, and takes the samples: again where an autoscaler or an operator changed it meanwhile.
pub async fn of_settled<'a>(
    plan: &Plan,
    step: usize,
    manifest: &[Value],
    stage: &Stage,
    timeline: &Timeline,
    settle: impl Fn() -> BoxFuture<'a, Result<(), String>>,
) -> Result<StepOutcome> {
    for _ in 0..SAMPLES {
        stage.progress.works(at_step(plan, step, "waiting until all is ready"));
        if let Err(why) = settle().await {
            return Ok(StepOutcome::NotReady { why });
        }
        stage.progress.works(at_step(plan, step, "sampling"));
        let asked = ready_pods(stage);
        take(plan, step, stage, timeline).await.context("sample the release")?;
        endpoints::ask(step, manifest, stage, timeline).await.context("ask the Services' endpoints")?;
        let is_new = |pod: &Arc<Object>| asked.iter().all(|known| known.uid() != pod.uid());
        if stage.not_ready(manifest).is_none() && !ready_pods(stage).iter().any(is_new) {
            break;
        }
    }
    Ok(StepOutcome::Succeeded)
}

/// The pods that are asked now.
fn ready_pods(stage: &Stage) -> Vec<Arc<Object>> {
    stage.namespace.of_kind("Pod").into_iter().filter(|pod| pod.is_ready_pod()).collect()
}

/// Whether each role has a pod that can be asked.
pub fn is_possible(plan: &Plan, step: usize, stage: &Stage) -> bool {
    let pods = ready_pods(stage);
    plan.roles_in(step).all(|(_, role)| of_role(&pods, role).next().is_some())
}

pub(super) fn of_role<'a>(pods: &'a [Arc<Object>], role: &'a Role) -> impl Iterator<Item = &'a Arc<Object>> {
    pods.iter().filter(|pod| pod.is_selected(&role.select))
}

/// A connection to each port that a role could serve, a request for each path that it promises, a session for each pair.
fn pod_asks<'a>(plan: &'a Plan, pods: &[Arc<Object>]) -> Vec<Ask<'a>> {
    let serving = plan.present_roles().filter_map(|(_, role)| Some((role, role.serves.as_ref()?)));
    let served = serving.flat_map(|(role, serves)| {
        of_role(pods, role).filter_map(|pod| Some((address_of(pod), port_of(pod, &serves.port)?)))
    });
    let served: Vec<(String, u16)> = served.collect();
    let control = served.first().map(|(host, port)| host_and_port(host, *port));
    let mut asks = Vec::new();
    for (name, role) in plan.present_roles() {
        for pod in of_role(pods, role) {
            let ask = |port: u16, path| Ask {
                role: name,
                scheme: role.serves.as_ref().map_or_else(Scheme::default, |serves| serves.scheme),
                pod: Some(name_of(pod)),
                address: host_and_port(&address_of(pod), port),
                path,
                control: control.clone(),
                awaited: None,
                session: None,
            };
            let refused: Vec<u16> = role.refuses.iter().filter_map(|port| port_of(pod, port)).collect();
            if let Some(serves) = &role.serves {
                asks.extend(refused.into_iter().map(|port| ask(port, None)));
                let Some(port) = port_of(pod, &serves.port) else { continue };
                asks.push(ask(port, None));
                asks.extend(serves.paths.iter().map(|path| ask(port, Some(path.path.clone()))));
            } else {
                let served = served.iter().map(|(_, port)| *port);
                let declared = pod.pod().into_iter().flat_map(|pod| pod.declared_ports());
                let mut ports: Vec<u16> = served.chain(declared).chain(refused).collect();
                ports.sort_unstable();
                ports.dedup();
                let free: Vec<u16> = role.listens.iter().filter_map(|port| port_of(pod, port)).collect();
                ports.retain(|port| !free.contains(port));
                asks.extend(ports.into_iter().map(|port| ask(port, None)));
            }
        }
        if let Some(serves) = &role.serves {
            asks.extend(sessions(name, serves, &of_role(pods, role).cloned().collect::<Vec<_>>()));
        }
    }
    asks
}

/// A request for each path that a role promises, through each Service in front of it.
fn service_asks<'a>(plan: &'a Plan, pods: &[Arc<Object>], stage: &Stage) -> Vec<Ask<'a>> {
    let serving = plan.present_roles().filter_map(|(name, role)| Some((name, role, role.serves.as_ref()?)));
    let asks = serving.flat_map(|(name, role, serves)| {
        let addresses = of_role(pods, role).next().map(|pod| service_addresses(stage, pod, &serves.port));
        addresses.into_iter().flatten().flat_map(move |address| {
            serves.paths.iter().map(move |path| Ask {
                role: name,
                scheme: serves.scheme,
                pod: None,
                address: address.clone(),
                path: Some(path.path.clone()),
                control: None,
                awaited: Some(path.status),
                session: None,
            })
        })
    });
    asks.collect()
}

async fn ask_all(asks: Vec<Ask<'_>>, step: usize, stage: &Stage, timeline: &Timeline) -> Result<()> {
    let probes = asks.into_iter().map(async |ask| {
        let before = state_of(stage, ask.pod.as_ref());
        let question = Question {
            id: 0,
            scheme: ask.scheme,
            address: ask.address.clone(),
            path: ask.path.clone(),
            control: ask.control,
            session: ask.session.as_ref().map(|(_, session)| (*session).clone()),
            limit_ms: 0,
        };
        let reply = ask_patiently(stage, question, ask.awaited).await?;
        let after = state_of(stage, ask.pod.as_ref());
        let moment = match (ask.session, ask.pod) {
            (Some((opened_through, _)), Some(reached_through)) => Moment::Session {
                step,
                role: ask.role.to_owned(),
                opened_through,
                opened: reply.control.unwrap_or(Answer::Failed("nothing was asked".to_owned())),
                reached_through,
                reached: reply.answer,
            },
            (_, pod) => Moment::Probe(Probe {
                step,
                role: ask.role.to_owned(),
                pod,
                address: ask.address,
                path: ask.path,
                ready_throughout: before.is_some() && before == after,
                answer: reply.answer,
                control: reply.control,
            }),
        };
        anyhow::Ok(moment)
    });
    for moment in try_join_all(probes).await? {
        timeline.append(moment);
    }
    Ok(())
}

/// A session opened through each pod and reached through the next one.
fn sessions<'a>(role: &'a str, serves: &'a Serves, pods: &[Arc<Object>]) -> Vec<Ask<'a>> {
    let Some(sessions) = serves.sessions.as_ref().filter(|_| pods.len() > 1) else { return Vec::new() };
    let pairs = pods.iter().zip(pods.iter().cycle().skip(1));
    let asks = pairs.filter_map(|(first, second)| {
        Some(Ask {
            role,
            scheme: serves.scheme,
            pod: Some(name_of(second)),
            address: host_and_port(&address_of(second), port_of(second, &serves.port)?),
            path: Some(sessions.path.replace("{{session}}", &random::text(12))),
            control: Some(host_and_port(&address_of(first), port_of(first, &serves.port)?)),
            awaited: None,
            session: Some((name_of(first), &sessions.talk)),
        })
    });
    asks.collect()
}

/// Asks; where a status is awaited, again until it comes or the routes have had their time.
async fn ask_patiently(stage: &Stage, question: Question, awaited: Option<u16>) -> Result<Reply> {
    let deadline = Instant::now() + ROUTE_LIMIT;
    loop {
        let reply = stage.prober.ask(question.clone()).await?;
        // Before its routes are there, a Service's address may be anybody's: that of a proxy which answers for the whole world.
        let is_it = |awaited| matches!(reply.answer, Answer::Http { status, .. } if status == awaited);
        if awaited.is_none_or(is_it) || Instant::now() >= deadline {
            return Ok(reply);
        }
        pause(ROUTE_PAUSE).await;
    }
}

/// Cluster address of the first Service in front of a role, once the role has a ready pod.
pub fn service_address(role: &Role, stage: &Stage) -> Option<String> {
    let pods = stage.namespace.of_kind("Pod");
    let pod = pods.iter().find(|pod| pod.is_ready_pod() && pod.is_selected(&role.select))?;
    service_addresses(stage, pod, &role.serves.as_ref()?.port).into_iter().next()
}

/// Cluster addresses of the Services that send to a pod's serving port.
fn service_addresses(stage: &Stage, pod: &Object, port: &str) -> Vec<String> {
    let number = port_of(pod, port);
    let mut addresses = Vec::new();
    for service in stage.namespace.of_kind("Service").iter().filter(|service| is_in_front_of(service, pod)) {
        let host = service.service().map_or("", |spec| spec.cluster_ip.or_empty());
        for declared in service.service_ports() {
            let target = match &declared.target_port {
                Some(IntOrString::String(name)) => port_of(pod, name),
                Some(IntOrString::Int(number)) => (*number).try_into().ok(),
                None => None,
            };
            if let (true, Ok(own)) = (target == number, declared.port.try_into()) {
                addresses.push(host_and_port(host, own));
            }
        }
    }
    addresses
}

/// Whether a Service with an address of its own selects a pod.
fn is_in_front_of(service: &Object, pod: &Object) -> bool {
    let has_address = service.service().is_some_and(|spec| spec.cluster_ip.is_some());
    is_of_service(service, pod) && has_address && !service.is_headless()
}
