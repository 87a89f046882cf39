//! What a run with stub images takes for granted, and what it cannot examine.

use chartgate_k8s::typed::{Object, webhooks};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use serde_json::Value;

/// Kinds and conversions that the release's own programs would serve: they are not asked for.
pub(super) fn of_definitions(rendered: &[Value]) -> Vec<String> {
    rendered.iter().filter_map(|object| of_definition(&object.clone().into())).collect()
}

fn of_definition(object: &Object) -> Option<String> {
    if object.typed::<APIService>().is_some_and(|it| it.spec.as_ref().is_some_and(|spec| spec.service.is_some())) {
        return Some(format!("{} serves its kinds: nobody asks the pods behind it", object.slashed()));
    }
    let conversion = object.typed::<CustomResourceDefinition>()?.spec.conversion.as_ref()?;
    let says = || format!("{} converts between its versions: nobody asks the webhook that does", object.slashed());
    (conversion.strategy == "Webhook").then(says)
}

/// Why a step that failed shows nothing of the chart: the API server asked a webhook of the release's own, whose certificate the stub
/// does not have. `None`: it failed for another reason.
pub(super) fn not_examined(rendered: &[&Value], why: &str) -> Option<String> {
    let rendered: Vec<Object> = rendered.iter().map(|object| Object::from((*object).clone())).collect();
    let mut all = rendered.iter().flat_map(|object| webhooks(object).into_iter().map(move |webhook| (object, webhook)));
    let (object, webhook) = all.find(|(_, webhook)| why.contains(&format!("webhook \"{}\"", webhook.name)))?;
    let cause = if webhook.has_bundle {
        "the stub shows another certificate than the one that `caBundle` trusts"
    } else {
        "its `caBundle` is filled in by a program that does not run"
    };
    let fails = format!("the API server must ask webhook `{}` of {}", webhook.name, object.slashed());
    let is_fatal = webhook.failure_policy != Some("Ignore");
    (is_fatal && !object.name().is_empty()).then(|| format!("{fails}, and {cause}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn webhook(bundle: Option<&str>) -> Vec<Value> {
        let webhook = json!({"name": "check.shop.io", "clientConfig": {"caBundle": bundle}, "failurePolicy": "Fail"});
        vec![json!({"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "shop"}, "webhooks": [webhook]})]
    }

    /// A failure would mean that a chart is blamed for a certificate which its own program would have made.
    #[test]
    fn a_step_that_its_own_webhook_refuses_is_not_examined() {
        let said = "failed calling webhook \"check.shop.io\": x509: certificate signed by unknown authority";
        let unknown = webhook(None);
        let unknown: Vec<&Value> = unknown.iter().collect();
        let why = not_examined(&unknown, said).expect("it is not examined");
        assert!(why.contains("shop") && why.contains("filled in by a program"), "{why}");
        let foreign = webhook(Some("eA=="));
        assert!(
            not_examined(&foreign.iter().collect::<Vec<_>>(), said)
                .is_some_and(|why| why.contains("another certificate"))
        );
        assert_eq!(not_examined(&unknown, "failed calling webhook \"other.io\": timeout"), None);
    }
}
