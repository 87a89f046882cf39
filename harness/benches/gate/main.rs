//! What the gate costs beside helm alone, measured side by side on one cluster: `make bench`.
//!
//! One scenario's helm commands run by hand and by the harness with everything on, in turns; then those of all scenarios by hand one
//! after the other, by hand at the same time, and by the harness. The API server's audit log tells how long the harness takes from
//! an event to its next request, and `/proc` what it needs. The budgets are those of the design; a ratio is all that means
//! something on another machine.
//!
//! By hand is what a person does: a namespace, its Secrets and the application's database, and then `helm … --wait`.

#![expect(clippy::expect_used, reason = "a measurement that cannot go on ends")]

mod course;
mod needs;
mod report;
mod verdicts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chartgate_cluster::backing::Database;
use chartgate_cluster::{Databases, Lease, Owned, Request, Sharing, Standing};
use chartgate_model::plan::{Action, Expect, Plan};
use chartgate_model::recording::Recording;
use chartgate_process::home;
use chartgate_process::tool::{Interrupt, Tool};
use chartgate_process::wait::{Check, pause, until};
use chartgate_redact::Redactor;
use chartgate_runner::helm::Helm;
use chartgate_scenario::Overrides;
use futures::future::join_all;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::PostParams;
use kube::config::Kubeconfig;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::{Value, json};

use course::{Alone, Course, span};
use needs::{LOOK, Needs};
use report::{Measured, report};
use verdicts::Verdicts;

const RECORDINGS: usize = 50;

/// One run's length depends on when helm happened to look; the middle one of so many counts.
const TURNS: usize = 3;
/// The longest run is all scenarios in sequence.
const LIMIT: Duration = Duration::from_secs(1800);
/// The API server takes half a minute to come back with its audit log.
const RESTART: Duration = Duration::from_secs(180);
/// A broker ends a few seconds after its last lease, and removes what that made before.
const CLEANING: Duration = Duration::from_secs(120);
/// Where the audit log of a cluster that chartgate made is in the node.
const AUDIT_LOG: &str = "/var/log/kubernetes/audit/audit.log";

/// Has the API server of a kind node note requests about pods in its audit log, without their contents.
const ENABLE_AUDIT: &str = r#"
cat > /var/log/kubernetes/audit/pods.yaml << 'END'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  resources: [{group: "", resources: [pods, pods/status, pods/log, pods/attach]}]
- level: None
END
manifest=/etc/kubernetes/manifests/kube-apiserver.yaml
sed 's#--audit-policy-file=.*#--audit-policy-file=/var/log/kubernetes/audit/pods.yaml#' $manifest > /tmp/kube-apiserver.yaml
mv /tmp/kube-apiserver.yaml $manifest
"#;

#[tokio::main]
async fn main() {
    home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
    let chart = std::env::var("CHART").ok().filter(|chart| !chart.is_empty()).unwrap_or("codex-pooler".to_owned());
    let (files, plans) = comparable(&chart);
    println!("{} scenarios of {chart} consist of helm commands alone", plans.len());
    let kubernetes = home::kubernetes().expect("a version of Kubernetes");
    let request = Request {
        sharing: Sharing::Own { nodes: 1 },
        millicores: 100,
        postgres: Databases::Shared,
        ..Request::new("bench".to_owned(), kubernetes.clone())
    };
    let lease = Lease::acquire(&request, |what| println!("{what}")).await.expect("a cluster");
    enable_audit(&lease).await;
    let bench = Bench { lease, kubernetes, out: out(), others: in_use() };

    // All images come to the node with a first run, which is no part of a comparison.
    bench.harness(&files).await;
    let mut by_hand = Vec::new();
    let mut by_harness = Vec::new();
    for turn in 1..=TURNS {
        println!("{} by hand and with the harness, {turn} of {TURNS}", plans[0].name);
        by_hand.push(bench.by_hand(&plans[0]).await);
        bench.harness(&files[..1]).await;
        by_harness.push(Course::of(&bench.recording(&files[0])));
    }
    let alone = Alone::of(by_hand, by_harness);
    println!("{} scenarios by hand, in sequence and in parallel, and with the harness", plans.len());
    let mut sequence = Duration::ZERO;
    for plan in &plans {
        sequence += bench.by_hand(plan).await;
    }
    // They begin together: the longest one is how long all took.
    let parallel = join_all(plans.iter().map(|plan| bench.by_hand(plan))).await.into_iter().max().unwrap_or_default();
    let (set, needs) = bench.harness(&files).await;
    let delays = bench.delays().await;
    println!("judging {RECORDINGS} recordings, and writing their reports");
    let judging = bench.judging(&files).await;
    println!("verdicts on renders, and with stub images on the running cluster");
    let verdicts = Verdicts::take(&chart, &bench.lease.cluster.kubeconfig, &bench.context()).await;
    let set = [sequence, parallel, set];
    report(&plans, &Measured { alone, set, needs, delays, judging, verdicts });
    bench.lease.end().await.expect("the broker answers");
}

/// The scenarios that are helm commands and nothing else, so that a person could run the same by hand.
fn comparable(chart: &str) -> (Vec<PathBuf>, Vec<Plan>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(chart);
    let files = chartgate_scenario::discover(&[folder]).expect("the chart has scenarios");
    let load = |file: PathBuf| {
        let plan = chartgate_scenario::load(&file, &Overrides::default()).expect("the scenario is valid");
        (file, plan)
    };
    let is_plain = |plan: &Plan| {
        let is_helms = |action: &Action| {
            matches!(action, Action::Install | Action::Upgrade | Action::Rollback { .. } | Action::Uninstall)
        };
        plan.traffic.is_empty()
            && plan.from.is_empty()
            && plan.neighbour.is_none()
            && plan.workers == 0
            && plan
                .steps
                .iter()
                .all(|step| is_helms(&step.action) && step.expect == Expect::Succeeds && step.fault.is_none())
    };
    files.into_iter().map(load).filter(|(_, plan)| is_plain(plan)).unzip()
}

fn out() -> PathBuf {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&out).expect("a folder for results");
    out
}

async fn enable_audit(lease: &Lease) {
    println!("turning the API server's audit log on");
    let node = &lease.cluster.nodes[0];
    Tool::on_path("docker")
        .args(["exec", node, "bash", "-ec", ENABLE_AUDIT])
        .run()
        .await
        .expect("the manifest is edited");
    until("the audit log", RESTART, || async {
        let look = Tool::on_path("docker").args(["exec", node, "test", "-s", AUDIT_LOG]);
        Check::retry(look.run().await.map(drop))
    })
    .await
    .expect("the API server comes back");
    let client = chartgate_cluster::client(&lease.cluster.kubeconfig).await.expect("the cluster's client");
    // It answers a moment before it has read who may ask.
    until("the API server's roles", RESTART, || async {
        Check::retry(client.apiserver_version().await.map(drop).map_err(Into::into))
    })
    .await
    .expect("the API server knows its administrator");
    // The DNS notices much later that its server is another one, and knows no new Service until then.
    for what in [&["restart"][..], &["status", "--timeout=180s"]] {
        let kubectl =
            ["exec", node, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "--namespace", "kube-system"];
        let call = Tool::on_path("docker").args(kubectl).args(["rollout"]).args(what).args(["deployment/coredns"]);
        call.deadline(RESTART * 2).run().await.expect("the DNS is started again");
    }
}

struct Bench {
    lease: Lease,
    kubernetes: String,
    out: PathBuf,
    /// The brokers that are none of the harness's own runs.
    others: Vec<String>,
}

/// The brokers that live.
fn in_use() -> Vec<String> {
    let standing = chartgate_cluster::standing().expect("the state folder can be read").into_iter();
    standing.filter(|(_, standing)| *standing == Standing::InUse).map(|(name, _)| name).collect()
}

impl Bench {
    /// Runs a scenario's helm commands one after the other, as a person would: how long they and what they need took. What is removed
    /// afterwards does not count, here and with the harness.
    async fn by_hand(&self, plan: &Plan) -> Duration {
        let client = chartgate_cluster::client(&self.lease.cluster.kubeconfig).await.expect("the cluster answers");
        let ns = format!("hand-{}", chartgate_base::random::text(6));
        let version = home::version("HELM").and_then(home::helm_version).expect("a version");
        let helm = Helm::new(version, &self.kubernetes, &ns, Redactor::default()).expect("helm is there");
        let helm = helm.on_cluster(&self.lease.cluster.kubeconfig);
        let started = Instant::now();
        let (database, templates) = self.surroundings(&client, plan, &ns).await;
        for step in &plan.steps {
            let values =
                chartgate_scenario::fill(&plan.values_of(step), &templates).expect("the values can be filled in");
            let output =
                helm.act(step, helm.args(plan, step), &values, &Interrupt::default()).await.expect("helm starts");
            assert!(output.is_success(), "{} {}: {}", plan.name, step.verb(), output.stderr);
        }
        let took = started.elapsed();
        // Nothing of it is left when the next run begins.
        let namespaces: Api<Namespace> = Api::all(client);
        namespaces.delete(&ns, &kube::api::DeleteParams::default()).await.expect("the namespace goes");
        let gone = await_condition(namespaces, &ns, |namespace: Option<&Namespace>| namespace.is_none());
        tokio::time::timeout(CLEANING, gone).await.expect("in time").expect("the namespace can be watched");
        if let Some(database) = database {
            database.delete().await.expect("the database goes");
        }
        took
    }

    /// Namespace, database and Secrets, which a person has before the first command.
    async fn surroundings(
        &self,
        client: &Client,
        plan: &Plan,
        ns: &str,
    ) -> (Option<Database>, BTreeMap<String, String>) {
        self.lease.owns(Owned::Namespace(ns.to_owned())).await.expect("the broker answers");
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": ns}})).expect("a Namespace");
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await.expect("the namespace is made");
        let mut templates =
            BTreeMap::from([("release".to_owned(), plan.release.clone()), ("namespace".to_owned(), ns.to_owned())]);
        let mut made = None;
        if let (Some(name), Some(server)) = (plan.backing.keys().next(), &self.lease.postgres) {
            let own = format!("bench_{}", chartgate_base::random::text(6));
            self.lease.owns(Owned::Database(own.clone())).await.expect("the broker answers");
            let database = Database::create(server, &own).await.expect("a database");
            templates.extend(database.variables().into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            made = Some(database);
        }
        let secrets: Api<Secret> = Api::namespaced(client.clone(), ns);
        for (name, data) in &plan.secrets {
            let data = chartgate_scenario::fill(&json!(data), &templates).expect("the Secret can be filled in");
            let secret = json!({"metadata": {"name": name}, "stringData": data});
            let secret: Secret = serde_json::from_value(secret).expect("a Secret");
            secrets.create(&PostParams::default(), &secret).await.expect("the Secret is made");
        }
        (made, templates)
    }

    /// The cluster's context in its kubeconfig.
    fn context(&self) -> String {
        let kubeconfig = Kubeconfig::read_from(&self.lease.cluster.kubeconfig).expect("a kubeconfig");
        kubeconfig.current_context.expect("a context")
    }

    /// Runs the harness on scenario files, and waits until nothing of it is left: from the first recording's begin to the last
    /// one's end, and what it needed.
    async fn harness(&self, files: &[PathBuf]) -> (Duration, Needs) {
        let (kubeconfig, context) = (&self.lease.cluster.kubeconfig, self.context());
        let out = self.out.join("recordings");
        let run = Tool::new("chartgate", Path::new(env!("CARGO_BIN_EXE_chartgate")))
            .args(["run", "--context", &context, "--out"])
            .args([&out])
            .args(files)
            .env("KUBECONFIG", kubeconfig)
            .deadline(LIMIT);
        let mut needs = Needs::default();
        let output = {
            let mut run = std::pin::pin!(run.run_unchecked());
            let mut before = None;
            loop {
                tokio::select! {
                    output = &mut run => break output.expect("chartgate starts"),
                    () = pause(LOOK) => before = needs.look(before),
                }
            }
        };
        assert!(output.is_success(), "{}{}", output.stdout, output.stderr);
        until("the harness's broker to clean up", CLEANING, || async {
            let left: Vec<String> = in_use().into_iter().filter(|name| !self.others.contains(name)).collect();
            if left.is_empty() { Check::Ready(()) } else { Check::NotYet(left.join(", ")) }
        })
        .await
        .expect("it ends by itself");
        let spans = files.iter().map(|file| span(&self.recording(file)));
        let (begins, ends): (Vec<u64>, Vec<u64>) = spans.unzip();
        let length = ends.into_iter().max().zip(begins.into_iter().min()).map_or(0, |(end, begin)| end - begin);
        (Duration::from_millis(length), needs)
    }

    /// What the harness's last run of a scenario file recorded.
    fn recording(&self, file: &Path) -> Recording {
        let folder = self.out.join("recordings").join(chartgate_scenario::name_of(file));
        Recording::load(&folder).expect("the run was recorded")
    }

    /// How long `judge` and `report` take for many recordings: those of all scenarios, again and again.
    async fn judging(&self, files: &[PathBuf]) -> [Duration; 2] {
        let many = self.out.join("many");
        drop(std::fs::remove_dir_all(&many));
        for (number, file) in files.iter().cycle().take(RECORDINGS).enumerate() {
            let (from, to) =
                (self.out.join("recordings").join(chartgate_scenario::name_of(file)), many.join(number.to_string()));
            std::fs::create_dir_all(&to).expect("a folder for a recording");
            for part in ["plan.json", "timeline.jsonl", "objects.jsonl"] {
                std::fs::copy(from.join(part), to.join(part)).expect("a recording can be copied");
            }
        }
        let mut took = [Duration::ZERO; 2];
        for (command, took) in ["judge", "report"].into_iter().zip(&mut took) {
            let call = Tool::new("chartgate", Path::new(env!("CARGO_BIN_EXE_chartgate"))).args([command]).args([&many]);
            *took = call.deadline(LIMIT).run().await.expect("the recordings pass").took;
        }
        took
    }

    /// From the kubelet's news of a pod to the harness's request about it, in milliseconds: its log, or the prober's input.
    async fn delays(&self) -> Vec<f64> {
        let cat = Tool::on_path("docker").args(["exec", &self.lease.cluster.nodes[0], "cat", AUDIT_LOG]);
        let log = cat.run().await.expect("the audit log can be read").stdout;
        let mut news: BTreeMap<(String, String), jiff::Timestamp> = BTreeMap::new();
        let mut delays = Vec::new();
        for line in log.lines() {
            let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (object, agent) = (&event["objectRef"], text(&event["userAgent"]));
            let pod = (text(&object["namespace"]), text(&object["name"]));
            let time = |key: &str| text(&event[key]).parse::<jiff::Timestamp>().ok();
            match object["subresource"].as_str() {
                Some("status") if agent.starts_with("kubelet") => {
                    news.extend(time("stageTimestamp").map(|at| (pod, at)));
                }
                Some("log" | "attach") if !agent.starts_with("kube") => {
                    let asked = time("requestReceivedTimestamp");
                    let told = news.remove(&pod);
                    delays
                        .extend(asked.zip(told).map(|(asked, told)| asked.duration_since(told).as_secs_f64() * 1000.0));
                }
                _ => {}
            }
        }
        delays
    }
}
