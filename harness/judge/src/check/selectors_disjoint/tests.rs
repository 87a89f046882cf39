use super::*;
use crate::Verdict::{Advice, Fail, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &SELECTORS_DISJOINT;

/// A workload whose selector and pods have the labels, and whose container has the ports.
fn workload(of_kind: &str, name: &str, selector: &str, labels: &str, ports: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: {of_kind}
metadata: {{name: cg-{name}}}
spec:
  selector: {{matchLabels: {selector}}}
  template:
    metadata: {{labels: {labels}}}
    spec: {{containers: [{{name: {name}, image: 'example.com/app:1', ports: {ports}}}]}}
"
    )
}

fn web_and(of_kind: &str, ports: &str) -> String {
    let web = workload(
        "Deployment",
        "web",
        "{app: cg, part: web}",
        "{app: cg, part: web}",
        "[{name: http, containerPort: 8080}]",
    );
    web + &workload(of_kind, "worker", "{app: cg, part: worker}", "{app: cg, part: worker}", ports)
}

fn service(selector: &str, port: &str) -> String {
    format!("---\nkind: Service\nmetadata: {{name: cg}}\nspec: {{selector: {selector}, ports: [{port}]}}\n")
}

/// A failure would mean that a Service which sends a part of its requests to the wrong pods is accepted.
#[test]
fn a_service_must_not_select_pods_that_do_not_serve() {
    let numeric = "{port: 80, targetPort: 8080}";
    let good = rendering(&(web_and("Deployment", "[]") + &service("{app: cg, part: web}", numeric)));
    let bad = rendering(&(web_and("Deployment", "[]") + &service("{app: cg}", numeric)));
    check(CHECK, &bad, Fail, "it selects the pods of deployment/cg-worker, too, which do not serve that port");
    let other =
        web_and("StatefulSet", "[{name: metrics, containerPort: 9090}]") + &service("{app: cg}", "{port: 8080}");
    check(CHECK, &rendering(&other), Fail, "statefulset/cg-worker");
    examples(&SELECTORS_DISJOINT, &good, &bad);
}

/// A failure would mean that a Service is refused though Kubernetes leaves the other pods out, or nobody connects by it.
#[test]
fn a_named_port_a_headless_service_and_jobs_are_left_alone() {
    let numeric = "{port: 80, targetPort: 8080}";
    let named = service("{app: cg}", "{port: 80, targetPort: http}");
    check(CHECK, &rendering(&(web_and("Deployment", "[]") + &named)), Pass, "");
    let headless = service("{app: cg}", numeric).replace("spec: {", "spec: {clusterIP: None, ");
    check(CHECK, &rendering(&(web_and("Deployment", "[]") + &headless)), Pass, "");
    check(CHECK, &rendering(&(web_and("Job", "[]") + &service("{app: cg}", numeric))), NotApplicable, "");
}

/// A failure would mean that two components behind one port go unnoticed, or that two sizes of one are taken for a mistake.
#[test]
fn different_images_behind_one_port_are_advice() {
    let both = web_and("Deployment", "[{name: http, containerPort: 8080}]")
        + &service("{app: cg}", "{port: 80, targetPort: http}");
    check(CHECK, &rendering(&both), Pass, "");
    let different = both.replacen("example.com/app:1", "example.com/other:1", 1);
    check(CHECK, &rendering(&different), Advice, "which run different images");
}

/// A failure would mean that a workload which counts another's pods is accepted.
#[test]
fn workloads_must_not_select_each_others_pods() {
    let pair = workload("Deployment", "a", "{app: cg}", "{app: cg, part: a}", "[]")
        + &workload("Deployment", "b", "{app: cg}", "{app: cg, part: b}", "[]");
    check(
        CHECK,
        &rendering(&pair),
        Advice,
        "the selector of deployment/cg-a (`app=cg`) selects the pods of deployment/cg-b, too",
    );
    let scaler = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: cg}\nspec: {scaleTargetRef: {kind: Deployment, name: cg-b}}\n";
    check(CHECK, &rendering(&(pair.clone() + scaler)), Fail, "horizontalpodautoscaler/cg counts both");
    let budget = "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: cg}\nspec: {selector: {matchLabels: {app: cg}}}\n";
    check(CHECK, &rendering(&(pair + budget)), Fail, "poddisruptionbudget/cg counts both");
    check(CHECK, &rendering(&(web_and("Deployment", "[]") + budget)), Pass, "");
}
