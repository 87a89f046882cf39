//! `chartgate check --server` with a real API server.

use chartgate_cluster::{Lease, Request};
use chartgate_process::home;
use chartgate_process::tool::Output;

use crate::support::{self, PatchedChart, check_said};

const TEMPLATE: &str = "templates/server.yaml";
/// Objects that the server cannot know, as charts have them.
const UNKNOWN: &str = r#"
apiVersion: example.org/v1
kind: Shop
metadata: {name: "{{ .Release.Name }}-shop"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-elsewhere", namespace: nowhere}
"#;
/// Each field is right, and Kubernetes refuses the whole.
const REFUSED: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: "{{ .Release.Name }}-greedy"
  annotations: {helm.sh/hook: post-install}
spec:
  containers:
    - name: greedy
      image: registry.example/greedy:1
      resources: {requests: {cpu: "2"}, limits: {cpu: "1"}}
"#;

/// The starter chart with one more template.
fn chart_with(template: &str) -> PatchedChart {
    let chart = PatchedChart::copy(&support::repository().join("charts/starter"));
    std::fs::write(chart.path().join(TEMPLATE), template).expect("the copy can be written");
    chart
}

async fn check(chart: &PatchedChart, lease: &Lease, context: &[&str]) -> Output {
    let out = chart.path().with_extension("out");
    let call = support::chartgate(["check", "--server", "--helm", "3"]).args(context).args([chart.path()]);
    let call = call.args(["--out"]).args([&out]).env("KUBECONFIG", &lease.cluster.kubeconfig);
    let output = call.run_unchecked().await.expect("the command starts");
    std::fs::remove_dir_all(out).ok();
    output
}

/// A failure would mean that a chart which each server refuses is let through, or that a right one is red for what a server lacks.
#[tokio::test]
#[ignore = "the nightly CI runs it: `make test ALL=1`"]
async fn an_api_server_says_what_it_would_refuse() {
    home::set_exe(env!("CARGO_BIN_EXE_chartgate"));
    let request = Request::new("dry-run".to_owned(), support::options().kubernetes);
    let lease = Lease::acquire(&request, |what| println!("{what}")).await.expect("a cluster can be had");
    let context = format!("kind-{}", lease.cluster.name);

    let right = check(&chart_with(UNKNOWN), &lease, &["--context", &context]).await;
    let sent = format!("the objects were also sent to the API server of context `{context}`");
    let unknown = "the server serves no Shop of example.org/v1";
    check_said(&right, 0, &["pass    admitted", unknown, "namespaces \"nowhere\" not found", &sent]);

    // Without a context, that of a run is asked, which is here.
    let refused = check(&chart_with(REFUSED), &lease, &[]).await;
    let says = "-greedy\" is invalid: spec.containers[0].resources.requests: Invalid value: \"2\"";
    check_said(&refused, 1, &["FAIL admitted", "the API server refuses pod/", says]);
    lease.end().await.expect("the lease ends");
}
