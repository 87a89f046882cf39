//! For tests of the cluster's modules alone: the lead's command replaces it.
use std::ffi::OsString;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chartgate::backing::Database;
use chartgate::cluster::{self, Lease, Owned, Request, Sharing};
use chartgate::{home, tool, wait};

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let word = |n: usize| args.get(n).and_then(|arg| arg.to_str()).unwrap_or_default();
    match word(0) {
        "exec" => Err(tool::exec_guarded(&args[2..])),
        "broker" => cluster::broker::serve(word(2), word(4)).await,
        "clean" => {
            for line in cluster::clean().await? {
                println!("removed {line}");
            }
            Ok(())
        }
        "lease-test" => lease_test(word(1), args[2..].iter().filter_map(|arg| arg.to_str()).collect()).await,
        other => bail!("no command `{other}`"),
    }
}

/// `lease-test RUN [keep] [own=N] [hold=SECONDS] [postgres] [image=REF]… [ns=NAME]`
async fn lease_test(run: &str, words: Vec<&str>) -> Result<()> {
    let start = Instant::now();
    let say = |what: &str| println!("{run} {:7.3} {what}", start.elapsed().as_secs_f64());
    let option = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let request = Request {
        run: run.to_owned(),
        kubernetes: home::kubernetes()?,
        sharing: option("own").map_or(Ok(Sharing::Shared), |n| n.parse().map(|nodes| Sharing::Own { nodes }))?,
        images: words.iter().filter_map(|word| word.strip_prefix("image=")).map(str::to_owned).collect(),
        postgres: words.contains(&"postgres"),
        keep: words.contains(&"keep"),
    };
    let lease = Lease::acquire(&request, &say).await?;
    say(&format!("ready: {:?} {:?}", lease.cluster, lease.postgres));
    let ns = option("ns").unwrap_or(run);
    lease.owns(Owned::Namespace(ns.to_owned())).await?;
    say("registered");
    if let Some(image) = request.images.first() {
        let node = lease.cluster.nodes[0].as_str();
        let kubectl = |args: &str| {
            let words: Vec<String> = args.split(' ').map(str::to_owned).collect();
            let base = ["exec", node, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"];
            tool::Tool::on_path("docker").args(base).args(words)
        };
        kubectl(&format!("create namespace {ns}")).run().await?;
        kubectl(&format!("-n {ns} create deployment pods --image {image} --replicas 2")).run().await?;
        let pods = kubectl(&format!("-n {ns} get pods -o wide")).run().await?;
        say(&pods.stdout);
    }
    if let Some(server) = &lease.postgres {
        let name = run.replace('-', "_");
        lease.owns(Owned::Database(name.clone())).await?;
        let database = Database::create(server, &name).await?;
        say(&format!("database: {:?}", database.variables()));
        let (witness, mut seen) = database.witness().await?;
        say("witness in place");
        let url = database.variables()["url"].clone();
        let psql = |sql: &str| tool::Tool::on_path("psql").args([url.as_str(), "-v", "ON_ERROR_STOP=1", "-c", sql]);
        for sql in [
            "CREATE TABLE jobs (id int)",
            "CREATE TABLE IF NOT EXISTS jobs (id int)",
            "CREATE TEMP TABLE scratch (id int); ALTER TABLE scratch ADD COLUMN b int; DROP TABLE scratch",
            "BEGIN; CREATE TABLE undone (id int); ROLLBACK",
            "ALTER TABLE jobs ADD COLUMN IF NOT EXISTS name text",
            "ALTER TABLE jobs ADD COLUMN IF NOT EXISTS name text",
            "BEGIN; INSERT INTO jobs VALUES (1); ALTER TABLE jobs ADD COLUMN IF NOT EXISTS name text; COMMIT",
            "BEGIN; SAVEPOINT a; ALTER TABLE jobs ADD COLUMN sub int; COMMIT",
            "DELETE FROM jobs; ALTER TABLE jobs ALTER COLUMN name SET NOT NULL",
            "ALTER TABLE jobs ADD CONSTRAINT big CHECK (id > 0) NOT VALID",
            "ALTER TABLE jobs DROP CONSTRAINT big",
            "ALTER TABLE jobs DROP COLUMN sub",
            "ALTER TABLE jobs RENAME COLUMN name TO title",
            "ALTER TABLE jobs ALTER COLUMN title SET DEFAULT 'x'",
            "CREATE INDEX CONCURRENTLY jobs_name ON jobs (title)",
            "CREATE INDEX IF NOT EXISTS jobs_name ON jobs (title)",
            "CREATE MATERIALIZED VIEW v AS SELECT 1; REFRESH MATERIALIZED VIEW v; REINDEX TABLE jobs",
            "CREATE EXTENSION pgcrypto",
            "CREATE EXTENSION IF NOT EXISTS pgcrypto",
            "GRANT SELECT ON jobs TO PUBLIC",
            "DROP TABLE IF EXISTS nothing",
            "DROP TABLE jobs",
        ] {
            psql(sql).run().await.context("psql")?;
        }
        witness.settle(&database).await?;
        say("settled");
        while let Ok(item) = seen.try_recv() {
            say(&format!("{item:?}"));
        }
        database.delete().await?;
        lease.release(Owned::Database(name)).await?;
        say("database deleted");
    }
    wait::pause(Duration::from_secs(option("hold").unwrap_or("0").parse()?)).await;
    if request.keep {
        say(&lease.how_to_look(ns));
    }
    lease.end().await?;
    say("ended");
    Ok(())
}
