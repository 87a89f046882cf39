//! What the API server asks a webhook before an object changes, and the answer that always lets it pass.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kind of question and answer alike.
const KIND: &str = "AdmissionReview";

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Review {
    kind: String,
    api_version: Value,
    request: Question,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Question {
    uid: Value,
    object: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    api_version: &'a Value,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a Value,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    /// In base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
}

impl Review {
    /// The question in the body of a request; `None`: it is something else.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok().filter(|review: &Self| review.kind == KIND)
    }

    /// The object that changes; `null` where it is deleted.
    pub(super) fn object(&self) -> &Value {
        &self.request.object
    }

    /// The answer that has no objection, and may change the object by a JSON Patch.
    pub(super) fn allowed(&self, patch: Option<&Value>) -> Answer<'_> {
        let response = Response {
            uid: &self.request.uid,
            allowed: true,
            patch_type: patch.map(|_| "JSONPatch"),
            patch: patch.map(|patch| STANDARD.encode(patch.to_string())),
        };
        Answer { api_version: &self.api_version, kind: KIND, response }
    }
}
