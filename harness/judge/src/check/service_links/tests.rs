use super::*;
use crate::judge::Verdict::{Advice, NotApplicable, Pass};
use crate::judge::testing::{check, examples, rendering};

const CHECK: &Check = &SERVICE_LINKS;

/// A Service of the chart's own name, a Deployment that sets `APP_PORT`, and a Job of the same image.
fn pods(job: &str, image: &str) -> String {
    format!(
        "kind: Service
metadata: {{name: cg-app}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: cg-app}}
spec: {{template: {{spec: {{containers: [{{name: app, image: 'example.com/app:1', env: [{{name: APP_PORT, value: '80'}}]}}]}}}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {{name: cg-job}}
spec: {{template: {{spec: {{containers: [{{name: job, image: '{image}'{job}}}]}}}}}}
"
    )
}

/// A failure would mean that a pod which takes an address for its port goes unnoticed.
#[test]
fn a_variable_that_the_image_reads_must_not_come_from_a_service() {
    let bad = rendering(&pods("", "example.com/app:1"));
    let good = rendering(&pods(", env: [{name: APP_PORT, value: '80'}]", "example.com/app:1"));
    check(CHECK, &bad, Advice, "container `job` of job/cg-job gets `APP_PORT` from service/cg-app as `tcp://…`");
    check(CHECK, &rendering(&pods("", "example.com/other:1")), Pass, "");
    let unlinked = pods("", "example.com/app:1").replace("{spec: {containers: [{name: job", "{spec: {enableServiceLinks: false, containers: [{name: job");
    check(CHECK, &rendering(&unlinked), Pass, "");
    check(CHECK, &rendering("kind: Service\nmetadata: {name: cg}\n"), NotApplicable, "");
    examples(&SERVICE_LINKS, &good, &bad);
}
