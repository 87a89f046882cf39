use super::*;
use crate::Verdict::{Advice, Fail, NotApplicable, Pass};
use crate::testing::{Story, check, examples, rendering, upgrading};

const CHECK: &Check = &DUPLICATE_KEYS;

fn ingress(second: &str) -> String {
    format!(
        "# Source: app/templates/ingress.yaml\nkind: Ingress\nmetadata: {{name: cg}}\nspec:\n  ingressClassName: nginx\n  {second}\n"
    )
}

/// A failure would mean that a setting which helm drops goes unnoticed.
#[test]
fn a_key_that_is_there_twice_is_told() {
    let (good, bad) = (rendering(&ingress("rules: []")), rendering(&ingress("ingressClassName: other")));
    check(
        CHECK,
        &bad,
        Fail,
        "`spec.ingressClassName` of ingress/cg (`app/templates/ingress.yaml`) is there twice, and helm keeps the last one alone",
    );
    check(CHECK, &rendering(&ingress("ingressClassName: nginx")), Advice, "with the same value");
    examples(&DUPLICATE_KEYS, &good, &bad);
}

/// A failure would mean that a chart is refused for what an earlier version did, or for a text.
#[test]
fn what_is_no_key_of_this_version_is_left_alone() {
    check(CHECK, &upgrading(&ingress("ingressClassName: other"), &ingress("rules: []")), Pass, "");
    check(CHECK, &rendering("kind: ConfigMap\nmetadata: {name: cg}\ndata:\n  a: |\n    <<: x\n    <<: y\n"), Pass, "");
    let unread = |story: Story| story.without(|moment| matches!(moment, Moment::Manifest { .. }));
    check(CHECK, &unread(rendering(&ingress("rules: []"))), NotApplicable, "");
}
