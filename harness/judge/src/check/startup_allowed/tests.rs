use super::*;
use crate::Verdict::{Advice, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &STARTUP_ALLOWED;

fn probed(probes: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cg}}\nspec: {{template: {{spec: {{containers: [{{name: web, image: 'example.com/web:1'{probes}}}]}}}}}}\n"
    )
}

/// A failure would mean that a liveness probe which ends a migration goes unnoticed, or a patient one is advised on.
#[test]
fn a_start_may_take_what_kubernetes_allows_by_default() {
    let good = rendering(&probed(", livenessProbe: {periodSeconds: 10}, startupProbe: {failureThreshold: 30}"));
    let bad = rendering(&probed(", livenessProbe: {periodSeconds: 5}"));
    check(CHECK, &bad, Advice, "the liveness probe of container `web` of deployment/cg ends a start after 15 s");
    check(CHECK, &rendering(&probed(", livenessProbe: {initialDelaySeconds: 30}")), Pass, "");
    check(CHECK, &rendering(&probed(", livenessProbe: {periodSeconds: 10}")), Pass, "");
    for idle in ["[ls, /]", "[/bin/true]", "[sh, -c, 'exit 0']"] {
        let probe = format!(", livenessProbe: {{periodSeconds: 5, exec: {{command: {idle}}}}}");
        check(CHECK, &rendering(&probed(&probe)), Pass, "");
    }
    check(CHECK, &rendering(&probed("")), NotApplicable, "no container has a liveness probe");
    examples(&STARTUP_ALLOWED, &good, &bad);
}

/// A failure would mean that a start which migrates is ended in the middle, and nobody is told.
#[test]
fn a_start_with_a_database_or_a_migration_may_take_a_minute() {
    for more in
        ["env: [{name: DATABASE_URL}]", "command: [sh, -c, 'app migrate && exec app']", "args: ['sleep 20; exec app']"]
    {
        let probes = |liveness: &str| rendering(&probed(&format!(", livenessProbe: {liveness}, {more}")));
        check(CHECK, &probes("{periodSeconds: 10}"), Advice, "ends a start after 30 s");
        check(CHECK, &probes("{periodSeconds: 10, failureThreshold: 6}"), Pass, "");
    }
}
