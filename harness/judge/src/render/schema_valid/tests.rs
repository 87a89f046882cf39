use chartgate_model::recording::hash_of;
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, examples, named};

/// A good story that renders one object more.
fn with(object: &Value) -> Story {
    let hash = hash_of(object);
    let mut story = Story::good().moments(|moment| {
        if let Moment::Rendered { objects, .. } = moment {
            objects.push(hash.clone());
        }
        // What a step renders is what helm printed: no release is read for it.
        if let Moment::Release(release) = moment {
            release.objects.push(hash.clone());
        }
    });
    story.0.objects.insert(hash, object.clone().into());
    story
}

fn deployment_with(change: impl Fn(&mut Value) + Clone + 'static) -> Story {
    Story::good().edit(named("Deployment", "cg-worker"), move |deployment| change(deployment))
}

fn definition(schema: &Value) -> Value {
    let version = json!({"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"}, "versions": [version]},
    })
}

fn widget(spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec})
}

/// A failure would mean that a field which Kubernetes drops in silence goes unseen.
#[test]
fn a_misspelled_field_fails_with_the_nearest_one() {
    let story = deployment_with(|deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = json!("Always");
    });
    let says = "`spec.template.spec.containers[0].imagePullPolice` of deployment/cg-worker is no field of its kind";
    let finding = check(&SCHEMA_VALID, &story, Verdict::Fail, says);
    assert!(finding.message.contains("hint: did you mean `imagePullPolicy`?"), "{}", finding.message);
    examples(&SCHEMA_VALID, &Story::good(), &story);
}

/// A failure would mean that an install which the API server refuses is found out on the cluster alone.
#[test]
fn values_of_another_type_fail() {
    let cases = [
        ("replicas", json!("2"), "`spec.replicas` of deployment/cg-worker must be an integer, and is the string `2`"),
        ("replicas", json!(1.5), "must be an integer, and is the number 1.5"),
        ("selector", Value::Null, "`spec.selector` of deployment/cg-worker is missing, and its kind requires it"),
        ("template", json!([]), "`spec.template` of deployment/cg-worker must be a map, and is a list of 0"),
    ];
    for (field, value, says) in cases {
        let story = deployment_with(move |deployment| deployment["spec"][field] = value.clone());
        check(&SCHEMA_VALID, &story, Verdict::Fail, says);
    }
    let story = deployment_with(|deployment| deployment["metadata"]["annotations"] = json!({"a/b": true}));
    check(
        &SCHEMA_VALID,
        &story,
        Verdict::Fail,
        "`metadata.annotations[a/b]` of deployment/cg-worker must be a string, and is the boolean true",
    );
}

/// A failure would mean that a chart is blamed for what Kubernetes takes: an empty block, a number as a quantity, an old status.
#[test]
fn what_the_api_server_takes_passes() {
    let story = deployment_with(|deployment| {
        deployment["metadata"]["creationTimestamp"] = Value::Null;
        deployment["spec"]["template"]["spec"]["nodeSelector"] = Value::Null;
        deployment["spec"]["replicas"] = json!(2.0);
        deployment["status"] = json!({"anything": 1});
        let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
        container["resources"] = json!({"limits": {"cpu": 1, "memory": "1Gi"}});
        container["livenessProbe"] = json!({"httpGet": {"port": "http"}});
    });
    check(&SCHEMA_VALID, &story, Verdict::Pass, "");
}

/// A failure would mean that a version that Kubernetes has long removed is rendered unseen.
#[test]
fn a_kind_that_is_no_longer_served_fails() {
    let old = json!({"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": "cg"}});
    check(
        &SCHEMA_VALID,
        &with(&old),
        Verdict::Fail,
        "has no PodDisruptionBudget of `policy/v1beta1`: poddisruptionbudget/cg",
    );
}

/// A failure would mean that a custom resource is blamed whose definition nobody knows.
#[test]
fn a_custom_resource_without_a_definition_is_left_alone() {
    check(&SCHEMA_VALID, &with(&widget(&json!({"anything": [1]}))), Verdict::Pass, "");
}

/// A failure would mean that a custom resource is not read against the definition that comes with the chart.
#[test]
fn a_custom_resource_is_read_against_its_definition() {
    let properties = json!({
        "size": {"type": "integer", "minimum": 1},
        "mode": {"type": "string", "enum": ["fast", "safe"], "default": "safe"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    });
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["size", "mode"], "properties": properties}}});
    let judged = |spec: Value| {
        let mut story = with(&widget(&spec));
        let definition = definition(&schema);
        let hash = hash_of(&definition);
        story.0.objects.insert(hash.clone(), definition.into());
        story.before(|moment| matches!(moment, Moment::Watching), Moment::Required { objects: vec![hash] })
    };
    check(&SCHEMA_VALID, &judged(json!({"size": 1, "free": {"x": 1}})), Verdict::Pass, "");
    check(&SCHEMA_VALID, &judged(json!({"size": 0})), Verdict::Fail, "`spec.size` of widget/w must be at least 1");
    check(&SCHEMA_VALID, &judged(json!({"size": 1, "mode": "slow"})), Verdict::Fail, "must be one of `fast`, `safe`");
    check(
        &SCHEMA_VALID,
        &judged(json!({"size": 1, "seize": 2})),
        Verdict::Fail,
        "`spec.seize` of widget/w is no field",
    );
    check(&SCHEMA_VALID, &judged(json!({})), Verdict::Fail, "`spec.size` of widget/w is missing");
}

/// A failure would mean that objects for a Kubernetes whose schemas are not known are called right or wrong.
#[test]
fn a_version_without_schemas_is_not_judged() {
    let story = Story::good().moments(|moment| {
        if let Moment::Started { versions, .. } = moment {
            versions.insert("kubernetes".to_owned(), "v1.2.3".to_owned());
        }
    });
    check(&SCHEMA_VALID, &story, Verdict::NotApplicable, "no schemas of Kubernetes v1.2.3");
}
