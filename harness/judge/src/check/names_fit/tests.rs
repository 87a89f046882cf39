use chartgate_model::recording::Variant;
use serde_json::{Value, json};

use super::*;
use crate::Verdict::{Advice, Fail, NotApplicable, Pass};
use crate::testing::{Story, check, examples, rendering};

const CHECK: &Check = &NAMES_FIT;

/// A failure would mean that a chart of which helm can make only a part is accepted.
#[test]
fn two_objects_of_one_kind_must_not_share_a_name() {
    let twice = "kind: Service\nmetadata: {name: cg}\n---\nkind: Service\nmetadata: {name: cg}\n";
    check(CHECK, &rendering(twice), Fail, "2 objects get the name service/cg: all but one are refused");
    check(
        CHECK,
        &rendering("kind: Service\nmetadata: {name: cg}\n---\nkind: Secret\nmetadata: {name: cg}\n"),
        Pass,
        "",
    );
    let hook = "kind: Job\nmetadata: {name: cg, annotations: {helm.sh/hook: pre-install}}\n---\n".repeat(2);
    check(CHECK, &rendering(&hook), NotApplicable, "");
}

/// The Services `cg-a` and `cg-b`, and how they are called under a release name of 53 characters.
fn services(long: [&str; 2]) -> Story {
    let manifest = "kind: Service\nmetadata: {name: cg-a}\n---\nkind: Service\nmetadata: {name: cg-b}\n";
    let renamed = |object: &mut Value| {
        let index = usize::from(object["metadata"]["name"] == "cg-b");
        object["metadata"]["name"] = json!(long[index]);
    };
    rendering(manifest).varied(Variant::Release { name: "c".repeat(53) }, renamed)
}

/// A failure would mean that a long release name makes two objects one, and nobody is told.
#[test]
fn names_that_are_cut_stay_apart() {
    let (good, bad) = (services(["cc-a", "cc-b"]), services(["cc", "cc"]));
    check(
        CHECK,
        &bad,
        Fail,
        "2 objects get the name service/cc where the release's name has 53 characters, the most that helm takes",
    );
    check(
        CHECK,
        &services(["cc", &"c".repeat(64)]),
        Advice,
        "has 64 characters where the release's name has 53 characters, the most that helm takes, and 63 are allowed",
    );
    examples(&NAMES_FIT, &good, &bad);
}

/// A failure would mean that an object which the API server refuses is accepted, or that a name which it takes is called wrong.
#[test]
fn names_and_labels_have_the_form_that_kubernetes_takes() {
    let named = |of_kind: &str, name: &str| format!("kind: {of_kind}\nmetadata: {{name: '{name}'}}\n");
    for (of_kind, name, expected) in [
        ("Service", "cg-API", Fail),
        ("Service", "cg.web", Fail),
        ("ConfigMap", "cg-", Fail),
        ("ConfigMap", "cg_web", Fail),
        ("ConfigMap", "1cg.web", Pass),
        ("Secret", "sh.helm.release.v1.cg.v1", Pass),
        ("Service", "cg-api", Pass),
        ("Service", "1cg", Pass),
    ] {
        let says = if expected == Fail { "Kubernetes refuses the name" } else { "" };
        check(CHECK, &rendering(&named(of_kind, name)), expected, says);
    }
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'system:CG'}\n";
    check(CHECK, &rendering(role), Pass, "");
    let custom = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: 'CG:1'}\n";
    check(CHECK, &rendering(custom), Pass, "");
    for (value, expected) in [
        ("app-1.2.3+build", Fail),
        ("registry.example/app:1", Fail),
        ("two words", Fail),
        ("cg-", Fail),
        ("", Pass),
        ("App_1.2-x", Pass),
        ("[redacted]", Pass),
    ] {
        let pods = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cg}}\nspec: {{template: {{metadata: {{labels: {{app: '{value}'}}}}, spec: {{containers: [{{name: web}}]}}}}}}\n"
        );
        let says = if expected == Fail { "label `app` of deployment/cg is" } else { "" };
        check(CHECK, &rendering(&pods), expected, says);
    }
}

/// A failure would mean that a pod which the API server refuses for the name of a port is accepted.
#[test]
fn a_containers_port_has_a_short_name() {
    let port = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: cg}}\nspec: {{template: {{spec: {{containers: [{{name: web, ports: [{{name: '{name}', containerPort: 80}}]}}]}}}}}}\n"
        )
    };
    for name in ["prometheus-metrics", "HTTP", "http_web", "8080", "a--b", "web-"] {
        check(CHECK, &rendering(&port(name)), Fail, "has a name that Kubernetes refuses");
    }
    for name in ["http", "http-metrics", "a", "h2c", "123456789012-ab"] {
        check(CHECK, &rendering(&port(name)), Pass, "");
    }
    let service = "kind: Service\nmetadata: {name: cg}\nspec: {ports: [{name: prometheus-metrics-of-all, port: 80}]}\n";
    check(CHECK, &rendering(service), Pass, "");
}

/// A failure would mean that users with a long release name are refused, and nobody is told.
#[test]
fn a_cut_name_ends_in_a_letter_and_leaves_room_for_what_controllers_add() {
    let renamed = |of_kind: &str, name: &'static str| {
        let manifest = format!("apiVersion: v1\nkind: {of_kind}\nmetadata: {{name: cg, labels: {{app: cg}}}}\n");
        rendering(&manifest).varied(Variant::Release { name: "c".repeat(53) }, move |object| {
            object["metadata"]["name"] = json!(name);
        })
    };
    check(CHECK, &renamed("Service", "cc-"), Advice, "the name of service/cc- ends in what it was cut at where the");
    let long = "ccccccccccccccccccccccccccccccccccccccccccccccccccccc";
    check(
        CHECK,
        &renamed("CronJob", long),
        Advice,
        "has 53 characters where the release's name has 53 characters, the most that helm takes, and 52 are allowed, because its Jobs add a time to it",
    );
    check(CHECK, &renamed("StatefulSet", long), Advice, "because its pods have a label with it and a hash");
    check(CHECK, &renamed("Service", long), Pass, "");
}
