//! The admission webhook in a namespace of chartgate's own.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_k8s::trouble::trouble;
use chartgate_k8s::typed::Object;
use chartgate_model::plan::Plan;
use chartgate_process::home::{self, Environment};
use chartgate_process::wait::{Check, until};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, Service};
use kube::api::{ListParams, PostParams};
use kube::runtime::conditions::is_pod_running;
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::certificate::Certificate;
use crate::run::stage::Stage;

/// Name of each of its objects.
const NAME: &str = "stub-images";
/// The stub in its image.
const PROGRAM: &str = "/chartgate/stub";
const PORT: u16 = 8443;
/// The image of a pod that is never made: whether it is replaced shows that the webhook is asked.
const PROBE: &str = "image.invalid/probe";
/// Its image is on the node already.
const START_LIMIT: Duration = Duration::from_secs(120);
/// A node learns of a Service's pod in milliseconds; a busy one takes seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Starts the webhook and has the API server ask it from now on.
pub(super) async fn install(
    plan: &Plan,
    stage: &Stage,
    keeps_resources: bool,
    only: Option<&BTreeSet<String>>,
) -> Result<()> {
    let (client, beside) = (&stage.client, stage.beside());
    let certificate = Certificate::of(&format!("{NAME}.{beside}.svc"))?;
    let image = home::prober()?;
    start(client, &beside, &certificate, arguments(&image, keeps_resources, only)).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let listed = namespaces.list(&ListParams::default()).await.context("list the namespaces")?;
    let own = listed.items.iter().find(|namespace| namespace.metadata.name.as_deref() == Some(beside.as_str()));
    let uid = own.and_then(|namespace| namespace.metadata.uid.clone()).context("read the prober's namespace")?;
    let before = listed.items.into_iter().filter_map(|namespace| namespace.metadata.name);
    let before: Vec<String> = before.filter(|name| *name != stage.ns).collect();
    let scope = if stage.owns_cluster { Scope::ClusterBut(before) } else { Scope::Namespace(stage.ns.clone()) };
    let configuration = configuration(plan, &scope, &beside, &uid, &certificate.authority);
    let configuration: MutatingWebhookConfiguration =
        serde_json::from_value(configuration).context("describe the webhook")?;
    let all: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    all.create(&PostParams::default(), &configuration).await.context("install the webhook")?;
    answers(client, &stage.ns, &image).await
}

/// Whose pods are changed.
enum Scope {
    /// Those of one namespace of a cluster that others use as well.
    Namespace(String),
    /// Those of all namespaces but these: charts make some, and reach into others.
    ClusterBut(Vec<String>),
}

fn arguments(image: &str, keeps_resources: bool, only: Option<&BTreeSet<String>>) -> Vec<String> {
    let mut arguments = vec![PROGRAM.to_owned(), "webhook".to_owned(), PORT.to_string()];
    arguments.extend(["/certificate".to_owned(), image.to_owned()]);
    arguments.extend(keeps_resources.then(|| "--keep-resources".to_owned()));
    if let Some(only) = only {
        arguments.extend(["--only".to_owned(), PROBE.to_owned()]);
        arguments.extend(only.iter().cloned());
    }
    arguments
}

/// Starts the pod with its Service.
async fn start(client: &Client, ns: &str, certificate: &Certificate, arguments: Vec<String>) -> Result<()> {
    let labels = json!({"app.kubernetes.io/name": "chartgate-stub-images"});
    let data = json!({"tls.crt": certificate.signed, "tls.key": certificate.key});
    let secret: Secret =
        serde_json::from_value(json!({"metadata": {"name": NAME}, "type": "kubernetes.io/tls", "stringData": data}))?;
    let ports = json!([{"port": 443, "targetPort": PORT}]);
    let service: Service =
        serde_json::from_value(json!({"metadata": {"name": NAME}, "spec": {"selector": labels, "ports": ports}}))?;
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": NAME, "labels": labels},
        "spec": {
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [{"name": "certificate", "secret": {"secretName": NAME}}],
            "containers": [{
                "name": NAME,
                "image": arguments.get(4),
                "imagePullPolicy": "IfNotPresent",
                "command": arguments,
                "ports": [{"containerPort": PORT}],
                "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                "volumeMounts": [{"name": "certificate", "mountPath": "/certificate", "readOnly": true}],
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    }))?;
    Api::namespaced(client.clone(), ns)
        .create(&PostParams::default(), &secret)
        .await
        .context("make the webhook's Secret")?;
    Api::namespaced(client.clone(), ns)
        .create(&PostParams::default(), &service)
        .await
        .context("make the webhook's Service")?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), ns);
    pods.create(&PostParams::default(), &pod).await.context("start the webhook's pod")?;
    let running = Box::pin(await_condition(pods.clone(), NAME, is_pod_running()));
    if let Ok(watched) = timeout(START_LIMIT, running).await {
        return watched.map(drop).context("failed to watch the webhook's pod");
    }
    let pod = Object::from(serde_json::to_value(pods.get(NAME).await?)?);
    let why = trouble(&pod).map_or(String::new(), |trouble| format!(", which {trouble}"));
    Err(Environment::new(format!("waited {} s for pod/{NAME} of the webhook{why}", START_LIMIT.as_secs())).into())
}

/// What the API server is told. It goes with our namespace, which owns it.
fn configuration(plan: &Plan, scope: &Scope, beside: &str, uid: &str, authority: &str) -> Value {
    let service = json!({"namespace": beside, "name": NAME, "port": 443});
    let bundle = k8s_openapi::ByteString(authority.as_bytes().to_vec());
    let rule = |groups: &str, resource: &str, scope: &str, operations: &[&str]| {
        let (versions, resources) = (["*"], [resource]);
        json!({"apiGroups": [groups], "apiVersions": versions, "resources": resources, "scope": scope, "operations": operations})
    };
    let webhook = |name: &str, rules: Value, selectors: Value| {
        let mut webhook = json!({
            "name": format!("{name}.chartgate.dev"),
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": service, "caBundle": bundle},
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "sideEffects": "None",
            // A busy node is slow, and a pod that is refused is tried again much later.
            "timeoutSeconds": 30,
            "rules": rules,
        });
        for (field, selector) in selectors.as_object().into_iter().flatten() {
            webhook[field] = selector.clone();
        }
        webhook
    };
    let pods = || json!([rule("", "pods", "Namespaced", &["CREATE"])]);
    let in_namespaces = |operator: &str, names: &[String]| json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": operator, "values": names}]});
    let webhooks = match scope {
        Scope::Namespace(ns) => {
            vec![webhook("pods", pods(), json!({"namespaceSelector": in_namespaces("In", std::slice::from_ref(ns))}))]
        }
        Scope::ClusterBut(before) => {
            let foreign: Vec<String> = before.iter().filter(|name| *name != beside).cloned().collect();
            let release = json!({"matchLabels": {"app.kubernetes.io/instance": plan.release}});
            let definitions = json!([
                rule("apiextensions.k8s.io", "customresourcedefinitions", "Cluster", &["CREATE", "UPDATE"]),
                rule("apiregistration.k8s.io", "apiservices", "Cluster", &["CREATE", "UPDATE"]),
            ]);
            vec![
                webhook("pods", pods(), json!({"namespaceSelector": in_namespaces("NotIn", before)})),
                // Some charts put pods into a namespace of the cluster's own.
                webhook(
                    "pods-elsewhere",
                    pods(),
                    json!({"namespaceSelector": in_namespaces("In", &foreign), "objectSelector": release}),
                ),
                webhook("definitions", definitions, json!({})),
            ]
        }
    };
    let owner = json!({"apiVersion": "v1", "kind": "Namespace", "name": beside, "uid": uid});
    json!({"metadata": {"name": format!("chartgate-{beside}"), "ownerReferences": [owner]}, "webhooks": webhooks})
}

/// Waits until the API server asks the webhook for the release's pods: a pod that is not made shows it.
async fn answers(client: &Client, ns: &str, image: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), ns);
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "chartgate-stub-images"},
        "spec": {"containers": [{"name": "probe", "image": PROBE}]},
    }))?;
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    until("the API server to ask the webhook of the stub images", ANSWER_LIMIT, || async {
        match pods.create(&parameters, &pod).await {
            Ok(made) => {
                let containers = made.spec.map(|spec| spec.containers).unwrap_or_default();
                let is_replaced = containers.first().is_some_and(|it| it.image.as_deref() == Some(image));
                if is_replaced { Check::Ready(()) } else { Check::NotYet("a pod kept its own image".to_owned()) }
            }
            Err(error) => Check::NotYet(format!("{error:#}")),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scope: &Scope) -> Value {
        let plan = Plan { release: "my-shop".to_owned(), ..Plan::default() };
        configuration(&plan, scope, "cg-x-prober", "7", "PEM")
    }

    /// A failure would mean that the pods of another run, or of a user, are replaced.
    #[test]
    fn on_a_shared_cluster_only_the_runs_own_namespace_is_touched() {
        let configuration = of(&Scope::Namespace("cg-x".to_owned()));
        assert_eq!(configuration["webhooks"].as_array().unwrap().len(), 1);
        let selector = &configuration["webhooks"][0]["namespaceSelector"]["matchExpressions"][0];
        assert_eq!((&selector["operator"], &selector["values"]), (&json!("In"), &json!(["cg-x"])));
    }

    /// A failure would mean that the cluster's own pods are replaced, or that a chart's pods in a namespace that it makes are not.
    #[test]
    fn on_a_cluster_of_its_own_all_but_what_was_there_is_touched() {
        let before = vec!["kube-system".to_owned(), "cg-x-prober".to_owned()];
        let configuration = of(&Scope::ClusterBut(before.clone()));
        let selector =
            |index: usize| configuration["webhooks"][index]["namespaceSelector"]["matchExpressions"][0].clone();
        assert_eq!((&selector(0)["operator"], &selector(0)["values"]), (&json!("NotIn"), &json!(before)));
        assert_eq!((&selector(1)["operator"], &selector(1)["values"]), (&json!("In"), &json!(["kube-system"])));
        let labels = &configuration["webhooks"][1]["objectSelector"]["matchLabels"];
        assert_eq!(labels["app.kubernetes.io/instance"], "my-shop");
    }

    /// A failure would mean that no run with `--stub-images=missing` ever begins, since nothing shows that its webhook is asked.
    #[test]
    fn the_pod_that_shows_the_webhook_is_replaced_whichever_images_are() {
        let of = |only: Option<&[&str]>| {
            let only = only.map(|only| only.iter().map(|&image| image.to_owned()).collect());
            arguments("stub:1", false, only.as_ref()).split_off(5)
        };
        assert!(of(None).is_empty(), "all are");
        assert_eq!(of(Some(&[])), ["--only", PROBE]);
        assert_eq!(of(Some(&["a/db:2"])), ["--only", PROBE, "a/db:2"]);
    }

    /// A failure would mean that a webhook which nobody answers stays on a user's cluster.
    #[test]
    fn the_webhook_goes_with_the_namespace_that_answers_it() {
        let configuration = of(&Scope::Namespace("cg-x".to_owned()));
        assert_eq!(configuration["metadata"]["ownerReferences"][0]["uid"], "7");
        assert_eq!(configuration["webhooks"][0]["failurePolicy"], "Fail");
        assert_eq!(configuration["webhooks"][0]["reinvocationPolicy"], "IfNeeded");
    }
}
