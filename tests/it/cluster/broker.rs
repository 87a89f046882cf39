//! The broker on a real cluster: what a lease has, and that nothing of it is left whatever ends its holder.

use std::collections::BTreeMap;
use std::time::Duration;

use chartgate_cluster::backing::{Database, Seen, Trap};
use chartgate_cluster::{Databases, Lease, Owned, Request};
use chartgate_model::plan::Server;
use chartgate_process::home;
use chartgate_process::tool::Tool;
use chartgate_process::wait::{Check, until};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

/// A request of a test; the run's name makes what it owns its own.
fn request(run: &str) -> Request {
    home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
    let run = format!("{run}-{}", std::process::id());
    Request { millicores: 100, ..Request::new(run, home::kubernetes().unwrap()) }
}

async fn acquire(request: &Request) -> Lease {
    Lease::acquire(request, |what| println!("{}: {what}", request.run)).await.unwrap()
}

/// If this fails, an interrupted run leaves helm or kind at work behind a user's back.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_child_ends_with_its_killed_parent() {
    // The parent is killed when the child is what it is to become: a busy machine takes its time to get there.
    let script = r#"
        CHARTGATE_PARENT=$$ "$0" exec -- sleep 600 & echo $!
        until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep 0.1; done
        kill -9 $$"#;
    let parent = Tool::on_path("setsid").args(["--wait", "sh", "-c", script, env!("CARGO_BIN_EXE_chartgate")]);
    let stdout = parent.deadline(Duration::from_secs(300)).run_unchecked().await.unwrap().stdout;
    let child: u32 = stdout.trim().parse().unwrap();
    until("the child to end", Duration::from_secs(60), || async {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") { Check::Ready(()) } else { Check::NotYet(stat) }
    })
    .await
    .unwrap();
}

/// If this fails, each test of a user's suite waits for a cluster of its own, or finds another's namespaces.
#[tokio::test]
async fn leases_share_a_cluster_and_a_dropped_one_leaves_no_namespace() {
    let (staying, going) = (acquire(&request("staying")).await, acquire(&request("going")).await);
    assert_eq!(staying.cluster.name, going.cluster.name);

    let name = format!("going-{}", std::process::id());
    going.owns(Owned::Namespace(name.clone())).await.unwrap();
    let config = Kubeconfig::read_from(&staying.cluster.kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(Client::try_from(config).unwrap());
    let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
    namespaces.create(&PostParams::default(), &Namespace { metadata, ..Namespace::default() }).await.unwrap();

    // A holder that is killed ends its connection just so.
    drop(going);
    until("the namespace to be gone", Duration::from_secs(120), || async {
        match namespaces.get_opt(&name).await.unwrap() {
            None => Check::Ready(()),
            Some(namespace) => Check::NotYet(format!("{:?}", namespace.status)),
        }
    })
    .await
    .unwrap();
    staying.end().await.unwrap();
}

/// If this fails, a verdict on a chart's migrations rests on changes that were none, or misses some.
#[tokio::test]
async fn the_schema_audit_tells_what_really_changed() {
    let lease = acquire(&Request { postgres: Databases::Shared, ..request("audit") }).await;
    let name = format!("audit_{}", std::process::id());
    lease.owns(Owned::Database(name.clone())).await.unwrap();
    let database = Database::create(lease.postgres.as_ref().unwrap(), &name).await.unwrap();
    let (audit, mut seen) = database.audit_schema().await.unwrap();

    for sql in [
        "CREATE TABLE jobs (id int)",
        "CREATE TABLE IF NOT EXISTS jobs (id int)",
        "CREATE TEMPORARY TABLE scratch (id int)",
        "BEGIN; CREATE TABLE undone (id int); ROLLBACK",
        "ALTER TABLE jobs ADD COLUMN IF NOT EXISTS name text",
        "ALTER TABLE jobs ADD COLUMN IF NOT EXISTS name text",
        "INSERT INTO jobs VALUES (1, 'a')",
        "CREATE INDEX CONCURRENTLY jobs_name ON jobs (name)",
        "DROP TABLE IF EXISTS nothing",
        "DROP TABLE jobs",
    ] {
        database.superuser().await.unwrap().batch_execute(sql).await.unwrap();
    }
    audit.settle(&database).await.unwrap();

    let mut told = Vec::new();
    while let Ok(Seen::Ddl(ddl)) = seen.try_recv() {
        told.push(format!("{} {}", ddl.tag, ddl.object));
    }
    let changes = ["CREATE TABLE public.jobs", "CREATE TABLE public.undone", "ALTER TABLE public.jobs"];
    assert_eq!(told, [&changes[..], &["CREATE INDEX public.jobs_name", "DROP TABLE public.jobs"]].concat());
    database.delete().await.unwrap();
    lease.end().await.unwrap();
}

/// If this fails, a user's pods find no server where the contract has one, or each run leaves a container behind.
#[tokio::test]
async fn a_server_of_a_leases_own_answers_and_goes_with_it() {
    let image = home::image("REDIS").unwrap();
    let ready = "Ready to accept connections".to_owned();
    let server = Server { image, env: BTreeMap::new(), port: 6379, ready };
    let servers = BTreeMap::from([("cache".to_owned(), server)]);
    let lease = acquire(&Request { servers, ..request("server") }).await;
    let address = lease.servers["cache"].clone();
    let answer = address.place.output(&["redis-cli", "-h", &address.host, "ping"]).await.unwrap();
    assert_eq!(answer.trim(), "PONG");
    lease.end().await.unwrap();
    let gone =
        Tool::on_path("docker").args(["inspect", address.place.container().unwrap()]).run_unchecked().await.unwrap();
    assert!(!gone.is_success(), "the container is still there: {}", gone.stdout);
}

/// If this fails, a fault strikes others than the application, or goes on after its step: the next step's verdict is the fault's.
#[tokio::test]
async fn a_fault_strikes_the_application_alone_and_ends() {
    let lease = acquire(&Request { postgres: Databases::Shared, ..request("fault") }).await;
    let name = format!("fault_{}", std::process::id());
    lease.owns(Owned::Database(name.clone())).await.unwrap();
    let server = lease.postgres.as_ref().unwrap();
    let database = Database::create(server, &name).await.unwrap();
    let (audit, mut seen) = database.audit_schema().await.unwrap();
    let application = database.application().await.unwrap();

    database.arm(1, Trap::Fail).await.unwrap();
    database.superuser().await.unwrap().batch_execute("CREATE TABLE public.of_others (id int)").await.unwrap();
    application.batch_execute("CREATE TEMPORARY TABLE scratch (id int)").await.unwrap();
    let error = application.batch_execute("CREATE SCHEMA own; CREATE TABLE own.jobs (id int)").await.unwrap_err();
    let said = error.as_db_error().unwrap().message();
    assert_eq!(said, "chartgate: CREATE SCHEMA own was made to fail");
    database.disarm().await.unwrap();
    application.batch_execute("CREATE SCHEMA own").await.unwrap();

    // What a fault has put to sleep ends with it, and so does its connection.
    database.arm(2, Trap::Hang).await.unwrap();
    let (hangs, disarmed) = tokio::join!(application.batch_execute("CREATE TABLE own.jobs (id int)"), async {
        while !matches!(seen.recv().await, Some(Seen::Fault(fault)) if fault.step == 2) {}
        database.disarm().await
    });
    assert!(hangs.is_err(), "a change that never ends was made");
    disarmed.unwrap();
    audit.settle(&database).await.unwrap();
    database.delete().await.unwrap();
    lease.end().await.unwrap();
}

/// If this fails, a database that restarts leaves the run without its schema audit, and every later step unproven.
#[tokio::test]
async fn a_server_of_its_own_restarts_and_its_schema_audit_goes_on() {
    let lease = acquire(&Request { postgres: Databases::Own, ..request("restart") }).await;
    let name = format!("restart_{}", std::process::id());
    let database = Database::create(lease.postgres.as_ref().unwrap(), &name).await.unwrap();
    let (audit, mut seen) = database.audit_schema().await.unwrap();
    let server = database.server();
    chartgate_cluster::restart(&server).await.unwrap();
    database.reconnect(&server).await.unwrap();
    database.superuser().await.unwrap().batch_execute("CREATE TABLE jobs (id int)").await.unwrap();
    audit.settle(&database).await.unwrap();
    let told = seen.try_recv();
    assert!(matches!(&told, Ok(Seen::Ddl(ddl)) if ddl.object == "public.jobs"), "{told:?}");

    lease.end().await.unwrap();
    let gone =
        Tool::on_path("docker").args(["inspect", server.place.container().unwrap()]).run_unchecked().await.unwrap();
    assert!(!gone.is_success(), "the lease ended, and its server runs on");
}
