use super::*;
use crate::Verdict::{Advice, Fail, NotApplicable, Pass};
use crate::testing::{check, examples, rendering, upgrading};

const CHECK: &Check = &CRDS_CURRENT;

fn definition(directory: &str, fields: &str) -> String {
    format!(
        "---
# Source: app/{directory}/widgets.yaml
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.example.com}}
spec: {{group: example.com, names: {{kind: Widget}}{fields}}}
"
    )
}

/// A failure would mean that users keep an old definition, and nobody tells them.
#[test]
fn definitions_that_helm_leaves_as_they_are_do_not_change() {
    let upgrade = |directory: &str, fields: &str| upgrading(&definition(directory, ""), &definition(directory, fields));
    let (good, bad) = (upgrade("crds", ""), upgrade("crds", ", versions: [v2]"));
    check(
        CHECK,
        &bad,
        Advice,
        "`crds/` holds customresourcedefinition/widgets.example.com, which differs from the version before",
    );
    check(CHECK, &upgrading("kind: Service\n", &definition("crds", "")), Advice, "which is new");
    check(CHECK, &upgrade("templates", ", versions: [v2]"), Pass, "");
    let updater = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: cg}\nrules: [{apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [patch]}]\n";
    let updated = upgrading(&definition("crds", ""), &(definition("crds", ", versions: [v2]") + updater));
    check(CHECK, &updated, Pass, "");
    check(CHECK, &rendering("kind: Service\n"), NotApplicable, "no definition");
    examples(&CRDS_CURRENT, &good, &bad);
}

/// A failure would mean that a chart which helm refuses to install is accepted.
#[test]
fn a_custom_resource_does_not_come_with_its_definition() {
    let widget = |annotations: &str| {
        format!("---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: cg, annotations: {annotations}}}\n")
    };
    let both = |directory: &str, annotations: &str| rendering(&(definition(directory, "") + &widget(annotations)));
    check(
        CHECK,
        &both("templates", "{}"),
        Fail,
        "widget/cg and its definition, customresourcedefinition/widgets.example.com, are both in the templates",
    );
    check(CHECK, &both("crds", "{}"), Pass, "");
    check(CHECK, &both("templates", "{helm.sh/hook: 'post-install,post-upgrade'}"), Pass, "");
}
