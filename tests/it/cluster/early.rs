//! A step ends as soon as it is certain that it cannot succeed, and no sooner.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use chartgate_cluster::{Lease, Request};
use chartgate_judge::Verdict;
use chartgate_model::plan::Plan;
use chartgate_model::recording::{Moment, Recording};
use chartgate_process::home;
use chartgate_process::tool::Tool;
use chartgate_process::wait::{Check, pause, until};
use chartgate_runner::run;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::Api;
use kube::api::{ListParams, PostParams};

use crate::support::{self, strangers::Stranger};

/// A scenario's pods are there within seconds, on a busy machine within minutes.
const START: Duration = Duration::from_secs(180);
const TEMPLATE: &str = "templates/everything.yaml";
const CONTAINER: &str = "        - name: web\n";

/// The chart `bare` with another text in its one template.
fn bare(text: &str, other: &str) -> Stranger {
    Stranger::new("bare").with(TEMPLATE, text, other)
}

/// The same with more in its container.
fn container(more: &str) -> Stranger {
    bare(CONTAINER, &format!("{CONTAINER}          {more}\n"))
}

/// Runs a chart of which a pod can never start, and checks that this is told first, and that nobody waited for helm's own time.
async fn check_given_up(stranger: &Stranger, label: &str, says: &[&str]) {
    check_plan_given_up(&stranger.plan(&format!("early/{label}")), says).await;
}

async fn check_plan_given_up(plan: &Plan, says: &[&str]) {
    let scenario = support::run(plan).await;
    let finding = scenario.checks.iter().find(|finding| finding.check == "pods-start").unwrap();
    assert_eq!(finding.verdict, Verdict::Fail, "{}: {:#?}", plan.name, scenario.checks);
    for part in says {
        assert!(finding.message.contains(part), "`{part}` is not in: {}", finding.message);
    }
    assert!(ended_early(&scenario.evidence), "{} waited for helm's own time limit", plan.name);
    let left = Recording::load(&scenario.evidence).unwrap();
    let release = left.entries.iter().find_map(|entry| match &entry.moment {
        Moment::Release(release) => Some(release.status.as_str()),
        _ => None,
    });
    assert_eq!(release, Some("failed"), "what helm leaves when it is interrupted is recorded");
}

fn ended_early(evidence: &Path) -> bool {
    let recording = Recording::load(evidence).unwrap();
    recording.entries.iter().any(|entry| matches!(entry.moment, Moment::EndedEarly { .. }))
}

/// A failure would mean that a user waits five minutes to read that a pod is not ready, and not why it never will be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_passes_ends_its_step_with_the_reason() {
    let variable = "env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]";
    let secret = container(variable);
    let settings = bare("configMap: {name: bare-page,", "configMap: {name: gone,");
    let root = container("securityContext: {runAsNonRoot: true, runAsUser: 0}");
    let picky = bare("      containers:\n", "      nodeSelector: {disk: ssd}\n      containers:\n");
    let privileged = container("securityContext: {privileged: true}");
    let mut restricted = privileged.plan("early/restricted");
    restricted.namespace_labels =
        BTreeMap::from([("pod-security.kubernetes.io/enforce".to_owned(), "baseline".to_owned())]);
    tokio::join!(
        check_given_up(
            &secret,
            "secret",
            &["secret/db does not exist, and nothing in the release makes it", "deployment/bare"]
        ),
        check_given_up(&settings, "settings", &["configmap/gone does not exist"]),
        check_given_up(&root, "root", &["container `web` of pod/bare-", "non-root"]),
        check_given_up(&picky, "node-selector", &["no node has what pod/bare-", "disk"]),
        check_plan_given_up(&restricted, &["of deployment/bare may not create its pods", "violates PodSecurity"]),
    );
}

/// A failure would mean that a mistyped tag is told as a workload that is not ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_its_registry_does_not_have_ends_its_step_with_the_registrys_answer() {
    home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
    let lease = lease().await;
    // In the node's own network: containerd speaks plain HTTP to its own machine alone.
    let name = format!("{}-registry-{}", lease.cluster.name, chartgate_base::random::text(6));
    let network = format!("container:{}", lease.cluster.nodes[0]);
    let image = home::image("REGISTRY").unwrap();
    let start = ["run", "--detach", "--name", &name, "--network", &network, &image];
    Tool::on_path("docker").args(start).run().await.unwrap();
    let absent = Stranger::new("bare");
    let own = image_line(&absent);
    let absent = absent.with(TEMPLATE, &own, "image: localhost:5000/none:1");
    let says =
        ["image `localhost:5000/none:1` does not exist, its registry answers (`", "container `web` of pod/bare-"];
    check_given_up(&absent, "image", &says).await;
    Tool::on_path("docker").args(["rm", "--force", &name]).run().await.unwrap();
    lease.end().await.unwrap();
}

/// The line of the chart's image, as the template has it by now.
fn image_line(stranger: &Stranger) -> String {
    let text = std::fs::read_to_string(stranger.path().join(TEMPLATE)).unwrap();
    let found = text.lines().find(|line| line.trim().starts_with("image: ")).unwrap();
    found.trim().to_owned()
}

async fn lease() -> Lease {
    let request = Request::new("early".to_owned(), support::options().kubernetes);
    Lease::acquire(&request, |what| println!("{what}")).await.unwrap()
}

/// A failure would mean that a sound chart is red because it takes its time, or because someone else makes what it needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_pass_is_waited_for() {
    home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
    let lease = lease().await;
    let slow = bare("command: [httpd,", "command: [sh, -c, 'sleep 45; exec \"$@\"', sh, httpd,");
    let late = container("env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]");
    late.append(TEMPLATE, MAKER);
    let crashing = bare(
        "command: [httpd,",
        "command: [sh, -c, 'test $(($(date +%s) - $(stat -c %Y /page))) -gt 40 || exit 1; exec \"$@\"', sh, httpd,",
    );
    let waited = async |stranger: &Stranger, label: &str, is_red_for: &[&str]| {
        let scenario = support::run(&stranger.plan(&format!("early/{label}"))).await;
        assert!(!ended_early(&scenario.evidence), "{label} was given up");
        let red: Vec<&str> =
            scenario.checks.iter().filter(|it| it.verdict.is_red()).map(|it| it.check.as_str()).collect();
        assert_eq!(red, is_red_for, "{label}: {:#?}", scenario.checks);
    };
    let late_plan = late.plan("early/late-secret");
    tokio::join!(
        waited(&slow, "slow", &[]),
        waited(&late, "late-secret", &[]),
        make_secret(&lease, &late_plan),
        // It becomes ready after a back-off, and that it crashed before is told by itself.
        waited(&crashing, "back-off", &["no-restarts"]),
    );
    lease.end().await.unwrap();
}

/// An account of the release that may make Secrets.
const MAKER: &str = "
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: maker}
rules: [{apiGroups: [''], resources: [secrets], verbs: [create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: maker}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: maker}
subjects: [{kind: ServiceAccount, name: default}]
";

/// Makes the Secret for which a scenario's pod waits, in the place of a controller of the release that takes its time.
async fn make_secret(lease: &Lease, plan: &Plan) {
    let client = chartgate_cluster::client(&lease.cluster.kubeconfig).await.unwrap();
    let label = format!("chartgate.dev/scenario={}", plan.name.replace('/', "."));
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let ns = until("the scenario's namespace", START, || async {
        let listed = namespaces.list(&ListParams::default().labels(&label)).await.unwrap();
        let names = listed.items.into_iter().filter_map(|namespace| namespace.metadata.name);
        names.into_iter().find(|name| !name.ends_with("-prober")).map_or(Check::NotYet(label.clone()), Check::Ready)
    });
    let ns = ns.await.unwrap();
    let pods: Api<Pod> = Api::namespaced(client.clone(), &ns);
    until("the pod to wait for its Secret", START, || async {
        let listed = serde_json::to_string(&pods.list(&ListParams::default()).await.unwrap().items).unwrap();
        if listed.contains("CreateContainerConfigError") { Check::Ready(()) } else { Check::NotYet(listed) }
    })
    .await
    .unwrap();
    pause(2 * run::PATIENCE).await;
    let secret = serde_json::json!({"metadata": {"name": "db"}, "stringData": {"password": "late"}});
    let secrets: Api<Secret> = Api::namespaced(client, &ns);
    secrets.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
}
