use super::*;
use crate::Verdict::{Fail, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &EGRESS_ALLOWS_DNS;

fn restricted(value: &str, policy: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: cg}}
spec: {{template: {{metadata: {{labels: {{app: cg}}}}, spec: {{containers: [{{name: web, env: [{{name: DB, value: '{value}'}}]}}]}}}}}}
---
kind: Service
metadata: {{name: cg-db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: cg}}
spec: {{podSelector: {{matchLabels: {{app: cg}}}}, {policy}}}
"
    )
}

const DATABASE: &str = "policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: 5432}]}";

/// A failure would mean that a chart which cuts its pods off from every name is accepted.
#[test]
fn pods_with_names_of_hosts_may_ask_the_dns() {
    let bad = rendering(&restricted("postgres://cg-db:5432/app", &format!("{DATABASE}]")));
    let good = rendering(&restricted(
        "postgres://cg-db:5432/app",
        &format!("{DATABASE}, {{ports: [{{port: 53, protocol: UDP}}]}}]"),
    ));
    let says = "networkpolicy/cg restricts what deployment/cg may reach and allows no port 53, but `DB` of container `web` names `cg-db`";
    check(CHECK, &bad, Fail, says);
    examples(&EGRESS_ALLOWS_DNS, &good, &bad);
}

/// A failure would mean that a policy under which names resolve is refused.
#[test]
fn every_way_to_the_dns_counts() {
    for (value, policy, expected) in [
        ("cg-db", "policyTypes: [Ingress]", NotApplicable),
        ("cg-db", "policyTypes: [Ingress, Egress]", Fail),
        ("cg-db", "egress: [{ports: [{port: 5432}]}]", Fail),
        ("cg-db", "egress: [{}]", Pass),
        ("cg-db", "egress: [{to: [{namespaceSelector: {}}]}]", Pass),
        ("cg-db", "egress: [{to: [{podSelector: {}}]}]", Fail),
        ("cg-db", "egress: [{ports: [{port: 1, endPort: 1024}]}]", Pass),
        ("cg-db", "egress: [{ports: [{port: dns}]}]", Pass),
        ("10.0.0.7", "policyTypes: [Egress]", NotApplicable),
        ("postgres://user:word@users-db:5432/app", "policyTypes: [Egress]", Fail),
        ("http://localhost:8080", "policyTypes: [Egress]", NotApplicable),
        ("s3://bucket/key", "policyTypes: [Egress]", NotApplicable),
        ("db.other.svc.cluster.local", "policyTypes: [Egress]", Fail),
    ] {
        check(CHECK, &rendering(&restricted(value, policy)), expected, "");
    }
    let second = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: dns}\nspec: {podSelector: {}, egress: [{ports: [{port: 53}]}]}\n";
    let restricted = restricted("cg-db", "policyTypes: [Egress]");
    check(CHECK, &rendering(&format!("{restricted}{second}")), Pass, "");
    let other = "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: cg}\n";
    check(
        CHECK,
        &rendering(&format!("{restricted}{other}")),
        NotApplicable,
        "ciliumnetworkpolicy/cg may allow the DNS",
    );
}
