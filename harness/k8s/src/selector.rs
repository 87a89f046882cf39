//! Label selectors as Kubernetes reads them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// Whether labels fit a selector: one that is empty fits all, one with an unknown operator none.
///
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>
pub fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let pairs = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    pairs.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().all(|it| meets(it, labels))
}

/// Whether labels have every pair of a `key=value,…` selector, as the contract writes it. An empty selector selects nothing.
pub fn selects(selector: &str, labels: &BTreeMap<String, String>) -> bool {
    let has = |pair: &str| {
        pair.split_once('=').is_some_and(|(key, value)| labels.get(key.trim()).is_some_and(|own| own == value.trim()))
    };
    !selector.trim().is_empty() && selector.split(',').all(has)
}

fn meets(requirement: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&requirement.key);
    let is_listed = |value: &String| requirement.values.iter().flatten().any(|listed| listed == value);
    match requirement.operator.as_str() {
        "In" => value.is_some_and(is_listed),
        "NotIn" => !value.is_some_and(is_listed),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(operator: &str, values: &[&str], labels: &[(&str, &str)]) -> bool {
        let requirement = LabelSelectorRequirement {
            key: "app".to_owned(),
            operator: operator.to_owned(),
            values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
        };
        let selector = LabelSelector { match_expressions: Some(vec![requirement]), ..LabelSelector::default() };
        matches(&selector, &labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    /// A failure would mean that a policy is taken to guard pods that it leaves open.
    #[test]
    fn each_operator_means_what_it_means_to_kubernetes() {
        let (web, other) = ([("app", "web")], [("tier", "web")]);
        assert!(selects("In", &["web"], &web) && !selects("In", &["db"], &web) && !selects("In", &["web"], &other));
        assert!(
            !selects("NotIn", &["web"], &web) && selects("NotIn", &["db"], &web) && selects("NotIn", &["web"], &other)
        );
        assert!(selects("Exists", &[], &web) && !selects("Exists", &[], &other));
        assert!(!selects("DoesNotExist", &[], &web) && selects("DoesNotExist", &[], &other));
        assert!(!selects("in", &["web"], &web), "the API server lets no such operator in");
        assert!(matches(&LabelSelector::default(), &BTreeMap::new()), "an empty selector fits all");
    }
}
