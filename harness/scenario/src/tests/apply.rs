//! Objects that a step applies.

use super::*;

/// A failure would mean that what a step applies is not what its author wrote, or is awaited for another time.
#[test]
fn applied_objects_come_from_the_step_and_from_a_manifest() {
    let scenario = "
description: x
steps:
  - install: {}
  - apply:
      manifest: store.yaml
      objects: [{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: '{{namespace}}'}}]
      until: [{kind: Store, name: platform, condition: Ready}, {kind: Secret, name: '{{release}}-a', changes: data.A}]
      timeout: 20s
";
    let files = Files::new("apply", CONTRACT_TEXT, scenario);
    let store = "apiVersion: x/v1\nkind: Store\nmetadata: {name: platform}\n";
    std::fs::write(files.0.join("store.yaml"), store).unwrap();
    let plan = files.load().unwrap();
    let Action::Apply { objects, until } = &plan.steps[1].action else { panic!("{:?}", plan.steps[1]) };
    assert_eq!(objects.iter().map(|object| &object["kind"]).collect::<Vec<_>>(), ["Secret", "Store"]);
    let titles: Vec<String> = until.iter().map(Awaited::title).collect();
    assert_eq!(titles, ["store/platform is Ready", "`data.A` of secret/{{release}}-a changes"]);
    assert_eq!(plan.steps[1].timeout_seconds, 20);
}

/// A failure would mean that a step which can apply nothing, or waits for nothing that could be, is found out on a cluster.
#[test]
fn what_cannot_be_applied_is_refused_at_its_line() {
    let object = "objects: [{apiVersion: v1, kind: Secret, metadata: {name: a}}]";
    let cases = [
        ("{}".to_owned(), "`apply` has no object to apply"),
        ("{manifest: none.yaml}".to_owned(), "cannot find the manifest"),
        ("{objects: [{kind: Secret, metadata: {name: a}}]}".to_owned(), "an object of `apply` has no `apiVersion`"),
        ("{objects: [{apiVersion: v1, kind: Secret}]}".to_owned(), "an object of `apply` has no `metadata.name`"),
        (
            format!("{{{}}}", object.replace("name: a", "name: a, namespace: other")),
            "secret/a is in the namespace `other`",
        ),
        (format!("{{{object}, until: [{{kind: Secret, name: a}}]}}"), "is a `condition` or a field that `changes`"),
        (
            format!("{{{object}, until: [{{kind: Secret, name: a, changes: data..A}}]}}"),
            "`data..A` is no path of a field",
        ),
        (format!("{{{object}, untill: []}}"), "did you mean `until`?"),
    ];
    for (apply, expected) in cases {
        let scenario = format!("description: x\nsteps:\n  - install: {{}}\n  - apply: {apply}\n");
        let refusal = Files::new("applies", CONTRACT_TEXT, &scenario).refusal();
        assert!(refusal.contains(expected), "`{expected}` is not in: {refusal}");
    }
}

/// A failure would mean that a user's manifest is run as a scenario, and refused for it.
#[test]
fn a_folder_of_manifests_holds_no_scenario() {
    let files = Files::new("manifests", CONTRACT_TEXT, "description: x\nsteps: [{install: {}}]\n");
    for folder in ["manifests", "more"] {
        std::fs::create_dir(files.0.join(folder)).unwrap();
        std::fs::write(files.0.join(folder).join("store.yaml"), "kind: Store\n").unwrap();
    }
    let found = discover(std::slice::from_ref(&files.0)).unwrap();
    let shown: Vec<_> = found.iter().map(|path| path.strip_prefix(&files.0).unwrap().display().to_string()).collect();
    assert_eq!(shown, ["case.yaml", "more/store.yaml"]);
}
