//! The condition `Ready`, in the operator's words.

use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;
use serde::Deserialize;
use serde_json::{Value, json};

/// What becomes of a condition.
pub struct Ready {
    /// Whether it is true.
    pub is_true: bool,
    /// One word.
    pub reason: &'static str,
    /// One sentence.
    pub message: &'static str,
}

/// The operator's words for a Secret that is as the store says.
pub const SYNCED: Ready = Ready { is_true: true, reason: "SecretSynced", message: "secret synced" };
/// For one that somebody else has not made yet.
pub const MISSING: Ready =
    Ready { is_true: true, reason: "SecretMissing", message: "secret will not be created due to CreationPolicy=Merge" };
/// For one that is not: an Event says why.
pub const FAILED: Ready =
    Ready { is_true: false, reason: "SecretSyncedError", message: "could not get secret data from provider" };
/// For a store.
pub const VALID: Ready = Ready { is_true: true, reason: "Valid", message: "store validated" };
/// For a store that is not understood.
pub const INVALID: Ready =
    Ready { is_true: false, reason: "InvalidProviderConfig", message: "unable to create client" };

/// What a store's or an `ExternalSecret`'s status says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Status {
    conditions: Vec<Condition>,
    /// When the store was asked.
    pub refresh_time: String,
    /// The state of the `ExternalSecret` that the Secret is of.
    pub synced_resource_version: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    last_transition_time: Option<String>,
}

/// An object's status; that of one which has none yet, or one in another form, says nothing.
pub fn status(object: &DynamicObject) -> Status {
    Status::deserialize(&object.data["status"]).unwrap_or_default()
}

/// An object's condition `Ready`.
fn found(object: &DynamicObject) -> Option<Condition> {
    status(object).conditions.into_iter().find(|condition| condition.type_ == "Ready")
}

/// Whether an object says that it is ready.
pub fn is_ready(object: &DynamicObject) -> bool {
    found(object).is_some_and(|condition| condition.status == "True")
}

impl Ready {
    /// The conditions of an object that has this one. The time of the last transition stays where there is none.
    pub fn of(&self, object: &DynamicObject) -> Value {
        let status = if self.is_true { "True" } else { "False" };
        let before = found(object).filter(|before| before.status == status);
        let since = before.and_then(|before| before.last_transition_time);
        json!([{
            "type": "Ready",
            "status": status,
            "reason": self.reason,
            "message": self.message,
            "lastTransitionTime": since.unwrap_or_else(now),
        }])
    }
}

/// Now, as Kubernetes writes times.
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that the status changes with every look, and each change brings another look.
    #[test]
    fn the_time_of_the_last_transition_stays_without_one() {
        let condition = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"});
        let object = json!({"apiVersion": "v1", "kind": "X", "metadata": {}, "status": {"conditions": [condition]}});
        let Ok(object) = serde_json::from_value::<DynamicObject>(object) else { panic!("it is an object") };
        assert!(is_ready(&object));
        assert_eq!(SYNCED.of(&object)[0]["lastTransitionTime"], "2020-01-01T00:00:00Z");
        assert_ne!(FAILED.of(&object)[0]["lastTransitionTime"], "2020-01-01T00:00:00Z");
    }
}
