use super::*;
use crate::Verdict::{Advice, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &REPLICAS_SPREAD;

fn guarded(replicas: u8, pod: &str, rule: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: cg}}
spec: {{replicas: {replicas}, template: {{metadata: {{labels: {{app: cg}}}}, spec: {{{pod}containers: [{{name: web}}]}}}}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: cg}}
spec: {{{rule}, selector: {{matchLabels: {{app: cg}}}}}}
"
    )
}

/// A failure would mean that replicas which one node takes along go unnoticed, or that a chart is advised on what it has.
#[test]
fn what_a_budget_keeps_is_spread() {
    let spread = "topologySpreadConstraints: [{maxSkew: 1}], ";
    let good = rendering(&guarded(2, spread, "minAvailable: 1"));
    let bad = rendering(&guarded(2, "", "minAvailable: 1"));
    check(
        CHECK,
        &bad,
        Advice,
        "poddisruptionbudget/cg promises pods of deployment/cg (2 replicas), and nothing spreads them",
    );
    let apart = "affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1}]}}, ";
    check(CHECK, &rendering(&guarded(2, apart, "minAvailable: 1")), Pass, "");
    check(CHECK, &rendering(&guarded(1, "", "minAvailable: 1")), NotApplicable, "");
    check(CHECK, &rendering(&guarded(2, "", "maxUnavailable: 100%")), NotApplicable, "");
    check(CHECK, &rendering(&guarded(2, "", "maxUnavailable: 1")), Advice, "nothing spreads them");
    examples(&REPLICAS_SPREAD, &good, &bad);
}
