use std::collections::BTreeSet;

use chartgate_k8s::typed::Object;
use chartgate_scenario::Overrides;
use serde_json::{Value, json};

use super::render::Render;
use super::*;

fn typed(objects: impl IntoIterator<Item = Value>) -> Vec<Object> {
    objects.into_iter().map(Object::from).collect()
}

/// A web server with a hook, a Secret that nobody makes, and a worker that one set of values switches off.
fn renders() -> Vec<Render> {
    let labels = |part: &str| json!({"app.kubernetes.io/instance": "my-shop", "app": format!("my-shop-{part}")});
    let secret = |name: &str, key: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "my-shop-keys", "key": key}}});
    let workload = |part: &str, container: Value| {
        let template = json!({"metadata": {"labels": labels(part)}, "spec": {"containers": [container]}});
        let spec = json!({"selector": {"matchLabels": labels(part)}, "template": template});
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("my-shop-{part}")}, "spec": spec})
    };
    let web = workload(
        "web",
        json!({
            "image": "registry.example/shop:1.2",
            "env": [{"name": "MODE", "value": "web"}, secret("TOKEN", "token"), secret("DATABASE_URL", "url")],
            "ports": [{"name": "http", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
        }),
    );
    let worker = workload(
        "worker",
        json!({
            "image": "registry.example/worker:3",
            "ports": [{"name": "metrics", "containerPort": 9090}],
            "livenessProbe": {"httpGet": {"path": "/", "port": 8081}},
        }),
    );
    let ports = json!([{"port": 80, "targetPort": "http"}]);
    let service = json!({"kind": "Service", "spec": {"selector": labels("web"), "ports": ports}});
    let hook = |name: &str, labels: Value| {
        let annotations = json!({"helm.sh/hook": "pre-install,pre-upgrade"});
        json!({"kind": "Job", "metadata": {"name": name, "labels": labels, "annotations": annotations}})
    };
    let objects = vec![web, service, hook("my-shop-migrate", labels("migrate")), hook("my-shop-other", json!({}))];
    let render = |name: &str, objects| Render {
        chart: "shop".to_owned(),
        release: "my-shop".to_owned(),
        name: name.to_owned(),
        file: Some(PathBuf::from(format!("ci/{name}-values.yaml"))),
        objects: typed(objects),
    };
    vec![render("small", objects.clone()), render("large", [objects, vec![worker]].concat())]
}

fn found() -> Found {
    let values = json!({"image": {"repository": "registry.example/shop", "tag": ""}, "worker": {"image": "registry.example/worker:3"}});
    Found::of(&renders(), &values)
}

/// A failure would mean that the first thing a newcomer writes with us is refused.
#[test]
fn what_is_written_is_a_contract_and_scenarios() {
    let root = std::env::temp_dir().join(format!("chartgate-init-{}", std::process::id()));
    let folder = root.join("shop");
    let own = folder.join("ci/chartgate");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: shop\nversion: 1.0.0\n").unwrap();
    let (found, renders) = (found(), renders());
    std::fs::write(own.join("contract.yaml"), contract::text(&found)).unwrap();
    for (index, render) in renders.iter().enumerate() {
        std::fs::write(folder.join(render.file.as_ref().unwrap()), "").unwrap();
        std::fs::write(own.join(super::scenario::file_name(render)), super::scenario::text(&found, index, render))
            .unwrap();
    }
    let plans = chartgate_scenario::plans(&[], &Overrides { chart: Some(folder.clone()), ..Overrides::default() });
    std::fs::remove_dir_all(&root).unwrap();
    let plans = plans.unwrap();
    assert_eq!(plans.iter().map(|plan| plan.name.as_str()).collect::<Vec<_>>(), ["shop/large", "shop/small"]);
    let plan = &plans[0];
    assert_eq!(plan.release, "my-shop");
    let web = &plan.roles["web"];
    assert_eq!(web.select, "app=my-shop-web,app.kubernetes.io/instance=my-shop");
    let serves = web.serves.as_ref().unwrap();
    assert_eq!((serves.port.as_str(), serves.paths[0].path.as_str()), ("http", "/ready"));
    assert_eq!(plan.roles["worker"].listens, ["8081", "metrics"]);
    assert_eq!(plan.hooks["migrate"].before, ["web", "worker"]);
    assert_eq!(plan.images["app"].tag_path.as_deref(), Some("image.tag"));
    assert_eq!(plan.images["app"].used_by, ["web"]);
    assert_eq!(plan.images["worker"].repository.as_deref(), Some("registry.example/worker"));
    assert_eq!(plan.secrets["my-shop-keys"]["token"], "{{random.32}}");
    assert_eq!(plan.secrets["my-shop-keys"]["url"], "{{postgres.url}}");
    assert!(plan.backing.contains_key("postgres"));
    assert_eq!((plan.absent.len(), &plans[1].absent), (0, &vec!["worker".to_owned()]));
    assert_eq!(plan.base_files.len(), 1);
}

/// A failure would mean that a hook which the contract cannot tell from others is held to what another one does.
#[test]
fn a_hook_without_labels_of_its_own_is_only_mentioned() {
    let found = found();
    assert_eq!(found.nameless, BTreeSet::from(["my-shop-other".to_owned()]));
    let text = contract::text(&found);
    assert!(text.contains("\"app={{release}}-web,app.kubernetes.io/instance={{release}}\""), "{text}");
    assert!(text.contains("The hook job/my-shop-other has no labels"));
}

/// A failure would mean that a newcomer is not told of what the cluster lacks.
#[test]
fn kinds_that_the_chart_does_not_define_are_named() {
    let mut renders = renders();
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {"group": "own.example"}});
    let of = |version: &str, kind: &str| json!({"apiVersion": version, "kind": kind});
    let more = [
        definition,
        of("own.example/v1", "Own"),
        of("gateway.networking.k8s.io/v1", "HTTPRoute"),
        of("networking.k8s.io/v1", "Ingress"),
    ];
    renders[0].objects.extend(typed(more));
    let found = Found::of(&renders, &json!({}));
    assert_eq!(found.foreign, BTreeSet::from(["HTTPRoute of gateway.networking.k8s.io".to_owned()]));
}

/// A workload with labels of its own, and what a hook, another workload in its place and an operator make of a chart.
fn changeable() -> Found {
    let labels = json!({"app": "shop-controller", "instance": "chartgate-init-my-shop"});
    let workload = |of: &str, name: &str, annotations: Value| {
        let reference = json!({"name": "T", "valueFrom": {"secretKeyRef": {"name": "made", "key": "k"}}});
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"env": [reference]}]}});
        let spec = json!({"selector": {"matchLabels": labels}, "template": template});
        json!({"apiVersion": "apps/v1", "kind": of, "metadata": {"name": name, "annotations": annotations}, "spec": spec})
    };
    let job = |annotations: Value| json!({"kind": "Job", "metadata": {"name": "my-shop-admit", "labels": {"job": "admit"}, "annotations": annotations}});
    let hook = json!({"helm.sh/hook": "pre-install"});
    let certificate =
        json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "spec": {"secretName": "made"}});
    let render = |name: &str, objects| Render {
        chart: "shop".to_owned(),
        release: "my-shop".to_owned(),
        name: name.to_owned(),
        file: None,
        objects: typed(objects),
    };
    let first = vec![workload("Deployment", "my-shop", json!({})), job(hook.clone()), certificate.clone()];
    let second =
        vec![workload("DaemonSet", "my-shop-node", json!({})), job(json!({})), workload("Deployment", "early", hook)];
    Found::of(&[render("a", first), render("b", second)], &json!({}))
}

/// A failure would mean that a contract which `init` wrote is red on the chart that it was read from.
#[test]
fn what_changes_with_values_and_runs_is_no_promise() {
    let found = changeable();
    assert_eq!(found.roles.keys().collect::<Vec<_>>(), ["shop"], "a role is not called after the release");
    assert_eq!(found.roles["shop"].select, "app=shop-controller", "the namespace is another one in each run");
    assert_eq!((found.without(0), found.without(1)), (vec![], vec![]), "another workload has the same labels");
    assert!(found.hooks.is_empty() && found.sometimes.contains("my-shop-admit"));
    assert_eq!(found.other_hooks.iter().collect::<Vec<_>>(), ["deployment/early"]);
    assert!(found.secrets.is_empty() && found.made_later.contains("made"));
    let text = contract::text(&found);
    for says in ["job/my-shop-admit is another hook", "# deployment/early is a hook that is no Job", "secret/made"] {
        assert!(text.contains(says), "`{says}` is not in\n{text}");
    }
}

/// A failure would mean that the pods of a worker are held to what the web server promises.
#[test]
fn a_role_is_told_from_others_by_its_pods_labels_or_not_at_all() {
    let workload = |name: &str, select: Value, labels: Value| {
        let spec = json!({"selector": {"matchLabels": select}, "template": {"metadata": {"labels": labels}}});
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})
    };
    let of = |objects| {
        let (chart, release, name) = ("shop".to_owned(), "my-shop".to_owned(), "a".to_owned());
        Found::of(&[Render { chart, release, name, file: None, objects: typed(objects) }], &json!({}))
    };
    let worker = || {
        workload("my-shop-worker", json!({"app": "shop", "part": "worker"}), json!({"app": "shop", "part": "worker"}))
    };
    let web = |labels| workload("my-shop-web", json!({"app": "shop"}), labels);
    let found = of(vec![web(json!({"app": "shop", "part": "web"})), worker()]);
    assert_eq!(found.roles["web"].select, "app=shop,part=web");
    let found = of(vec![web(json!({"app": "shop"})), worker()]);
    assert_eq!(found.roles.keys().collect::<Vec<_>>(), ["worker"]);
    assert!(contract::text(&found).contains("# `web` has no labels that tell its pods from others"));
}

/// A failure would mean that a hook which only runs at upgrades makes the first scenario void.
#[test]
fn only_a_hook_of_the_first_install_is_seen_before_pods() {
    let hook = |name: &str, events: &str| {
        let metadata = json!({"name": name, "labels": {"job": name}, "annotations": {"helm.sh/hook": events}});
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata})
    };
    let mut renders = renders();
    renders[0].objects.extend(typed([hook("later", "pre-upgrade"), hook("last", "pre-delete")]));
    let text = contract::text(&Found::of(&renders, &json!({})));
    assert!(text.contains("events: [pre-upgrade]\n    # before: ["), "{text}");
    assert!(text.contains("events: [pre-delete]\n  ") && !text.contains("events: [pre-delete]\n    before"), "{text}");
}
