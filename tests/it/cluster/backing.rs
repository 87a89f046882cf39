//! Backing servers that are pods of the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chartgate_base::random;
use chartgate_cluster::backing::{Database, Seen, Trap};
use chartgate_cluster::{Lease, Request, ServerNamespace};
use chartgate_judge::Verdict;
use chartgate_model::plan::{Plan, Server};
use chartgate_model::recording::Answer;
use chartgate_process::home;
use chartgate_redact::Redactor;
use chartgate_runner::record::Timeline;
use chartgate_runner::record::prober::{Prober, Seat};
use chartgate_runner::run::{BackingPlace, Options};
use chartgate_scenario::Overrides;
use rstest::rstest;
use tokio::task::JoinSet;

use super::network_policy::{connect, create_namespace};
use crate::support;

/// A failure would mean that a user whose cluster is elsewhere cannot examine what a chart does with its database, or reads another verdict
/// there.
#[rstest]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scenario_holds_with_servers_that_are_pods(
    #[files("scenarios/codex-pooler/single-replica.yaml")]
    #[files("scenarios/codex-pooler/database-restart.yaml")]
    #[files("scenarios/codex-pooler/hanging-migration.yaml")]
    #[files("scenarios/codex-pooler/killed-migrator.yaml")]
    #[files("scenarios/mnemom-gateway/network-policy.yaml")]
    path: PathBuf,
) {
    let plan = chartgate_scenario::load(&path, &Overrides::default()).expect("the scenario is valid");
    let options = Options { backing: Some(BackingPlace::InCluster), ..support::options() };
    let proves: Vec<&str> = plan.proves.iter().map(String::as_str).collect();
    support::check_with(&plan, &options, Verdict::Pass, &proves).await;
}

/// A cluster with a namespace for servers, and probers in two others.
struct World {
    servers: ServerNamespace,
    /// In a namespace of the run.
    of_run: Prober,
    /// In another one.
    unlisted: Prober,
    tasks: JoinSet<()>,
    lease: Lease,
}

impl World {
    async fn new() -> Self {
        home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
        let run = format!("backing-{}", random::text(6));
        let images = ["PROBER", "POSTGRES", "REDIS"].map(|key| home::image(key).expect("its image is there"));
        let request =
            Request { millicores: 200, images: images.into(), ..Request::new(run, support::options().kubernetes) };
        let lease = Lease::acquire(&request, |what| println!("{what}")).await.expect("a cluster can be had");
        let client = chartgate_cluster::client(&lease.cluster.kubeconfig).await.expect("the cluster can be reached");
        let folder = support::repository().join("target/chartgate").join(&request.run);
        let timeline = Timeline::create(&folder, &Plan::default(), Redactor::default()).expect("it can be recorded");
        let mut tasks = JoinSet::new();
        let [of_run, unlisted, of_servers] = ["run", "unlisted", "servers"].map(|of| format!("{}-{of}", request.run));
        let mut probers = Vec::new();
        for ns in [&of_run, &unlisted] {
            create_namespace(&client, &lease, ns).await;
            let seat = Seat { ns, name: "prober", labels: &BTreeMap::new(), image: &request.images[0], millicores: 10 };
            probers.push(Prober::start(&client, &seat, &timeline, &mut tasks).await.expect("a prober starts"));
        }
        create_namespace(&client, &lease, &of_servers).await;
        let servers = ServerNamespace::new(client.clone(), lease.cluster.kubeconfig.clone(), of_servers);
        servers.open_to(&BTreeSet::from([of_run])).await.expect("the servers can be guarded");
        let unlisted = probers.pop().expect("there are two");
        let of_run = probers.pop().expect("there are two");
        Self { servers, of_run, unlisted, tasks, lease }
    }

    async fn end(mut self) {
        self.tasks.shutdown().await;
        self.lease.end().await.expect("nothing is left");
    }
}

/// A failure would mean that each pod of a shared cluster can read a run's database, or that the release's cannot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn only_the_runs_namespaces_reach_a_server_that_is_a_pod() {
    let world = World::new().await;
    let ready = "Ready to accept connections".to_owned();
    let cache = Server { image: home::image("REDIS").unwrap(), env: BTreeMap::new(), port: 6379, ready };
    let cache = world.servers.start("cache", &cache).await.unwrap();
    assert_eq!(cache.place.output(&["redis-cli", "ping"]).await.unwrap().trim(), "PONG");
    assert_eq!(connect(&world.of_run, &cache.host, cache.port).await, Answer::Connected);
    assert_eq!(connect(&world.unlisted, &cache.host, cache.port).await, Answer::TimedOut);
    world.end().await;
}

/// A failure would mean that a verdict on a chart's migrations rests on changes that were none, or misses some, where the database is a pod.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn the_schema_audit_and_faults_of_a_database_in_a_pod_outlast_its_restart() {
    let world = World::new().await;
    let server = world.servers.start_postgres(&home::prober().unwrap()).await.unwrap();
    let database = Database::create(&server, "app").await.unwrap();
    let (audit, mut seen) = database.audit_schema().await.unwrap();
    let application = database.application().await.unwrap();
    application.batch_execute("CREATE SCHEMA own; CREATE TABLE own.jobs (id int)").await.unwrap();
    database.arm(1, Trap::Fail).await.unwrap();
    application.batch_execute("CREATE TABLE own.more (id int)").await.unwrap_err();
    database.disarm().await.unwrap();
    audit.settle(&database).await.unwrap();
    chartgate_cluster::restart(&server).await.unwrap();
    assert!(application.batch_execute("SELECT 1").await.is_err(), "the server was not restarted");
    // The superuser's connection is made anew by itself.
    let application = database.application().await.unwrap();
    application.batch_execute("DROP TABLE own.jobs").await.unwrap();
    audit.settle(&database).await.unwrap();
    let told: Vec<String> = std::iter::from_fn(|| seen.try_recv().ok())
        .map(|seen| match seen {
            Seen::Ddl(ddl) => format!("{} {}", ddl.tag, ddl.object),
            Seen::Fault(fault) => fault.what,
            Seen::Gap(why) => format!("gap: {why}"),
        })
        .collect();
    let failed = "the change CREATE TABLE own.more was made to fail";
    assert_eq!(told[..3], ["CREATE SCHEMA own", "CREATE TABLE own.jobs", "CREATE TABLE own.more"]);
    assert_eq!(told[3..], [failed, "DROP TABLE own.jobs"]);
    assert_eq!(database.clock_step().await.unwrap(), None);
    world.end().await;
}
