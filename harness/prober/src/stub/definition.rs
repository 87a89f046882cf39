//! Definitions that the API server would ask the release's pods to convert or to serve.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::{Object, Rest};

pub(super) type Definition = Object<DefinitionSpec>;
pub(super) type ApiService = Object<ApiServiceSpec>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct DefinitionSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion: Option<Conversion>,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Conversion {
    strategy: String,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ApiServiceSpec {
    /// What serves the group; none: the API server itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_bundle: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "insecureSkipTLSVerify")]
    insecure_skip_tls_verify: Option<Value>,
    #[serde(flatten)]
    rest: Rest,
}

/// A definition whose objects nobody converts; `None`: it asks for no conversion.
pub(super) fn without_conversion(mut definition: Definition) -> Option<Definition> {
    definition.spec.conversion.as_ref().filter(|conversion| conversion.strategy == "Webhook")?;
    definition.spec.conversion = Some(Conversion { strategy: "None".to_owned(), rest: Rest::default() });
    Some(definition)
}

/// A group of the API that no pod serves; `None`: the API server serves it.
pub(super) fn without_service(mut service: ApiService) -> Option<ApiService> {
    service.spec.service.take()?;
    (service.spec.ca_bundle, service.spec.insecure_skip_tls_verify) = (None, None);
    Some(service)
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    /// A failure would mean that the API server waits for a stub to convert objects, or to serve a kind.
    #[test]
    fn nobody_asks_the_release_to_convert_or_to_serve_kinds() {
        let conversion = json!({"strategy": "Webhook", "webhook": {}});
        let definition = from_value(json!({"spec": {"group": "a", "conversion": conversion}})).unwrap();
        let changed = to_value(without_conversion(definition).unwrap().spec).unwrap();
        assert_eq!(changed, json!({"group": "a", "conversion": {"strategy": "None"}}));
        let service = from_value(json!({"spec": {"group": "a", "service": {"name": "x"}, "caBundle": "x"}})).unwrap();
        assert_eq!(to_value(without_service(service).unwrap().spec).unwrap(), json!({"group": "a"}));
        assert!(without_service(from_value(json!({"spec": {"group": "a"}})).unwrap()).is_none());
    }
}
