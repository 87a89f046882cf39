//! Which pods (or Services) a selector selects.

use std::fmt;

use serde_json::Value;

use super::Workload;
use chartgate_k8s::object::{items, text};

/// A label selector, or the plain map of a Service.
#[derive(Clone, Copy)]
pub(crate) struct Selector<'a> {
    labels: &'a Value,
    expressions: &'a Value,
}

impl<'a> Selector<'a> {
    /// `matchLabels` and `matchExpressions`; `null` is a selector without either.
    pub(crate) fn of(selector: &'a Value) -> Self {
        Self { labels: &selector["matchLabels"], expressions: &selector["matchExpressions"] }
    }

    /// The labels that a Service selects by.
    pub(crate) fn of_service(service: &'a Value) -> Self {
        Self { labels: &service["spec"]["selector"], expressions: &Value::Null }
    }

    /// Whether it asks for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.as_object().is_none_or(serde_json::Map::is_empty) && items(self.expressions).next().is_none()
    }

    /// The labels that it asks for, and what it asks of each.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> {
        let expressions: &'a Value = self.expressions;
        let labels = self.labels.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
        labels.chain(items(expressions).map(|expression| text(&expression["key"])))
    }

    /// The labels that it asks for, each with a value that it may have.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let expressions: &'a Value = self.expressions;
        let labels = self.labels.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), text(value)));
        let values =
            |expression: &'a Value| items(&expression["values"]).map(|value| (text(&expression["key"]), text(value)));
        labels.chain(items(expressions).flat_map(values))
    }

    /// Whether labels fit.
    pub(crate) fn selects(&self, labels: &Value) -> bool {
        self.selects_beside(labels, |_| false)
    }

    /// Whether pods of a workload fit; a label that Kubernetes sets on each of them may have any value.
    pub(crate) fn selects_pods_of(&self, workload: &Workload) -> bool {
        self.selects_beside(workload.labels(), |key| workload.has_label_at_run_time(key))
    }

    fn selects_beside(&self, labels: &Value, is_known_later: impl Fn(&str) -> bool) -> bool {
        let has = |(key, value): (&String, &Value)| labels[key] == *value || is_known_later(key);
        let fits = |expression: &Value| {
            let key = text(&expression["key"]);
            let (label, values) = (&labels[key], &expression["values"]);
            let is_listed = items(values).any(|value| value == label);
            is_known_later(key)
                || match text(&expression["operator"]) {
                    "In" => is_listed,
                    "NotIn" => !is_listed,
                    "Exists" => !label.is_null(),
                    "DoesNotExist" => label.is_null(),
                    _ => false,
                }
        };
        self.labels.as_object().into_iter().flatten().all(has) && items(self.expressions).all(fits)
    }
}

/// As `kubectl --selector` takes it.
impl fmt::Display for Selector<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.labels.as_object().into_iter().flatten();
        let mut parts: Vec<String> = labels.map(|(key, value)| format!("{key}={}", text(value))).collect();
        parts.extend(items(self.expressions).map(|expression| {
            let key = text(&expression["key"]);
            let values: Vec<&str> = items(&expression["values"]).map(text).collect();
            match text(&expression["operator"]) {
                "In" => format!("{key} in ({})", values.join(",")),
                "NotIn" => format!("{key} notin ({})", values.join(",")),
                "DoesNotExist" => format!("!{key}"),
                _ => key.to_owned(),
            }
        }));
        out.write_str(&parts.join(","))
    }
}
