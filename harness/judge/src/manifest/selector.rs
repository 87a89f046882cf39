//! Which pods (or Services) a selector selects.

use std::collections::BTreeMap;
use std::fmt;

use chartgate_k8s::typed::Object;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use super::Workload;

static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

/// A label selector, or the plain map of a Service.
#[derive(Clone, Copy)]
pub(crate) struct Selector<'a> {
    labels: &'a BTreeMap<String, String>,
    expressions: &'a [LabelSelectorRequirement],
}

impl<'a> Selector<'a> {
    /// What selects by labels and expressions; `None` is a selector without either.
    pub(crate) fn of(selector: impl Into<Option<&'a LabelSelector>>) -> Self {
        let selector = selector.into();
        let labels = selector.and_then(|selector| selector.match_labels.as_ref()).unwrap_or(&NO_LABELS);
        let expressions = selector.and_then(|selector| selector.match_expressions.as_deref()).unwrap_or_default();
        Self { labels, expressions }
    }

    /// What a workload, a budget or a monitor has in its `spec`.
    pub(crate) fn of_object(object: &'a Object) -> Self {
        Self::of(object.common().spec.selector.as_ref())
    }

    /// The labels that a Service selects by.
    pub(crate) fn of_service(service: &'a Object) -> Self {
        let spec = service.typed::<Service>().and_then(|service| service.spec.as_ref());
        Self { labels: spec.and_then(|spec| spec.selector.as_ref()).unwrap_or(&NO_LABELS), expressions: &[] }
    }

    /// Whether it asks for nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.expressions.is_empty()
    }

    /// The labels that it asks for, and what it asks of each.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> {
        let labels = self.labels.keys().map(String::as_str);
        labels.chain(self.expressions.iter().map(|expression| expression.key.as_str()))
    }

    /// The labels that it asks for, each with a value that it may have.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let labels = self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let values = |expression: &'a LabelSelectorRequirement| {
            values(expression).map(|value| (expression.key.as_str(), value.as_str()))
        };
        labels.chain(self.expressions.iter().flat_map(values))
    }

    /// Whether labels fit.
    pub(crate) fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selects_beside(labels, |_, _| false)
    }

    /// Whether pods of a workload fit; a label that Kubernetes sets on each of them may have any value.
    pub(crate) fn selects_pods_of(&self, workload: &Workload) -> bool {
        self.selects_beside(workload.labels(), |key, value| workload.may_have_label_at_run_time(key, value))
    }

    fn selects_beside(
        &self,
        labels: &BTreeMap<String, String>,
        is_known_later: impl Fn(&str, Option<&str>) -> bool,
    ) -> bool {
        let has = |(key, value): (&String, &String)| labels.get(key) == Some(value) || is_known_later(key, Some(value));
        let fits = |expression: &LabelSelectorRequirement| {
            let label = labels.get(&expression.key);
            let is_listed = label.is_some_and(|label| values(expression).any(|value| value == label));
            is_known_later(&expression.key, None)
                || match expression.operator.as_str() {
                    "In" => is_listed,
                    "NotIn" => !is_listed,
                    "Exists" => label.is_some(),
                    "DoesNotExist" => label.is_none(),
                    _ => false,
                }
        };
        self.labels.iter().all(has) && self.expressions.iter().all(fits)
    }
}

fn values(expression: &LabelSelectorRequirement) -> impl Iterator<Item = &String> {
    expression.values.iter().flatten()
}

/// As `kubectl --selector` takes it.
impl fmt::Display for Selector<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        parts.extend(self.expressions.iter().map(|expression| {
            let key = &expression.key;
            let values = expression.values.as_deref().unwrap_or_default().join(",");
            match expression.operator.as_str() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "DoesNotExist" => format!("!{key}"),
                _ => key.clone(),
            }
        }));
        out.write_str(&parts.join(","))
    }
}
