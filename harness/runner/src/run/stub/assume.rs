//! What a run with stub images takes for granted, and what it cannot examine.

use serde_json::Value;

use chartgate_k8s::object::{items, kind, name, slashed, text};

/// Kinds and conversions that the release's own programs would serve: they are not asked for.
pub(super) fn of_definitions(rendered: &[Value]) -> Vec<String> {
    let assumed = rendered.iter().filter_map(|object| match kind(object) {
        "APIService" if object["spec"]["service"].is_object() => {
            Some(format!("{} serves its kinds: nobody asks the pods behind it", slashed(object)))
        }
        "CustomResourceDefinition" if object["spec"]["conversion"]["strategy"] == "Webhook" => {
            Some(format!("{} converts between its versions: nobody asks the webhook that does", slashed(object)))
        }
        _ => None,
    });
    assumed.collect()
}

/// Why a step that failed shows nothing of the chart: the API server asked a webhook of the release's own, whose certificate the stub
/// does not have. `None`: it failed for another reason.
pub(super) fn not_examined(rendered: &[&Value], why: &str) -> Option<String> {
    let of_release = rendered
        .iter()
        .copied()
        .filter(|object| ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"].contains(&kind(object)));
    let mut webhooks = of_release.flat_map(|object| items(&object["webhooks"]).map(move |webhook| (object, webhook)));
    let is_named = |webhook: &Value| why.contains(&format!("webhook \"{}\"", text(&webhook["name"])));
    let (object, webhook) = webhooks.find(|(_, webhook)| is_named(webhook))?;
    let cause = if webhook["clientConfig"]["caBundle"].is_string() {
        "the stub shows another certificate than the one that `caBundle` trusts"
    } else {
        "its `caBundle` is filled in by a program that does not run"
    };
    let fails = format!("the API server must ask webhook `{}` of {}", text(&webhook["name"]), slashed(object));
    (text(&webhook["failurePolicy"]) != "Ignore" && !name(object).is_empty()).then(|| format!("{fails}, and {cause}"))
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
