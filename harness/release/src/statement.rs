//! What an attestation says: an in-toto statement whose predicate is a test result.
//!
//! Specifications: in-toto's attestation framework, `spec/v1/statement.md` and `spec/predicates/test-result.md`.

mod judged;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Sha256Digest;

pub use judged::Judged;

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
pub(crate) const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// The name of the configuration that says how chartgate ran.
const CHARTGATE: &str = "chartgate";
const KUBERNETES: &str = "kubernetes";
const HELM: &str = "helm";

/// A claim about some bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// The bytes.
    pub subject: Vec<Subject>,
    predicate_type: String,
    /// What was tested, and how it ended.
    pub predicate: TestResult,
}

/// Bytes, by name and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The repository of a manifest, the file of a package.
    pub name: String,
    digest: BTreeMap<String, String>,
}

/// How a run of tests ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// All of it.
    pub result: Outcome,
    /// What was run, and with what.
    pub configuration: Vec<Resource>,
    /// Each as `SCENARIO/CHECK`.
    #[serde(default)]
    pub passed_tests: Vec<String>,
    /// Waived, or advice.
    #[serde(default)]
    pub warned_tests: Vec<String>,
    /// Failed or void.
    #[serde(default)]
    pub failed_tests: Vec<String>,
}

/// The results that the predicate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// Everything holds.
    Passed,
    /// The gate lets it pass, with waivers.
    Warned,
    /// It does not.
    Failed,
}

/// A file, an image or a program, by name and digest or version.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resource {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    digest: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Statement {
    /// The statement that these bytes have this result.
    pub fn new(subject: Vec<Subject>, predicate: TestResult) -> Self {
        Self { kind: STATEMENT.to_owned(), subject, predicate_type: TEST_RESULT.to_owned(), predicate }
    }

    /// Whether it is of the kind that this reads.
    pub(crate) fn is_test_result(&self) -> bool {
        self.kind == STATEMENT && self.predicate_type == TEST_RESULT
    }

    /// Whether it speaks of bytes with this digest.
    pub(crate) fn is_about(&self, digest: &Sha256Digest) -> bool {
        self.subject.iter().any(|subject| subject.digest.get("sha256").is_some_and(|hex| hex == digest.hex()))
    }
}

impl Subject {
    /// Bytes of this name.
    pub fn new(name: impl Into<String>, digest: &Sha256Digest) -> Self {
        Self { name: name.into(), digest: sha256(digest) }
    }
}

impl TestResult {
    /// Whether stubs played the application.
    pub(crate) fn has_stub_images(&self) -> bool {
        self.note("mode") != Some(Judged::IMAGES)
    }

    /// Whether waivers counted.
    pub(crate) fn has_waivers(&self) -> bool {
        self.note("waivers") != Some(Judged::NO_WAIVERS) || self.result == Outcome::Warned
    }

    /// When the last scenario ended.
    pub(crate) fn finished(&self) -> Option<Timestamp> {
        self.note("finished")?.parse().ok()
    }

    /// The versions of Kubernetes that it ran on, such as `1.34.4`.
    pub fn kubernetes(&self) -> Vec<&str> {
        let of = self.configuration.iter().filter(|resource| resource.name == KUBERNETES);
        of.filter_map(|resource| resource.annotations.get("version")).map(String::as_str).collect()
    }

    /// What chartgate noted of its own run.
    fn note(&self, key: &str) -> Option<&str> {
        let own = self.configuration.iter().find(|resource| resource.name == CHARTGATE)?;
        own.annotations.get(key).map(String::as_str)
    }
}

impl Resource {
    /// A program of a version.
    fn program(name: &str, kind: &str, version: &str) -> Self {
        let version = version.trim_start_matches('v');
        Self {
            name: name.to_owned(),
            uri: Some(format!("pkg:{kind}/{name}@{version}")),
            annotations: BTreeMap::from([("version".to_owned(), version.to_owned())]),
            ..Self::default()
        }
    }

    /// A file or an image.
    fn bytes(name: &str, digest: &Sha256Digest) -> Self {
        Self { name: name.to_owned(), digest: sha256(digest), ..Self::default() }
    }
}

fn sha256(digest: &Sha256Digest) -> BTreeMap<String, String> {
    BTreeMap::from([("sha256".to_owned(), digest.hex().to_owned())])
}

#[cfg(test)]
pub(crate) mod testing;
