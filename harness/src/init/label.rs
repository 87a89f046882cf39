//! Labels that tell the parts of a chart apart, and selectors made of them.

use std::collections::BTreeMap;

use chartgate_k8s::selector;

use super::render::NAMESPACE;

/// The labels of an object.
pub type Labels = BTreeMap<String, String>;

/// Labels that are the same for all of a chart's objects, or that change with each version.
const COMMON: [&str; 7] = [
    "helm.sh/chart",
    "chart",
    "heritage",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/part-of",
    "version",
];

/// What stands for the release's name in a selector of a contract.
const RELEASE: &str = "{{release}}";

/// The labels that say what an object is. One with the namespace's name is another one in each run.
pub fn telling(labels: &Labels) -> impl Iterator<Item = (&str, &str)> {
    let labels = labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let is_usable = |value: &str| !value.is_empty() && !value.contains([',', '=']) && !value.contains(NAMESPACE);
    labels.filter(move |(key, value)| !COMMON.contains(key) && is_usable(value))
}

/// Whether other labels have all of the telling ones.
pub fn selects(labels: &Labels, others: &Labels) -> bool {
    telling(labels).all(|(key, value)| others.get(key).is_some_and(|other| other == value))
}

/// A selector of telling labels, in which the release's name is left open, whole or as the start of a longer one.
pub fn selector(labels: &Labels, release: &str) -> String {
    let pairs = telling(labels).map(|(key, value)| match value.strip_prefix(release) {
        Some(rest) if rest.is_empty() || rest.starts_with('-') => format!("{key}={RELEASE}{rest}"),
        _ => format!("{key}={value}"),
    });
    pairs.collect::<Vec<_>>().join(",")
}

/// Whether labels fit a selector, in a release. An empty one fits nothing.
pub fn fits(select: &str, labels: &Labels, release: &str) -> bool {
    selector::selects(&select.replace(RELEASE, release), labels)
}

/// What two selectors share.
pub fn shared(one: &str, other: &str) -> String {
    let others: Vec<&str> = other.split(',').collect();
    one.split(',').filter(|pair| others.contains(pair)).collect::<Vec<_>>().join(",")
}
