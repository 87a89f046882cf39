use serde_json::json;

use super::*;

fn only(text: &str) -> Printed {
    let mut all = printed(text).expect("it is YAML");
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// A failure would mean that a chart is judged by other values than the ones that helm applies.
#[test]
fn scalars_are_those_of_yaml_1_1() {
    for (text, expected) in [
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("'yes'", json!("yes")),
        ("!!str yes", json!("yes")),
        ("~", json!(null)),
        ("010", json!(8)),
        ("0x1f", json!(31)),
        ("1_000", json!(1000)),
        ("089", json!(89.0)),
        ("-7", json!(-7)),
        ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
        ("1.048576e+07", json!(10_485_760.0)),
        ("1.10", json!(1.1)),
        ("1.2.3", json!("1.2.3")),
        ("1e", json!("1e")),
        ("inf", json!("inf")),
        ("2024-01-09", json!("2024-01-09")),
        (".", json!(".")),
        ("10.0.0.1", json!("10.0.0.1")),
        ("12:30", json!("12:30")),
    ] {
        assert_eq!(only(&format!("a: {text}\n")).object["a"], expected, "{text}");
    }
}

/// A failure would mean that a setting which helm drops is taken for one that it applies, or that the loss goes unnoticed.
#[test]
fn the_last_of_two_equal_keys_wins_and_both_are_told() {
    let printed = only("spec:\n  a: 1\n  list: [{b: 1, b: 1}]\n  a: 2\n");
    assert_eq!(printed.object["spec"]["a"], 2);
    let told: Vec<_> = printed.repeated.iter().map(|key| (key.path.as_str(), key.is_same)).collect();
    assert_eq!(told, [("spec.list.0.b", true), ("spec.a", false)]);
}

/// A failure would mean that labels which a chart writes once and refers to are not seen.
#[test]
fn merge_keys_fill_in_what_is_not_written() {
    let printed = only(
        "base: &own {app: a, tier: web}\nlabels: {<<: *own, app: b, 8080: c}\ntexts: {'<<': d}\nscript: |\n  cat <<: EOF\n  ---x\n",
    );
    assert_eq!(printed.object["labels"], json!({"app": "b", "tier": "web", "8080": "c"}));
    assert_eq!(printed.object["texts"], json!({"<<": "d"}));
    assert!(printed.repeated.is_empty(), "{printed:#?}");
}

/// A failure would mean that a finding names no template, or another one.
#[test]
fn each_object_has_the_template_that_made_it() {
    let text = "---\n# Source: app/crds/a.yaml\nkind: A\n---\n# Source: app/templates/b.yaml\n# only a comment\n---\n# Source: app/templates/b.yaml\nkind: B\n--- # and more\nkind: C\n";
    let made = printed(text).unwrap();
    let made: Vec<_> = made.iter().map(|it| (it.object["kind"].as_str().unwrap(), it.source.as_deref())).collect();
    assert_eq!(made, [("A", Some("app/crds/a.yaml")), ("B", Some("app/templates/b.yaml")), ("C", None)]);
}

/// A failure would mean that a definition which helm does not upgrade is taken for one of the templates.
#[test]
fn each_document_of_a_file_in_crds_has_its_path() {
    let text =
        "---\n# Source: app/crds/all.yaml\n---\nkind: A\n---\nkind: B\n---\n# Source: app/templates/c.yaml\nkind: C\n";
    let made = printed(text).unwrap();
    let made: Vec<_> = made.iter().map(|it| (it.object["kind"].as_str().unwrap(), it.source.as_deref())).collect();
    let (crds, template) = (Some("app/crds/all.yaml"), Some("app/templates/c.yaml"));
    assert_eq!(made, [("A", crds), ("B", crds), ("C", template)]);
}

/// A failure would mean that a chart is refused which helm installs.
#[test]
fn a_list_may_end_at_the_margin() {
    let printed = only("spec:\n  command: [\n    a,\n    b\n  ]\n  x: 1\nkind: {\n  a: b\n}\n");
    assert_eq!(printed.object, json!({"spec": {"command": ["a", "b"], "x": 1}, "kind": {"a": "b"}}));
}

/// A failure would mean that a broken manifest is taken for an empty one.
#[test]
fn what_is_no_yaml_is_an_error_with_its_line() {
    let error = format!("{:#}", printed("a: 1\nb: [\n").unwrap_err());
    assert!(error.starts_with("parse a manifest: line "), "{error}");
}

/// A failure would mean that a chart is refused which helm installs, because a bracket is closed below the key that it belongs to.
#[test]
fn within_brackets_a_line_may_begin_anywhere() {
    let text = "spec:\n  containers:\n    - name: a\n      command: [\n        sh,\n    -c,\n \"exit 0\"\n  ]\n      ports: [{\n      containerPort: 1\n}]\n";
    let expected = json!({"name": "a", "command": ["sh", "-c", "exit 0"], "ports": [{"containerPort": 1}]});
    assert_eq!(only(text).object["spec"]["containers"][0], expected);
    let error = printed("a:\n  b: [\n c: d\n").expect_err("it is no YAML");
    assert!(format!("{error:#}").contains("line "), "{error:#}");
}
