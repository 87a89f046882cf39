//! Webhooks that the API server asks when objects change.

use chartgate_k8s::typed::Object;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference, ValidatingWebhook,
    ValidatingWebhookConfiguration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// What the two kinds of webhooks have alike.
pub(crate) struct Webhook<'a> {
    pub(crate) name: &'a str,
    pub(crate) service: Option<&'a ServiceReference>,
    pub(crate) failure_policy: Option<&'a str>,
    pub(crate) rules: &'a [RuleWithOperations],
    pub(crate) has_conditions: bool,
    pub(crate) objects: Option<&'a LabelSelector>,
    pub(crate) namespaces: Option<&'a LabelSelector>,
}

/// The webhooks of an object; none for what configures none.
pub(crate) fn webhooks(object: &Object) -> Vec<Webhook<'_>> {
    if let Some(it) = object.typed::<MutatingWebhookConfiguration>() {
        return it.webhooks.iter().flatten().map(Webhook::from).collect();
    }
    let it = object.typed::<ValidatingWebhookConfiguration>();
    it.into_iter().flat_map(|it| it.webhooks.iter().flatten()).map(Webhook::from).collect()
}

impl<'a> From<&'a MutatingWebhook> for Webhook<'a> {
    fn from(it: &'a MutatingWebhook) -> Self {
        Self {
            name: &it.name,
            service: it.client_config.service.as_ref(),
            failure_policy: it.failure_policy.as_deref(),
            rules: it.rules.as_deref().unwrap_or_default(),
            has_conditions: it.match_conditions.as_ref().is_some_and(|conditions| !conditions.is_empty()),
            objects: it.object_selector.as_ref(),
            namespaces: it.namespace_selector.as_ref(),
        }
    }
}

impl<'a> From<&'a ValidatingWebhook> for Webhook<'a> {
    fn from(it: &'a ValidatingWebhook) -> Self {
        Self {
            name: &it.name,
            service: it.client_config.service.as_ref(),
            failure_policy: it.failure_policy.as_deref(),
            rules: it.rules.as_deref().unwrap_or_default(),
            has_conditions: it.match_conditions.as_ref().is_some_and(|conditions| !conditions.is_empty()),
            objects: it.object_selector.as_ref(),
            namespaces: it.namespace_selector.as_ref(),
        }
    }
}
