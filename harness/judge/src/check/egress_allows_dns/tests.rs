use super::*;
use crate::Verdict::{Fail, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &EGRESS_ALLOWS_DNS;

fn restricted(value: &str, policy: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: cg}}
spec: {{template: {{metadata: {{labels: {{app: cg}}}}, spec: {{containers: [{{name: web, env: [{{name: DB_HOST, value: '{value}'}}]}}]}}}}}}
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
    let says = "networkpolicy/cg restricts what deployment/cg may reach and allows no port 53, but `DB_HOST` of container `web` names `cg-db`";
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
        ("cg-db-0.cg-db:5432", "policyTypes: [Egress]", Fail),
        ("postgres://db.example.com:5432/app", "policyTypes: [Egress]", Fail),
        ("postgres://10.0.0.7:5432/app", "policyTypes: [Egress]", NotApplicable),
        ("https://shop.example.com", "policyTypes: [Egress]", NotApplicable),
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

/// A failure would mean that what a program calls itself is taken for a host that it asks.
#[test]
fn a_name_is_a_host_where_the_words_around_it_say_so() {
    let given = |container: &str| {
        let pod = restricted("", "policyTypes: [Egress]").replace("env: [{name: DB_HOST, value: ''}]", container);
        let service = "---\nkind: Service\nmetadata: {name: cg}\nspec: {selector: {app: cg}}\n";
        rendering(&format!("{pod}{service}"))
    };
    for (container, expected) in [
        ("env: [{name: OTEL_SERVICE_NAME, value: cg}]", NotApplicable),
        ("env: [{name: SELF_URL, value: 'http://cg:80'}]", NotApplicable),
        ("env: [{name: TOPIC, value: cg-db}]", NotApplicable),
        ("env: [{name: APP_HOST, value: cg.example.com}]", NotApplicable),
        ("env: [{name: APP_HOST, value: cg}]", NotApplicable),
        ("env: [{name: PEERS, value: cg-0.cg}]", Fail),
        ("env: [{name: API, value: cg.cg-test}]", Fail),
        ("command: [sh, -c, 'curl -f http://localhost/ && nc -z cg 80']", Fail),
        ("env: [{name: DB_HOST, value: cg-db}]", Fail),
        ("env: [{name: dbHost, value: cg-db}]", Fail),
        ("env: [{name: WAIT_FOR, value: 'cg-db:5432'}]", Fail),
        ("env: [{name: REDIS_HOST, value: redis.example.com}]", Fail),
        ("env: [{name: INGRESS_HOST, value: shop.example.com}]", NotApplicable),
        ("args: ['--name=cg-db', --leader-election-id, cg]", NotApplicable),
        ("args: ['--db-host=cg-db']", Fail),
        ("args: [--db-host, cg-db]", Fail),
        ("command: [sh, -c, 'until nc -z cg-db 5432; do sleep 1; done']", Fail),
    ] {
        check(CHECK, &given(container), expected, "");
    }
    let config = "---\nkind: ConfigMap\nmetadata: {name: cg}\ndata: {host: cg-db}\n";
    let container = "env: [{name: DB_HOST, valueFrom: {configMapKeyRef: {name: cg, key: host}}}]";
    let pod = restricted("", "policyTypes: [Egress]").replace("env: [{name: DB_HOST, value: ''}]", container);
    check(CHECK, &rendering(&format!("{pod}{config}")), Fail, "names `cg-db`");
}
