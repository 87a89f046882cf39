//! Kinds that the release needs and neither Kubernetes, nor the chart, nor the cluster has: an operator's, which the user is to install.

use chartgate_k8s::typed::Object;
use serde_json::json;

use crate::cause::Cause;
use crate::schema::Definitions;
use crate::view::StepRun;

/// What a step that was to succeed lacks; `None`: nothing that is the cluster's to have.
///
/// A kind that the chart defines itself is the chart's fault: it comes too late. So is one that Kubernetes has no more.
pub(super) fn of(run: &StepRun, definitions: &[&Object]) -> Option<Cause> {
    let refusal = run.refusal().filter(|_| run.is_to_succeed())?;
    let unknown = refusal.unknown_kinds();
    let of_step = run.rendered.iter().flat_map(|rendered| rendered.objects.iter().copied());
    let own = Definitions::of(of_step.chain(definitions.iter().copied()));
    let is_others = |(kind, version): &(&str, &str)| {
        let object = Object::from(json!({"apiVersion": version}));
        object.is_custom() && own.of_kind(object.group(), kind).is_none()
    };
    if unknown.is_empty() || !unknown.iter().all(is_others) {
        return None;
    }
    let mut names: Vec<String> = unknown.iter().map(|(kind, version)| format!("{kind} of {version}")).collect();
    names.sort();
    names.dedup();
    let label = run.label();
    let needs = names.join(" and ");
    Some(format!("{label} needs {needs}, which the cluster does not have and the chart does not bring").into())
}

#[cfg(test)]
mod tests {
    use chartgate_model::recording::StepOutcome;

    use super::*;
    use crate::Verdict;
    use crate::render::RELEASE_OUTCOME;
    use crate::testing::{Story, check};

    fn refused(kind: &str, version: &str) -> String {
        format!(
            "Error: INSTALLATION FAILED: unable to build kubernetes objects from release manifest: resource mapping not found \
             for name: \"x\" namespace: \"y\" from \"\": no matches for kind \"{kind}\" in version \"{version}\"\nensure CRDs \
             are installed first"
        )
    }

    fn story(kind: &str, version: &str) -> Story {
        let why = refused(kind, version);
        Story::good().ending(0, &StepOutcome::HelmFailed { why: why.clone() }, &why)
    }

    /// A failure would mean that a chart is red because nobody installed the operator that its values ask for.
    #[test]
    fn a_kind_of_an_operator_is_the_clusters_to_have() {
        let says = "step 1 (install) needs Certificate of cert-manager.io/v1, which the cluster does not have";
        check(&RELEASE_OUTCOME, &story("Certificate", "cert-manager.io/v1"), Verdict::Void, says);
    }

    /// A failure would mean that a chart for an older Kubernetes is let through.
    #[test]
    fn a_kind_that_kubernetes_has_no_more_is_the_charts_fault() {
        check(
            &RELEASE_OUTCOME,
            &story("PodDisruptionBudget", "policy/v1beta1"),
            Verdict::Fail,
            "the API server refused it",
        );
    }

    /// A failure would mean that a chart which makes a definition and its object at once is let through.
    #[test]
    fn a_kind_that_the_chart_defines_too_late_is_its_fault() {
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"},
            "spec": {"group": "example.org", "names": {"kind": "Thing"}},
        });
        let story = story("Thing", "example.org/v1").rendering(&definition);
        check(&RELEASE_OUTCOME, &story, Verdict::Fail, "the API server refused it");
    }
}
