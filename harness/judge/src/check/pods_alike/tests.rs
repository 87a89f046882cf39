use super::*;
use crate::Verdict::{Advice, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &PODS_ALIKE;

/// A Deployment with pull secrets and tolerations, and a Job of the same image.
fn pods(job: &str, account: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: cg}}
spec:
  template:
    spec:
      imagePullSecrets: [{{name: registry}}]
      tolerations: [{{key: dedicated, operator: Exists}}]
      containers: [{{name: web, image: 'example.com/web:1'}}]
---
apiVersion: batch/v1
kind: Job
metadata: {{name: cg-job}}
spec: {{template: {{spec: {{{job}initContainers: [{{name: wait, image: 'example.com/web:1'}}], containers: [{{name: job, image: busybox}}]}}}}}}
---
kind: ServiceAccount
metadata: {{name: cg}}
{account}
"
    )
}

const SECRET: &str = "imagePullSecrets: [{name: registry}], ";
const TOLERATION: &str = "tolerations: [{key: dedicated, operator: Exists}], ";

/// A failure would mean that a hook which may not pull its image goes unnoticed.
#[test]
fn pods_of_one_image_have_the_same_pull_secrets() {
    let bad = rendering(&pods(TOLERATION, ""));
    let good = rendering(&pods(&format!("{TOLERATION}{SECRET}"), ""));
    check(
        CHECK,
        &bad,
        Advice,
        "the pods of job/cg-job have no `imagePullSecrets`, and those of deployment/cg pull example.com/web with some",
    );
    let by_account = pods(&format!("{TOLERATION}serviceAccountName: cg, "), "imagePullSecrets: [{name: registry}]");
    check(CHECK, &rendering(&by_account), Pass, "");
    check(CHECK, &rendering("kind: Service\nmetadata: {name: cg}\n"), NotApplicable, "");
    examples(&PODS_ALIKE, &good, &bad);
}

/// A failure would mean that a hook which finds no node goes unnoticed, or that the pods of every node are taken for a model.
#[test]
fn jobs_tolerate_what_the_others_of_their_image_do() {
    check(
        CHECK,
        &rendering(&pods(SECRET, "")),
        Advice,
        "the pods of job/cg-job have no `tolerations`, and those of deployment/cg",
    );
    let daemon = pods(SECRET, "").replace("kind: Deployment", "kind: DaemonSet");
    check(CHECK, &rendering(&daemon), Pass, "");
}
