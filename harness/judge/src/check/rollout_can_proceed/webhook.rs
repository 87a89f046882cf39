//! A webhook that refuses, while nobody answers it, the very pods that would.

use std::collections::BTreeMap;

use chartgate_k8s::typed::Object;
use k8s_openapi::api::admissionregistration::v1::RuleWithOperations;

use crate::manifest::{Manifest, Selector, Webhook, Workload, webhooks};
use crate::tally::Tally;

/// The label that Kubernetes gives each namespace.
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";

pub(super) fn judge(manifest: &Manifest, namespace_labels: &BTreeMap<String, String>, tally: &mut Tally) {
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        for configuration in manifest.of_kind(kind) {
            for webhook in webhooks(configuration).iter().filter(|webhook| is_closed(configuration, webhook)) {
                let Some(guarded) = guarded(manifest, webhook, namespace_labels) else { continue };
                let message = format!(
                    "webhook `{}` of {} has `failurePolicy: Fail` and is asked about the pods of {} that answer it: once they are gone, none starts again",
                    webhook.name,
                    configuration.slashed(),
                    guarded.slashed()
                );
                tally.fail(message).hint("leave them out by `objectSelector`, or set `failurePolicy: Ignore`");
            }
        }
    }
}

/// Whether a webhook that does not answer refuses new pods.
fn is_closed(configuration: &Object, webhook: &Webhook) -> bool {
    let default = if configuration.api_version().ends_with("v1beta1") { "Ignore" } else { "Fail" };
    let has =
        |list: &Option<Vec<String>>, wanted: &[&str]| list.iter().flatten().any(|item| wanted.contains(&item.as_str()));
    let is_of_pods = |rule: &RuleWithOperations| {
        has(&rule.api_groups, &["", "*"])
            && has(&rule.resources, &["pods", "*", "*/*"])
            && has(&rule.operations, &["CREATE", "*"])
            && rule.scope.as_deref() != Some("Cluster")
    };
    let is_fatal = webhook.failure_policy.unwrap_or(default) == "Fail";
    is_fatal && webhook.rules.iter().any(is_of_pods) && !webhook.has_conditions
}

/// The workload whose pods both answer the webhook and are judged by it, whatever labels a user gives the namespace.
fn guarded<'a>(
    manifest: &Manifest<'a>,
    webhook: &Webhook,
    namespace_labels: &BTreeMap<String, String>,
) -> Option<Workload<'a>> {
    let called = webhook.service?;
    let ns = called.namespace.as_str();
    let service = manifest.find("Service", ns, &called.name)?;
    let behind = Selector::of_service(service);
    let objects = Selector::of(webhook.objects);
    let is_it = |it: &Workload| {
        it.namespace == ns && !behind.is_empty() && behind.selects_pods_of(it) && objects.selects(it.labels())
    };
    let workload = manifest.lasting_workloads().into_iter().find(is_it)?;
    selects_namespace(manifest, &Selector::of(webhook.namespaces), ns, namespace_labels).then_some(workload)
}

/// Whether a selector certainly selects a namespace: by labels that Kubernetes, the release or the scenario sets.
fn selects_namespace(manifest: &Manifest, selector: &Selector, ns: &str, given: &BTreeMap<String, String>) -> bool {
    let rendered = manifest.of_kind("Namespace").find(|namespace| namespace.name() == ns);
    let mut labels = rendered.map_or_else(BTreeMap::new, |namespace| namespace.labels().clone());
    labels.extend(given.clone());
    labels.insert(NAMESPACE_LABEL.to_owned(), ns.to_owned());
    selector.keys().all(|key| labels.contains_key(key)) && selector.selects(&labels)
}
