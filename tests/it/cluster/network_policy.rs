//! `NetworkPolicy` on a real cluster: it is enforced there, and the policies of a chart of this repository let pass what they name and no more.
//!
//! No pod listens here. A packet that arrives at a port without a listener is refused at once, and one that a policy drops is
//! never answered: the two cannot be mistaken for each other.

use std::collections::BTreeMap;
use std::time::Duration;

use chartgate_base::random;
use chartgate_cluster::{Databases, Lease, Owned, Request};
use chartgate_judge::Verdict;
use chartgate_model::plan::{Network, Peers, Plan};
use chartgate_model::recording::Answer;
use chartgate_process::home;
use chartgate_process::wait::{Check, until};
use chartgate_protocol::{Question, Scheme};
use chartgate_redact::Redactor;
use chartgate_runner::helm::Helm;
use chartgate_runner::record::Timeline;
use chartgate_runner::record::prober::{Prober, Seat};
use chartgate_scenario::Overrides;
use futures::future::join_all;
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use rstest::{Context, rstest};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{self, PatchedChart};

/// The enforcer follows a change in milliseconds; a dropped packet is only known after the prober's five seconds.
const FOLLOWED: Duration = Duration::from_secs(60);

/// Makes its account in half a minute after the API server's start.
const ACCOUNT: Duration = Duration::from_secs(90);

/// A port on which neither the servers nor the pods listen.
const OTHER_PORT: u16 = 5433;

/// Two pods in namespaces of their own, and a server outside the cluster.
struct World {
    client: Client,
    /// The pod that policies are about.
    guarded: Prober,
    /// Its namespace.
    ns: String,
    /// Its address.
    address: String,
    /// A pod that no policy is about, in another namespace.
    stranger: Prober,
    /// Host and port of the server.
    server: (String, u16),
    /// The conversations with both pods.
    tasks: JoinSet<()>,
    lease: Lease,
}

/// What becomes of connections to and from the guarded pod.
#[derive(Debug, PartialEq, Eq)]
struct Reach {
    /// It asks the server.
    server: Answer,
    /// It asks another port of the server's machine.
    beside_server: Answer,
    /// It is asked on these ports by the stranger.
    asked: BTreeMap<u16, Answer>,
}

impl World {
    async fn new() -> Self {
        home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
        let run = format!("network-policy-{}", random::text(6));
        let request = Request {
            millicores: 100,
            images: vec![home::prober().expect("the prober's image is there")],
            postgres: Databases::Shared,
            ..Request::new(run, support::options().kubernetes)
        };
        let lease = Lease::acquire(&request, |what| println!("{what}")).await.expect("a cluster can be had");
        let client = chartgate_cluster::client(&lease.cluster.kubeconfig).await.expect("the cluster can be reached");
        let folder = support::repository().join("target/chartgate").join(&request.run);
        let timeline = Timeline::create(&folder, &Plan::default(), Redactor::default()).expect("it can be recorded");
        let mut tasks = JoinSet::new();
        let (ns, beside) = (request.run.clone(), format!("{}-stranger", request.run));
        let mut probers = Vec::new();
        for name in [&ns, &beside] {
            create_namespace(&client, &lease, name).await;
            let seat =
                Seat { ns: name, name: "prober", labels: &BTreeMap::new(), image: &request.images[0], millicores: 10 };
            let prober = Prober::start(&client, &seat, &timeline, &mut tasks).await;
            probers.push(prober.expect("a prober starts"));
        }
        let pod = Api::<Pod>::namespaced(client.clone(), &ns).get("prober").await.expect("it runs");
        let address = pod.status.and_then(|status| status.pod_ip).expect("a running pod has an address");
        let server =
            lease.postgres.as_ref().map(|server| (server.host.clone(), server.port)).expect("it was asked for");
        let stranger = probers.pop().expect("there are two");
        let guarded = probers.pop().expect("there are two");
        Self { client, guarded, ns, address, stranger, server, tasks, lease }
    }

    fn policies(&self) -> Api<NetworkPolicy> {
        Api::namespaced(self.client.clone(), &self.ns)
    }

    async fn apply(&self, policy: &Value) {
        let policy: NetworkPolicy = serde_json::from_value(policy.clone()).expect("it is a policy");
        self.policies().create(&PostParams::default(), &policy).await.expect("it can be made");
    }

    /// Gives the guarded pod the labels of another one.
    async fn stand_in_for(&self, labels: &Value) {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.ns);
        let patch = Patch::Merge(json!({"metadata": {"labels": labels}}));
        pods.patch("prober", &PatchParams::default(), &patch).await.expect("a pod's labels can be changed");
    }

    /// All connections at once.
    async fn reach(&self, ports: &[u16]) -> Reach {
        let (host, port) = &self.server;
        let asked = ports.iter().map(async |port| (*port, connect(&self.stranger, &self.address, *port).await));
        let (server, beside_server, asked) = tokio::join!(
            connect(&self.guarded, host, *port),
            connect(&self.guarded, host, OTHER_PORT),
            join_all(asked)
        );
        Reach { server, beside_server, asked: asked.into_iter().collect() }
    }

    /// Waits until connections end so, as the enforcer follows what was changed.
    async fn expect(&self, when: &str, expected: &Reach) {
        let ports: Vec<u16> = expected.asked.keys().copied().collect();
        let what = format!("connections {when} to end as expected");
        let waited = until(&what, FOLLOWED, || async {
            let seen = self.reach(&ports).await;
            if seen == *expected {
                Check::Ready(())
            } else {
                Check::NotYet(format!("{seen:?} instead of {expected:?}"))
            }
        });
        waited.await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    async fn end(mut self) {
        self.tasks.shutdown().await;
        self.lease.end().await.expect("nothing is left");
    }
}

pub(super) async fn create_namespace(client: &Client, lease: &Lease, name: &str) {
    lease.owns(Owned::Namespace(name.to_owned())).await.expect("it can be registered");
    let namespace = serde_json::from_value(json!({"metadata": {"name": name}})).expect("it is a namespace");
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.create(&PostParams::default(), &namespace).await.expect("it can be made");
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), name);
    let made = await_condition(accounts, "default", |account: Option<&ServiceAccount>| account.is_some());
    tokio::time::timeout(ACCOUNT, made).await.expect("its account is made in time").expect("it can be watched");
}

pub(super) async fn connect(prober: &Prober, host: &str, port: u16) -> Answer {
    let address = format!("{host}:{port}");
    let scheme = Scheme::default();
    let question = Question { id: 0, scheme, address, path: None, control: None, session: None, limit_ms: 0 };
    prober.ask(question).await.expect("the prober answers").answer
}

fn on(port: u16, answer: Answer) -> (u16, Answer) {
    (port, answer)
}

/// Nothing is between the pods.
fn open(ports: &[u16]) -> Reach {
    Reach {
        server: Answer::Connected,
        beside_server: Answer::Refused,
        asked: ports.iter().map(|port| on(*port, Answer::Refused)).collect(),
    }
}

/// A failure would mean that each scenario which passes with a policy on says nothing about it: no policy counts on the cluster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_enforces_policies() {
    let world = World::new().await;
    world.expect("without a policy", &open(&[8787])).await;

    let name = "deny-all";
    world
        .apply(&json!({"metadata": {"name": name}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}))
        .await;
    let denied = Reach {
        server: Answer::TimedOut,
        beside_server: Answer::TimedOut,
        asked: BTreeMap::from([on(8787, Answer::TimedOut)]),
    };
    world.expect("under a policy that denies all", &denied).await;

    world.policies().delete(name, &DeleteParams::default()).await.expect("it can be removed");
    world.expect("once the policy is gone", &open(&[8787])).await;
    world.end().await;
}

/// A failure would mean that the chart's policies keep its pods from their work, or let in and out what they promise to stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_charts_policies_stop_what_they_do_not_name() {
    let world = World::new().await;
    let path = support::repository().join("scenarios/mnemom-gateway-internal/internal-servers.yaml");
    let plan = chartgate_scenario::load(&path, &Overrides::default()).expect("the scenario is valid");
    let policies = policies_of(&plan, &world.ns).await;
    assert_eq!(policies.len(), 4, "the application's, the test's and one of each server: {policies:?}");
    world.expect("without a policy", &open(&[8787, 5432, 6379])).await;
    for policy in &policies {
        world.apply(policy).await;
    }

    let (arrives, dropped) = (Answer::Refused, Answer::TimedOut);
    let asks_and_is_asked = || Reach {
        server: Answer::Connected,
        beside_server: dropped.clone(),
        asked: BTreeMap::from([on(8787, arrives.clone()), on(5432, dropped.clone()), on(6379, dropped.clone())]),
    };
    let is_alone = || Reach {
        server: dropped.clone(),
        beside_server: dropped.clone(),
        asked: [8787, 5432, 6379].map(|port| on(port, dropped.clone())).into(),
    };
    let application = ["gateway", "observer", "migrations", "first-migration"].map(|it| (it, asks_and_is_asked()));
    // Of strangers; what the application may ask them is shown where the release runs with servers of its own.
    let guarded = ["test", "redis", "postgresql"].map(|it| (it, is_alone()));
    for (component, expected) in application.into_iter().chain(guarded) {
        let labels = json!({
            "app.kubernetes.io/name": plan.chart.name,
            "app.kubernetes.io/instance": plan.release,
            "app.kubernetes.io/component": component,
        });
        world.stand_in_for(&labels).await;
        world.expect(&format!("of `{component}`"), &expected).await;
        // What the next one meets is then its own.
        world.stand_in_for(&json!({"app.kubernetes.io/component": "none"})).await;
        world.expect("of a pod that no policy selects", &open(&[8787, 5432, 6379])).await;
    }
    world.end().await;
}

/// The rule of ingress in the chart's policy of its application.
const RULE: &str =
    "  ingress:\n    - ports:\n        - {port: {{ .Values.config.PORT }}, protocol: TCP}\n  egress:\n    - ports:";

/// The first step of the chart's own scenario of its policies, with another rule.
fn with_rule(name: &str, rule: &str) -> (Plan, PatchedChart) {
    let rule = format!("  ingress: {rule}\n  egress:\n    - ports:");
    let chart = PatchedChart::new("mnemom-gateway", "templates/networkpolicy.yaml", RULE, &rule);
    let path = support::repository().join("scenarios/mnemom-gateway/network-policy.yaml");
    let overrides = Overrides { chart: Some(chart.path().to_owned()), ..Overrides::default() };
    let mut plan = chartgate_scenario::load(&path, &overrides).expect("the scenario is valid");
    plan.name = format!("network-policy/{}", name.replace('_', "-"));
    plan.steps.truncate(1);
    plan.traffic.clear();
    // What the steps that were left out would prove is not asked for.
    plan.proves.retain(|check| check == "network-policy");
    (plan, chart)
}

/// A failure would mean that a chart is released whose policy cuts its users off, or leaves open what nobody promised.
#[rstest]
#[case::lets_everybody_in("[{}]")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::lets_nobody_in("[]")]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[case::another_port("[{ports: [{port: 8788}]}]")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_policy_is_caught(#[context] context: Context, #[case] rule: &str) {
    let (plan, _chart) = with_rule(context.description.expect("each case has a name"), rule);
    support::check(&plan, Verdict::Fail, &["network-policy"]).await;
}

/// A failure would mean that a policy which lets only a proxy in is red, or that the field's most common slip in writing one, a list
/// of two peers in place of one with two selectors, is green.
#[rstest]
#[case::one_peer(
    "{namespaceSelector: {matchLabels: {edge: first}}, podSelector: {matchLabels: {proxy: first}}}",
    Verdict::Pass
)]
#[case::two_peers(
    "{namespaceSelector: {matchLabels: {edge: first}}}, {podSelector: {matchLabels: {proxy: first}}}",
    Verdict::Fail
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_policy_for_one_kind_of_user_lets_no_other_in(
    #[context] context: Context,
    #[case] from: &str,
    #[case] expected: Verdict,
) {
    let name = context.description.expect("each case has a name");
    let (mut plan, _chart) = with_rule(name, &format!("[{{from: [{from}], ports: [{{port: 8787}}]}}]"));
    let label = |key: &str| BTreeMap::from([(key.to_owned(), "first".to_owned())]);
    let from = Some(Peers { namespace: label("edge"), pods: label("proxy") });
    let serves = plan.roles.get_mut("gateway").and_then(|role| role.serves.as_mut()).expect("the role serves");
    serves.network = Some(Network { from, ports: Vec::new() });
    let failed: &[&str] = if expected == Verdict::Fail { &["network-policy"] } else { &[] };
    support::check(&plan, expected, failed).await;
}

/// The policies that the first step renders.
async fn policies_of(plan: &Plan, ns: &str) -> Vec<Value> {
    let options = support::options();
    let version = home::helm_version(&options.helm).expect("versions.env names it");
    let helm = Helm::new(version, &options.kubernetes, ns, Redactor::default()).expect("helm is there");
    // Nothing of this is started.
    let images = ["redis", "postgres"].map(|name| (format!("image.{name}"), format!("{name}:none")));
    let values = chartgate_scenario::fill(&plan.values, &images.into()).expect("the values can be filled in");
    let rendered = helm.template(plan, &plan.steps[0], &values).await.expect("helm runs");
    let objects = rendered.unwrap_or_else(|refusal| panic!("{refusal}"));
    objects.objects.into_iter().filter(|object| object["kind"] == "NetworkPolicy").collect()
}
