//! Statements for tests.

use super::*;
use crate::requirement::Subjects;

/// The package and the manifest that the statements of tests are about.
pub(crate) fn subjects() -> Subjects {
    Subjects { manifest: Some(Sha256Digest::of(b"manifest")), package: Sha256Digest::of(b"package") }
}

/// One on them that says pass: on Kubernetes 1.34.4, with images, without waivers.
pub(crate) fn passing() -> Statement {
    let subjects = subjects();
    let manifest = subjects.manifest.map(|digest| Subject::new("registry.example/charts/app", &digest));
    let package = Subject::new("app-1.0.0.tgz", &subjects.package);
    let mut own = Resource::program(CHARTGATE, "cargo", "0.1.0");
    for (key, value) in [("mode", "images"), ("waivers", "none"), ("finished", "2026-11-30T12:00:00Z")] {
        own.annotations.insert(key.to_owned(), value.to_owned());
    }
    let result = TestResult {
        result: Outcome::Passed,
        configuration: vec![own, Resource::program(KUBERNETES, "generic", "v1.34.4")],
        passed_tests: vec!["app/single/hook-order".to_owned()],
        warned_tests: Vec::new(),
        failed_tests: Vec::new(),
    };
    Statement::new(manifest.into_iter().chain([package]).collect(), result)
}

/// Says otherwise how chartgate ran.
pub(crate) fn noted(mut statement: Statement, key: &str, value: &str) -> Statement {
    let own = statement.predicate.configuration.iter_mut().filter(|resource| resource.name == CHARTGATE);
    own.for_each(|resource| drop(resource.annotations.insert(key.to_owned(), value.to_owned())));
    statement
}
