//! Webhooks that the API server asks when objects change.

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference, ValidatingWebhook,
    ValidatingWebhookConfiguration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::Object;

/// What the two kinds of webhooks have alike.
pub struct Webhook<'a> {
    pub name: &'a str,
    pub service: Option<&'a ServiceReference>,
    /// Whether it says which certificate the API server is to trust.
    pub has_bundle: bool,
    pub failure_policy: Option<&'a str>,
    pub rules: &'a [RuleWithOperations],
    pub has_conditions: bool,
    pub objects: Option<&'a LabelSelector>,
    pub namespaces: Option<&'a LabelSelector>,
}

/// The webhooks of an object; none for what configures none.
pub fn webhooks(object: &Object) -> Vec<Webhook<'_>> {
    if let Some(it) = object.typed::<MutatingWebhookConfiguration>() {
        return it.webhooks.iter().flatten().map(Webhook::from).collect();
    }
    let it = object.typed::<ValidatingWebhookConfiguration>();
    it.into_iter().flat_map(|it| it.webhooks.iter().flatten()).map(Webhook::from).collect()
}

// Kubernetes has a type for each of the two, with the same fields.
macro_rules! webhook_from {
    ($($kind:ident),+) => {$(
        impl<'a> From<&'a $kind> for Webhook<'a> {
            fn from(it: &'a $kind) -> Self {
                Self {
                    name: &it.name,
                    service: it.client_config.service.as_ref(),
                    has_bundle: it.client_config.ca_bundle.is_some(),
                    failure_policy: it.failure_policy.as_deref(),
                    rules: it.rules.as_deref().unwrap_or_default(),
                    has_conditions: it.match_conditions.as_ref().is_some_and(|conditions| !conditions.is_empty()),
                    objects: it.object_selector.as_ref(),
                    namespaces: it.namespace_selector.as_ref(),
                }
            }
        }
    )+};
}

webhook_from!(MutatingWebhook, ValidatingWebhook);
