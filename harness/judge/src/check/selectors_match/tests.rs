use super::*;
use crate::Verdict::{Advice, Fail, NotApplicable, Pass};
use crate::testing::{check, examples, rendering};

const CHECK: &Check = &SELECTORS_MATCH;

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: cg}
spec:
  template:
    metadata: {labels: {app: cg, tier: web}}
    spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
";

fn with(object: &str) -> String {
    format!("{WEB}---\n{object}")
}

fn budget(selector: &str) -> String {
    with(&format!(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: cg}}\nspec: {{maxUnavailable: 1, selector: {selector}}}\n"
    ))
}

/// A failure would mean that a budget which protects nothing is accepted.
#[test]
fn a_budget_must_select_pods_of_the_release() {
    let good = rendering(&budget("{matchLabels: {app: cg}}"));
    let bad = rendering(&budget("{matchLabels: {k8s-app: cg}}"));
    check(CHECK, &bad, Fail, "poddisruptionbudget/cg selects no pod of the release by `k8s-app=cg`");
    check(CHECK, &rendering(&budget("{matchLabels: {app: other}}")), Advice, "");
    examples(&SELECTORS_MATCH, &good, &bad);
}

/// A failure would mean that a selector is read in another way than Kubernetes does.
#[test]
fn expressions_count() {
    for (expression, expected) in [
        ("{key: tier, operator: In, values: [api, web]}", Pass),
        ("{key: tier, operator: NotIn, values: [web]}", Fail),
        ("{key: tier, operator: Exists}", Pass),
        ("{key: tier, operator: DoesNotExist}", Fail),
    ] {
        let selector = format!("{{matchLabels: {{app: cg}}, matchExpressions: [{expression}]}}");
        check(CHECK, &rendering(&budget(&selector)), expected, "");
    }
    check(CHECK, &rendering(&budget("{matchLabels: {app: cg, pod-template-hash: x}}")), Pass, "");
    check(CHECK, &rendering(&budget("{}")), NotApplicable, "");
}

/// A failure would mean that a chart is refused for pods that its operator makes, or labels that its pods set themselves.
#[test]
fn pods_that_are_made_or_labelled_at_run_time_are_not_missing() {
    let budget = budget("{matchLabels: {app: cg, leader: 'true'}}");
    check(CHECK, &rendering(&budget), Fail, "leader=true");
    for maker in [
        "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: cg}\n",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: cg}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get, patch]}]\n",
    ] {
        check(
            CHECK,
            &rendering(&format!("{budget}---\n{maker}")),
            NotApplicable,
            "selects nothing that is rendered, but",
        );
    }
}

/// A failure would mean that a budget of a component which these values leave out is refused, or a typing slip accepted.
#[test]
fn a_component_that_is_not_rendered_has_no_pods() {
    let absent = budget("{matchLabels: {app: cg, tier: broker}}").replace(
        "kind: PodDisruptionBudget\nmetadata: {name: cg}",
        "kind: PodDisruptionBudget\nmetadata: {name: kafka-broker}",
    );
    check(CHECK, &rendering(&absent), NotApplicable, "the component that it is for is not rendered");
    let database = budget("{matchLabels: {app: cg, tier: ghost}}")
        .replace("kind: Deployment\nmetadata: {name: cg}", "kind: Deployment\nmetadata: {name: cg-database}");
    check(CHECK, &rendering(&database), NotApplicable, "the component that it is for is not rendered");
    check(CHECK, &rendering(&budget("{matchLabels: {app: cg, tier: wbe}}")), Fail, "");
}

/// A failure would mean that a policy for pods of others is refused, or one that guards nothing accepted.
#[test]
fn a_policy_may_be_for_pods_of_others() {
    let policy = |selector: &str| {
        with(&format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: cg}}\nspec: {{podSelector: {selector}}}\n"
        ))
    };
    check(CHECK, &rendering(&policy("{matchLabels: {app: cg}}")), Pass, "");
    check(CHECK, &rendering(&policy("{matchLabels: {name: cg}}")), Fail, "networkpolicy/cg");
    check(CHECK, &rendering(&policy("{matchLabels: {app: database}}")), NotApplicable, "");
}

/// A failure would mean that nothing is scraped, and nobody is told.
#[test]
fn a_monitor_needs_its_service_and_port() {
    let service = "kind: Service\nmetadata: {name: cg, labels: {app: cg}}\nspec: {selector: {app: cg}, ports: [{name: http, port: 80}]}\n";
    let monitor = |spec: &str| {
        with(&format!(
            "{service}---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {{name: cg}}\nspec: {spec}\n"
        ))
    };
    check(CHECK, &rendering(&monitor("{selector: {matchLabels: {app: cg}}, endpoints: [{port: http}]}")), Pass, "");
    check(
        CHECK,
        &rendering(&monitor("{selector: {matchLabels: {name: cg}}, endpoints: [{port: http}]}")),
        Advice,
        "selects no Service",
    );
    let says = "servicemonitor/cg asks port `metrics`, which nothing that it selects has";
    check(
        CHECK,
        &rendering(&monitor("{selector: {matchLabels: {app: cg}}, endpoints: [{port: metrics}]}")),
        Advice,
        says,
    );
    let elsewhere = "{selector: {matchLabels: {app: dns}}, namespaceSelector: {matchNames: [kube-system]}}";
    check(CHECK, &rendering(&monitor(elsewhere)), Pass, "");
}

/// A failure would mean that a Service without pods goes unnoticed, or one for pods of others is taken for a mistake.
#[test]
fn a_service_that_names_the_release_selects_its_pods() {
    let service =
        |selector: &str| with(&format!("kind: Service\nmetadata: {{name: cg}}\nspec: {{selector: {selector}}}\n"));
    check(CHECK, &rendering(&service("{name: cg}")), Advice, "service/cg selects no pod of the release by `name=cg`");
    check(CHECK, &rendering(&service("{app: mysql}")), NotApplicable, "");
}
