//! A webhook that refuses, while nobody answers it, the very pods that would.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::manifest::{Manifest, Selector, Workload, title};
use crate::tally::Tally;
use chartgate_k8s::object::{items, name, text};

/// The label that Kubernetes gives each namespace.
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";

pub(super) fn judge(manifest: &Manifest, namespace_labels: &BTreeMap<String, String>, tally: &mut Tally) {
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        for configuration in manifest.of_kind(kind) {
            for webhook in items(&configuration["webhooks"]).filter(|webhook| is_closed(configuration, webhook)) {
                let Some(guarded) = guarded(manifest, webhook, namespace_labels) else { continue };
                let message = format!(
                    "webhook `{}` of {} has `failurePolicy: Fail` and is asked about the pods of {} that answer it: once they are gone, none starts again",
                    text(&webhook["name"]),
                    title(configuration),
                    guarded.title()
                );
                tally.fail(message).hint("leave them out by `objectSelector`, or set `failurePolicy: Ignore`");
            }
        }
    }
}

/// Whether a webhook that does not answer refuses new pods.
fn is_closed(configuration: &Value, webhook: &Value) -> bool {
    let default = if text(&configuration["apiVersion"]).ends_with("v1beta1") { "Ignore" } else { "Fail" };
    let has = |list: &Value, wanted: &[&str]| items(list).any(|item| wanted.contains(&text(item)));
    let is_of_pods = |rule: &Value| {
        has(&rule["apiGroups"], &["", "*"])
            && has(&rule["resources"], &["pods", "*", "*/*"])
            && has(&rule["operations"], &["CREATE", "*"])
            && rule["scope"] != "Cluster"
    };
    webhook["failurePolicy"].as_str().unwrap_or(default) == "Fail"
        && items(&webhook["rules"]).any(is_of_pods)
        && items(&webhook["matchConditions"]).next().is_none()
}

/// The workload whose pods both answer the webhook and are judged by it, whatever labels a user gives the namespace.
fn guarded<'a>(
    manifest: &Manifest<'a>,
    webhook: &Value,
    namespace_labels: &BTreeMap<String, String>,
) -> Option<Workload<'a>> {
    let called = &webhook["clientConfig"]["service"];
    let ns = text(&called["namespace"]);
    let service = manifest.find("Service", ns, text(&called["name"]))?;
    let behind = Selector::of_service(service);
    let objects = Selector::of(&webhook["objectSelector"]);
    let is_it = |it: &Workload| {
        it.namespace == ns && !behind.is_empty() && behind.selects_pods_of(it) && objects.selects(it.labels())
    };
    let workload = manifest.lasting_workloads().into_iter().find(is_it)?;
    selects_namespace(manifest, &Selector::of(&webhook["namespaceSelector"]), ns, namespace_labels).then_some(workload)
}

/// Whether a selector certainly selects a namespace: by labels that Kubernetes, the release or the scenario sets.
fn selects_namespace(manifest: &Manifest, selector: &Selector, ns: &str, given: &BTreeMap<String, String>) -> bool {
    let rendered = manifest.of_kind("Namespace").find(|namespace| name(namespace) == ns);
    let mut labels = rendered.map_or(Value::Null, |namespace| namespace["metadata"]["labels"].clone());
    if !labels.is_object() {
        labels = serde_json::json!({});
    }
    for (key, value) in given {
        labels[key] = Value::from(value.as_str());
    }
    labels[NAMESPACE_LABEL] = Value::from(ns);
    selector.keys().all(|key| !labels[key].is_null()) && selector.selects(&labels)
}
