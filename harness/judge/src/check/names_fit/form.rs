//! Names and labels of a form that the API server refuses.

use chartgate_k8s::typed::{Object, OrEmpty};
use chartgate_redact::REPLACEMENT;
use k8s_openapi::api::core::v1::ContainerPort;

use crate::manifest::{Manifest, is_kind};
use crate::tally::Tally;

/// What Kubernetes allows for a label, and for names that become one.
pub(super) const LABEL_LIMIT: usize = 63;

/// What Kubernetes allows for the name of a container's port.
const PORT_LIMIT: usize = 15;

/// What is refused whatever the release is called.
pub(super) fn judge(manifest: &Manifest, tally: &mut Tally) {
    for object in &manifest.objects {
        let shown = object.slashed();
        if let Some(expected) = wrong_name(object) {
            tally
                .fail(format!("Kubernetes refuses the name of {shown}: it must be {expected}"))
                .hint("print it with `lower`, and `trimSuffix \"-\"` where it is cut");
        }
        for (key, value) in labels(object).filter(|(_, value)| !is_label(value)) {
            let expected = "at most 63 letters, digits, `-`, `_` and `.`, with a letter or a digit at both ends";
            tally
                .fail(format!("label `{key}` of {shown} is `{value}`, and Kubernetes takes {expected}"))
                .hint("leave out what a label cannot hold: `| replace \"+\" \"_\" | trunc 63 | trimSuffix \"-\"`");
        }
    }
    for workload in manifest.workloads() {
        for container in workload.containers() {
            for name in container.ports.iter().flatten().filter_map(wrong_port) {
                let message = format!(
                    "port `{name}` of container `{}` of {} has a name that Kubernetes refuses",
                    container.name,
                    workload.slashed()
                );
                tally.fail(message).hint(format!(
                    "at most {PORT_LIMIT} small letters, digits and `-` are allowed; a Service's port may have a longer name"
                ));
            }
        }
    }
}

/// Names and labels that end in what they were cut at.
pub(super) fn judge_cuts(manifest: &Manifest, under: &str, tally: &mut Tally) {
    const HINT: &str = "cut it with `trunc 63 | trimSuffix \"-\"`";
    for object in &manifest.objects {
        let shown = object.slashed();
        if !object.is_custom() && is_cut(object.name()) {
            tally.advise(format!("the name of {shown} ends in what it was cut at{under}, and is refused")).hint(HINT);
        }
        for (key, value) in labels(object).filter(|(_, value)| value.len() <= LABEL_LIMIT && is_cut(value)) {
            let message =
                format!("label `{key}` of {shown} (`{value}`) ends in what it was cut at{under}, and is refused");
            tally.advise(message).hint(HINT);
        }
    }
}

/// The labels of an object and of its pods.
pub(super) fn labels(object: &Object) -> impl Iterator<Item = (&String, &String)> {
    // A pod is its own template.
    let of_pods = object.template().filter(|_| object.kind() != "Pod").map(|pod| pod.labels());
    object.labels().iter().chain(of_pods.into_iter().flatten())
}

fn is_cut(text: &str) -> bool {
    text.ends_with(['-', '.', '_'])
}

fn is_label(value: &str) -> bool {
    let has_ends =
        [value.chars().next(), value.chars().next_back()].into_iter().flatten().all(|c| c.is_ascii_alphanumeric());
    let is_plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    value.contains(REPLACEMENT) || (has_ends && is_plain && value.len() <= LABEL_LIMIT)
}

/// What the name of an object must be, if it is not.
fn wrong_name(object: &Object) -> Option<&'static str> {
    let name = object.name();
    // What roles and APIs are called may hold more, and a custom resource's definition may have rules of its own.
    let is_free = object.is_custom() || object.group() == "rbac.authorization.k8s.io" || is_kind(object, "APIService");
    if is_free || name.is_empty() || name.contains(REPLACEMENT) {
        return None;
    }
    let is_small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(is_small) && part.ends_with(is_small) && part.chars().all(|c| is_small(c) || c == '-')
    };
    if !name.split('.').all(is_part) {
        return Some("small letters, digits, `-` and `.`, with a letter or a digit at both ends");
    }
    // Whether a Service's may begin with a digit depends on the version of Kubernetes.
    let is_dotted = name.contains('.') && ["Service", "Namespace"].contains(&object.kind());
    is_dotted.then_some("small letters, digits and `-`, with a letter or a digit at both ends")
}

/// The name of a container's port, if it is refused.
fn wrong_port(port: &ContainerPort) -> Option<&str> {
    let name = port.name.or_empty();
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let has_letter = name.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_ended = !name.starts_with('-') && !name.ends_with('-') && !name.contains("--");
    let is_right = name.len() <= PORT_LIMIT && is_plain && has_letter && is_ended;
    (!name.is_empty() && !is_right).then_some(name)
}
