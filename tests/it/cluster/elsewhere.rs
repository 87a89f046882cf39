//! A cluster that chartgate knows nothing of: someone's, which it uses and leaves as it was.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use chartgate_base::random;
use chartgate_cluster::{Lease, Request};
use chartgate_process::home;
use chartgate_process::tool::{Output, Tool};
use chartgate_process::wait::{Check, pause, until};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{ListParams, PostParams};
use kube::config::Kubeconfig;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support;

/// A scenario with three steps takes two minutes on a busy machine.
const RUN: Duration = Duration::from_secs(900);
/// Emptied namespaces are gone within seconds; a busy machine takes its time.
const REMOVAL: Duration = Duration::from_secs(120);
/// How long the network is away.
const AWAY: Duration = Duration::from_secs(20);
/// Who the user with few rights is.
const USER: &str = "few-rights";

/// A kind cluster that is used as if it were elsewhere: no port of this machine's engine is known to lead to it.
struct Elsewhere {
    lease: Lease,
    client: Client,
    folder: TempDir,
    before: BTreeSet<String>,
}

impl Elsewhere {
    async fn new() -> Self {
        home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
        let own = ["POSTGRES", "PROBER"].map(|key| home::image(key).expect("its image is there")).into_iter();
        let images = own.chain(["v1", "v2"].map(|version| format!("chartgate/codex-pooler:{version}"))).collect();
        let run = format!("elsewhere-{}", random::text(6));
        let request = Request { millicores: 1000, images, ..Request::new(run, support::options().kubernetes) };
        let lease = Lease::acquire(&request, |what| println!("{what}")).await.expect("a cluster can be had");
        let client = chartgate_cluster::client(&lease.cluster.kubeconfig).await.expect("the cluster can be reached");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let before = objects(&client).await;
        Self { lease, client, folder, before }
    }

    /// A kubeconfig that reaches the cluster by its node's own address, as someone else if one is named.
    async fn kubeconfig(&self, user: Option<&str>) -> PathBuf {
        let nodes = Api::<Node>::all(self.client.clone()).list(&ListParams::default()).await;
        let nodes = nodes.expect("its nodes can be listed").items.into_iter();
        let mut addresses = nodes.flat_map(|node| node.status.unwrap_or_default().addresses.unwrap_or_default());
        let address = addresses.find(|address| address.type_ == "InternalIP").expect("a node has an address").address;
        let mut config = Kubeconfig::read_from(&self.lease.cluster.kubeconfig).expect("the cluster has a kubeconfig");
        let cluster = config.clusters[0].cluster.as_mut().expect("it has a cluster");
        cluster.server = Some(format!("https://{address}:6443"));
        config.auth_infos[0].auth_info.as_mut().expect("it has a user").impersonate = user.map(str::to_owned);
        "elsewhere".clone_into(&mut config.contexts[0].name);
        let path = self.folder.path().join("kubeconfig");
        std::fs::write(&path, serde_json::to_string(&config).expect("it is JSON, which is YAML")).expect("a file");
        path
    }

    /// Runs a scenario there as someone, and gives how the command ended and its report.
    async fn run(&self, scenario: &str, user: Option<&str>) -> (Output, Value) {
        let out = self.folder.path().join("out");
        let call = support::chartgate(["run", "--context", "elsewhere", "--out"]).args([&out]);
        let call = call.args([support::repository().join("scenarios").join(scenario)]);
        let call = call.env("KUBECONFIG", self.kubeconfig(user).await);
        let call = call.env("CHARTGATE_PROBER_IMAGE", home::prober().expect("its image is there"));
        let output = call.deadline(RUN).run_unchecked().await.expect("the command starts");
        println!("{}{}", output.stdout, output.stderr);
        let report = std::fs::read_to_string(out.join("verdict.json")).unwrap_or_default();
        (output, serde_json::from_str(&report).unwrap_or_default())
    }

    /// Has the node refuse all that comes from outside to its API server, or no longer.
    async fn cut(&self, is_cut: bool) {
        let rules = "nft add table inet cut && nft 'add chain inet cut input { type filter hook input priority -10; }' \
                     && nft add rule inet cut input iifname eth0 tcp dport 6443 reject with tcp reset";
        let rules = if is_cut { rules } else { "nft delete table inet cut" };
        let call = Tool::on_path("docker").args(["exec", &self.lease.cluster.nodes[0], "bash", "-c", rules]);
        call.run().await.expect("the node's network can be changed");
    }

    /// Everything is as it was. The broker removes what a run owned once it has ended.
    async fn end(self) {
        let left = until("the cluster to be as it was", REMOVAL, || async {
            let (now, before) = (objects(&self.client).await, &self.before);
            if now == *before { Check::Ready(()) } else { Check::NotYet(format!("{now:?} instead of {before:?}")) }
        });
        left.await.unwrap_or_else(|error| panic!("{error:#}"));
        self.lease.end().await.expect("nothing is left");
    }

    /// Lets the user with few rights do this.
    async fn allow(&self, rules: &[Value]) {
        let name = json!({"name": USER});
        let role = json!({"metadata": name, "rules": rules});
        let subjects = json!([{"kind": "User", "name": USER, "apiGroup": "rbac.authorization.k8s.io"}]);
        let of = json!({"kind": "ClusterRole", "name": USER, "apiGroup": "rbac.authorization.k8s.io"});
        let binding = json!({"metadata": name, "roleRef": of, "subjects": subjects});
        let role: ClusterRole = serde_json::from_value(role).expect("it is a role");
        let binding: ClusterRoleBinding = serde_json::from_value(binding).expect("it is a binding");
        let (roles, bindings) = (Api::all(self.client.clone()), Api::all(self.client.clone()));
        roles.create(&PostParams::default(), &role).await.expect("the role can be made");
        bindings.create(&PostParams::default(), &binding).await.expect("the binding can be made");
    }

    async fn disallow(&self) {
        let (roles, bindings) =
            (Api::<ClusterRole>::all(self.client.clone()), Api::<ClusterRoleBinding>::all(self.client.clone()));
        bindings.delete(USER, &kube::api::DeleteParams::default()).await.expect("the binding goes");
        roles.delete(USER, &kube::api::DeleteParams::default()).await.expect("the role goes");
    }
}

/// What is in a cluster beside what is in its namespaces.
async fn objects(client: &Client) -> BTreeSet<String> {
    let mut all = names::<Namespace>(client).await;
    all.extend(names::<ClusterRole>(client).await);
    all.extend(names::<ClusterRoleBinding>(client).await);
    all.extend(names::<MutatingWebhookConfiguration>(client).await);
    all
}

async fn names<K>(client: &Client) -> BTreeSet<String>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let all = Api::<K>::all(client.clone()).list(&ListParams::default()).await.expect("they can be listed");
    all.items.iter().map(|object| format!("{}/{}", K::kind(&()), object.name_any())).collect()
}

/// The rights that the document lists, as rules of a role, but for a resource.
fn documented(but: &str) -> Vec<Value> {
    let document = include_str!("../../../docs/src/how-to/existing-cluster.md");
    let ticked = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows = document.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let rows = rows.filter(|cells| cells.len() == 8 && cells[5].contains('`') && cells[3].contains('`'));
    let rules = rows.map(|cells| {
        let resources: Vec<String> = match ticked(cells[4]).as_slice() {
            [] => ticked(cells[3]),
            parts => parts.iter().map(|part| format!("{}/{part}", ticked(cells[3])[0])).collect(),
        };
        (ticked(cells[2]).pop().unwrap_or_default(), resources, ticked(cells[5]))
    });
    // What this chart contains.
    let of_chart =
        [("", vec!["services", "serviceaccounts", "secrets"]), ("apps", vec!["deployments"]), ("batch", vec!["jobs"])];
    let of_chart = of_chart.map(|(group, resources)| {
        let verbs = ["get", "create", "patch", "delete"].map(str::to_owned).to_vec();
        (group.to_owned(), resources.into_iter().map(str::to_owned).collect(), verbs)
    });
    let all: Vec<(String, Vec<String>, Vec<String>)> = rules.chain(of_chart).collect();
    assert!(all.len() > 20, "the table is not read: {all:?}");
    let all = all.into_iter().filter(|(_, resources, _)| !resources.iter().any(|resource| resource == but));
    all.map(|(group, resources, verbs)| json!({"apiGroups": [group], "resources": resources, "verbs": verbs})).collect()
}

/// A failure would mean that a user whose cluster is elsewhere has no database there, or finds something of a run in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn it_has_the_database_of_a_run_and_is_left_as_it_was() {
    let elsewhere = Elsewhere::new().await;
    let (_, report) = elsewhere.run("codex-pooler/failing-migration.yaml", None).await;
    let checks = report["scenarios"][0]["checks"].as_array().expect("it lists checks");
    for name in ["fault-happened", "failed-migration-contained", "role-migrates", "upgrade-happened"] {
        let check = checks.iter().find(|check| check["check"] == name);
        assert_eq!(check.and_then(|check| check["verdict"].as_str()), Some("pass"), "{name}: {check:?}");
    }
    elsewhere.end().await;
}

/// A failure would mean that a user with the rights that the document lists cannot run a scenario, or that one who lacks a right learns of it
/// in the middle of a run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn the_documented_rights_are_enough_and_a_missing_one_is_named_before_anything_is_made() {
    let elsewhere = Elsewhere::new().await;
    elsewhere.allow(&documented("pods/attach")).await;
    let (output, _) = elsewhere.run("codex-pooler/single-replica.yaml", Some(USER)).await;
    support::check_said(&output, 4, &["`create pods/attach`, `get pods/attach` in the namespace", "lacks rights: "]);
    elsewhere.disallow().await;
    assert_eq!(objects(&elsewhere.client).await, elsewhere.before, "nothing was made");

    elsewhere.allow(&documented("")).await;
    let (output, _) = elsewhere.run("codex-pooler/single-replica.yaml", Some(USER)).await;
    support::check_said(&output, 0, &["1 passed"]);
    elsewhere.disallow().await;
    elsewhere.end().await;
}

/// A failure would mean that a network that was away is laid to the chart, or that what it kept from being removed stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn a_network_that_is_away_in_a_run_proves_nothing_and_leaves_nothing() {
    let elsewhere = Elsewhere::new().await;
    let cutting = async {
        let started = until("a pod of the release to be made", REMOVAL, || async {
            let pods = Api::<Pod>::all(elsewhere.client.clone()).list(&ListParams::default()).await;
            let pods = pods.map(|pods| pods.items).unwrap_or_default();
            let is_it = |pod: &Pod| pod.name_any().contains("-migrations-");
            if pods.iter().any(is_it) { Check::Ready(()) } else { Check::NotYet("there is none".to_owned()) }
        });
        started.await.unwrap_or_else(|error| panic!("{error:#}"));
        elsewhere.cut(true).await;
        pause(AWAY).await;
        elsewhere.cut(false).await;
    };
    let ((output, _), ()) = tokio::join!(elsewhere.run("codex-pooler/single-replica.yaml", None), cutting);
    support::check_said(&output, 3, &["VOID"]);
    elsewhere.end().await;
}
