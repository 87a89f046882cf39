//! Versions that are upgraded from.

use super::*;

/// A failure would mean that an upgrade starts from another version than the scenario says.
#[test]
fn a_release_begins_with_the_versions_that_it_is_upgraded_from() {
    let origins = |from: &str| {
        let plan = Files::new("from", CONTRACT_TEXT, &format!("{UPGRADE}{from}\n")).load().unwrap();
        let steps: Vec<_> = plan.steps.iter().map(|step| (step.verb(), step.from)).collect();
        (plan.from.into_iter().map(|origin| origin.place).collect::<Vec<_>>(), steps)
    };
    let rest = [("upgrade", None), ("rollback", None)];
    let (places, steps) = origins("from: previous");
    assert_eq!(places, [Place::Previous]);
    assert_eq!(steps, [[("install", Some(0))].as_slice(), &rest].concat());
    let (places, steps) = origins("from: ['git:v1', 'oci://example.com/pooler:2.0.0']");
    assert_eq!(places, [Place::Git("v1".to_owned()), Place::Registry("oci://example.com/pooler:2.0.0".to_owned())]);
    assert_eq!(steps, [[("install", Some(0)), ("upgrade", Some(1))].as_slice(), &rest].concat());
    let (places, steps) = origins("from: self");
    assert!(places.is_empty() && steps[0] == ("install", None), "{places:?} {steps:?}");
}

/// A failure would mean that a mistake in a version is found on the cluster, or taken for a version.
#[test]
fn a_version_that_cannot_be_meant_is_refused_with_its_line() {
    let cases = [
        ("from: previuos", "`previuos` is no version to upgrade from"),
        ("from: previuos", "did you mean `previous`?"),
        ("from: [previous, self]", "`self` stands alone"),
        ("from: {a: b}", "the key `chart` is missing"),
        ("from: {a: b}", "case.yaml:3"),
        ("from: 'git:'", "names no commit"),
    ];
    for (from, expected) in cases {
        let refusal = Files::new("from", CONTRACT_TEXT, &format!("{UPGRADE}{from}\n")).refusal();
        assert!(refusal.contains(expected), "`{expected}` is not in: {refusal}");
    }
    let useless = "description: x\nsteps: [{install: {}}]\nfrom: previous\n";
    let refusal = Files::new("from", CONTRACT_TEXT, useless).refusal();
    assert!(refusal.starts_with("error: `from` has no effect") && refusal.contains("case.yaml:3:1"), "{refusal}");
    let install = "description: x\nsteps: [{install: {reuse-values: true}}]\n";
    assert!(Files::new("from", CONTRACT_TEXT, install).refusal().contains("only an upgrade has values to reuse"));
}

/// A failure would mean that `--from` leaves a scenario on its own version, or breaks one that upgrades nothing.
#[test]
fn the_users_version_is_upgraded_from_wherever_something_is_upgraded() {
    let begins = |scenario: &str, from: &[&str]| {
        let files = Files::new("users-from", CONTRACT_TEXT, scenario);
        let from = from.iter().map(|text| (*text).to_owned()).collect();
        let plan = load(&files.0.join("case.yaml"), &Overrides { from, ..Overrides::default() }).unwrap();
        (plan.from.len(), plan.steps.iter().map(|step| step.from).collect::<Vec<_>>())
    };
    let scenario = format!("{UPGRADE}from: previous\n");
    assert_eq!(begins(&scenario, &["git:v1", "git:v2"]), (2, vec![Some(0), Some(1), None, None]));
    assert_eq!(begins(&scenario, &["self"]), (0, vec![None, None, None]));
    assert_eq!(begins("description: x\nsteps: [{install: {}}]\n", &["previous"]), (0, vec![None]));
}

/// A failure would mean that a version to upgrade from gets values which it refuses, or runs another image than the scenario says.
#[test]
fn a_version_to_upgrade_from_has_values_of_its_own() {
    let scenario = "
description: x
from:
  - {chart: ./old.tgz, values: {replicas: 1, url: null}, images: {app: {repository: image.name, tag: image.version}}}
  - ./middle.tgz
values: {url: a, image: {pullPolicy: Never}}
steps: [{install: {images: {app: v2}}}, {upgrade: {}}]
";
    let plan = Files::new("version-values", CONTRACT_TEXT, scenario).load().unwrap();
    let values: Vec<Value> = plan.steps.iter().map(|step| plan.values_of(step)).collect();
    let old = json!({"name": "example/app", "version": "2.0", "pullPolicy": "Never"});
    assert_eq!(values[0], json!({"replicas": 1, "image": old}));
    let image = |tag: &str| json!({"repository": "example/app", "tag": tag, "pullPolicy": "Never"});
    assert_eq!(values[1], json!({"url": "a", "image": image("2.0")}));
    assert_eq!(values[2], json!({"url": "a", "image": image("1.0")}));
    let titles: Vec<&str> = plan.from.iter().map(|origin| origin.asked.as_str()).collect();
    assert_eq!(titles, ["./old.tgz", "./middle.tgz"]);
}

/// A failure would mean that the release gate, which says where to upgrade from, loses the values which that version needs.
#[test]
fn a_version_that_the_user_names_too_keeps_its_values() {
    let scenario = "
description: x
from: {chart: previous, values: {old: 1}}
steps: [{install: {}}, {upgrade: {}}]
";
    let files = Files::new("version-user", CONTRACT_TEXT, scenario);
    let values = |from: &str| {
        let overrides = Overrides { from: vec![from.to_owned()], ..Overrides::default() };
        let plan = load(&files.0.join("case.yaml"), &overrides).unwrap();
        plan.values_of(&plan.steps[0])["old"].clone()
    };
    assert_eq!((values("previous"), values("./other.tgz")), (json!(1), Value::Null));
}
