use chartgate_model::recording::{Moment, Variant};
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, examples, named};

/// A failure would mean that an upgrade which Kubernetes refuses for every user is accepted.
#[test]
fn a_selector_that_differs_between_steps_fails() {
    let is_new = |object: &Value| {
        let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
        named("Deployment", "cg-app")(object) && image == "reg.example/codex-pooler:v2"
    };
    let story =
        Story::good().edit(is_new, |deployment| deployment["spec"]["selector"]["matchLabels"]["track"] = json!("b"));
    check(
        &IMMUTABLE_FIELDS,
        &story,
        Verdict::Fail,
        "`spec.selector.matchLabels.track` of deployment/cg-app is absent in step 1 (install) and `b` in step 2 (upgrade), and Kubernetes refuses",
    );
}

/// A failure would mean that a selector which breaks the next version is accepted.
#[test]
fn a_selector_with_a_version_fails() {
    let story = Story::good().edit(named("Deployment", "cg-app"), |deployment| {
        deployment["spec"]["selector"]["matchLabels"]["helm.sh/chart"] = json!("codex-pooler-0.1.0");
    });
    check(
        &IMMUTABLE_FIELDS,
        &story,
        Verdict::Fail,
        "the selector of deployment/cg-app has `helm.sh/chart: codex-pooler-0.1.0`",
    );
}

/// A failure would mean that a label which only looks like a version makes a sound chart red, or that a tag in a selector is overlooked.
#[test]
fn only_a_version_that_is_released_breaks_a_selector() {
    let with = |key: &'static str, value: &'static str| {
        Story::good().edit(named("Deployment", "cg-app"), move |deployment| {
            deployment["spec"]["selector"]["matchLabels"][key] = json!(value);
        })
    };
    check(&IMMUTABLE_FIELDS, &with("version", "stable"), Verdict::Pass, "");
    check(&IMMUTABLE_FIELDS, &with("tag", "v1"), Verdict::Pass, "");
    check(&IMMUTABLE_FIELDS, &with("chart", "codex-pooler"), Verdict::Pass, "");
    for (key, value) in [("version", "v1"), ("app.kubernetes.io/version", "1.36"), ("chart", "sub-0.3.0_rc.1")] {
        check(&IMMUTABLE_FIELDS, &with(key, value), Verdict::Fail, "which changes with each version");
    }
}

/// A failure would mean that a plain Job which an upgrade changes is accepted.
#[test]
fn a_plain_job_that_differs_between_steps_fails() {
    let story = Story::good().edit(named("Job", "cg-migrations"), |job| job["metadata"]["annotations"] = json!({}));
    check(
        &IMMUTABLE_FIELDS,
        &story,
        Verdict::Fail,
        "`spec.template.spec.containers[0].image` of job/cg-migrations is `reg.example/codex-pooler:v1` in step 1 (install) and",
    );
}

fn newer() -> Variant {
    Variant::Version { chart: "0.2.1".to_owned(), app: None }
}

/// A failure would mean that a chart is released whose every upgrade is refused, where the scenario knows no earlier version.
#[test]
fn a_field_with_the_charts_version_is_seen_without_an_earlier_version() {
    let stateful = json!({"kind": "StatefulSet", "metadata": {"name": "cg-db"}, "spec": {
        "selector": {"matchLabels": {"app": "db"}},
        "volumeClaimTemplates": [{"metadata": {"name": "data", "labels": {"helm.sh/chart": "x-0.2.0"}}}],
    }});
    let is_it = |object: &Value| object["kind"] == "StatefulSet";
    let story = || Story::good().plan(|plan| plan.chart.version = "0.2.0".to_owned()).rendering(&stateful);
    let raised = story().varied(newer(), |object| {
        if is_it(object) {
            object["spec"]["volumeClaimTemplates"][0]["metadata"]["labels"]["helm.sh/chart"] = json!("x-0.2.1");
        }
    });
    let says = "`spec.volumeClaimTemplates[0].metadata.labels.helm.sh/chart` of statefulset/cg-db is `x-0.2.0` in chart 0.2.0 and `x-0.2.1` in 0.2.1";
    check(&IMMUTABLE_FIELDS, &raised, Verdict::Fail, says);
    // What each render makes up anew, a release keeps by `lookup`, or not: nothing is known of versions.
    let random = raised.varied(Variant::Repeated, |object| {
        if is_it(object) {
            object["spec"]["volumeClaimTemplates"][0]["metadata"]["labels"]["helm.sh/chart"] = json!("x-other");
        }
    });
    check(&IMMUTABLE_FIELDS, &random, Verdict::Pass, "");
    check(&IMMUTABLE_FIELDS, &story().varied(newer(), |_| {}), Verdict::Pass, "");
}

/// A failure would mean that a label which only looks like a version is claimed, though the next version has it too.
#[test]
fn a_label_that_the_next_version_has_too_is_no_version() {
    let story = Story::good().edit(named("Deployment", "cg-app"), |deployment| {
        deployment["spec"]["selector"]["matchLabels"]["app.kubernetes.io/version"] = json!("1.36");
    });
    check(&IMMUTABLE_FIELDS, &story.varied(newer(), |_| {}), Verdict::Pass, "");
}

/// Two states of an object in the first two steps.
fn changed(object: &Value, change: impl Fn(&mut Value)) -> Story {
    let mut after = object.clone();
    change(&mut after);
    let story = Story::good().rendering(object).rendering(&after);
    let (old, new) = (chartgate_model::recording::hash_of(object), chartgate_model::recording::hash_of(&after));
    story.moments(|moment| match moment {
        Moment::Rendered { step, objects, .. } => {
            objects.retain(|hash| *hash != if *step == 0 { new.clone() } else { old.clone() });
        }
        Moment::Release(release) => {
            release.objects.retain(|hash| *hash != if release.step == 1 { old.clone() } else { new.clone() });
        }
        _ => {}
    })
}

/// A failure would mean that an upgrade is accepted which the API server refuses, or that one is refused which it takes.
#[test]
fn each_kinds_own_fields_are_compared() {
    let claim = json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "c"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    let binding = json!({"kind": "RoleBinding", "metadata": {"name": "b"}, "roleRef": {"kind": "Role", "name": "r"}});
    let service = json!({"kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
    let frozen = json!({"kind": "ConfigMap", "metadata": {"name": "f"}, "immutable": true, "data": {"a": "1"}});
    let secret = json!({"kind": "Secret", "metadata": {"name": "t"}, "type": "Opaque", "data": {"a": "1"}});
    let refused = |object: &Value, path: &'static str, value: Value, says: &str| {
        let story = changed(object, |it| *it.pointer_mut(path).expect("it is there") = value.clone());
        check(&IMMUTABLE_FIELDS, &story, Verdict::Fail, says);
    };
    refused(&claim, "/spec/accessModes/0", json!("ReadWriteMany"), "`spec.accessModes[0]` of persistentvolumeclaim/c");
    refused(&claim, "/spec/resources/requests/storage", json!("500Mi"), "is `1Gi` in step 1 (install) and `500Mi`");
    refused(&binding, "/roleRef/name", json!("other"), "`roleRef.name` of rolebinding/b");
    refused(&frozen, "/data/a", json!("2"), "`data.a` of configmap/f");
    refused(&secret, "/type", json!("kubernetes.io/tls"), "`type` of secret/t");
    let headless = changed(&service, |service| service["spec"]["clusterIP"] = json!("None"));
    check(
        &IMMUTABLE_FIELDS,
        &headless,
        Verdict::Fail,
        "`spec.clusterIP` of service/s is absent in step 1 (install) and `None` in step 2",
    );
    for story in [
        changed(&claim, |claim| claim["spec"]["resources"]["requests"]["storage"] = json!("2Gi")),
        changed(&claim, |claim| claim["spec"]["resources"]["requests"]["storage"] = json!("1024Mi")),
        changed(&claim, |claim| claim["spec"]["volumeMode"] = json!("Filesystem")),
        changed(&service, |service| service["spec"]["type"] = json!("NodePort")),
        changed(&secret, |secret| secret["data"]["a"] = json!("2")),
    ] {
        check(&IMMUTABLE_FIELDS, &story, Verdict::Pass, "");
    }
}

/// A failure would mean that a change which the API server refuses is accepted, or one that it takes is refused.
#[test]
fn an_address_a_source_and_a_pod_stay_as_they_are() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.9", "ipFamilies": ["IPv4", "IPv6"], "loadBalancerClass": "a.example/x"}});
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {"nfs": {"server": "a", "path": "/a"}}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "a:1", "args": ["x"]}]}});
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"completions": 1}});
    for (story, path) in [
        (changed(&service, |it| it["spec"]["clusterIP"] = json!("10.96.0.10")), "`spec.clusterIP` of service/s"),
        (changed(&service, |it| it["spec"]["ipFamilies"] = json!(["IPv6", "IPv4"])), "`spec.ipFamilies` of service/s"),
        (
            changed(&service, |it| it["spec"]["loadBalancerClass"] = json!("b.example/x")),
            "`spec.loadBalancerClass` of service/s",
        ),
        (changed(&volume, |it| it["spec"]["nfs"]["path"] = json!("/b")), "`spec.nfs.path` of persistentvolume/v"),
        (
            changed(&pod, |it| it["spec"]["containers"][0]["args"] = json!(["y"])),
            "`spec.containers[0].args[0]` of pod/p",
        ),
        (changed(&job, |it| it["spec"]["completions"] = json!(2)), "`spec.completions` of job/j"),
    ] {
        check(&IMMUTABLE_FIELDS, &story, Verdict::Fail, path);
    }
    let custom = json!({"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"a": 1}}});
    for story in [
        changed(&service, |it| it["spec"] = json!({"type": "LoadBalancer", "ipFamilies": ["IPv4"]})),
        changed(&service, |it| {
            it["spec"] = json!({"type": "ClusterIP", "loadBalancerClass": null, "clusterIP": "10.96.0.9"});
        }),
        changed(&pod, |it| it["spec"]["containers"][0]["image"] = json!("a:2")),
        changed(&pod, |it| it["spec"]["restartPolicy"] = json!("Always")),
        changed(&job, |it| it["spec"]["parallelism"] = json!(2)),
        changed(&volume, |it| it["spec"]["capacity"] = json!({"storage": "2Gi"})),
    ] {
        check(&IMMUTABLE_FIELDS, &story, Verdict::Pass, "");
    }
    let story = changed(&custom, |it| it["spec"]["template"]["a"] = json!(2));
    check(&IMMUTABLE_FIELDS, &story, Verdict::Pass, "");
}

/// A failure would mean that a Job which is gone by the next upgrade is said to break it.
#[test]
fn a_job_that_kubernetes_removes_may_change() {
    let job = json!({"kind": "Job", "metadata": {"name": "j"}, "spec": {"ttlSecondsAfterFinished": 60, "template": {"a": 1}}});
    check(&IMMUTABLE_FIELDS, &changed(&job, |job| job["spec"]["template"]["a"] = json!(2)), Verdict::Pass, "");
}

/// A failure would mean that the API server's refusal is not named.
#[test]
fn a_refused_change_is_caught() {
    let story = Story::good().moments(|moment| match moment {
        Moment::Helm(call) if call.step == 1 => {
            (call.status, call.stderr) = (Some(1), "spec.selector: Invalid value: field is immutable".to_owned());
        }
        _ => {}
    });
    check(&IMMUTABLE_FIELDS, &story, Verdict::Fail, "step 2 (upgrade) was refused");
}

/// A failure would mean that a chart without workloads is red.
#[test]
fn without_workloads_it_does_not_apply() {
    let story = Story::good().unrendered(|object| object["kind"] != "ConfigMap");
    check(&IMMUTABLE_FIELDS, &story, Verdict::NotApplicable, "cannot be changed");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = Story::good().edit(named("Deployment", "cg-app"), |deployment| {
        deployment["spec"]["selector"]["matchLabels"]["helm.sh/chart"] = json!("codex-pooler-0.1.0");
    });
    examples(&IMMUTABLE_FIELDS, &Story::good(), &failing);
}
