use chartgate_model::recording::Change;
use chartgate_model::recording::hash_of;
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, start_of};

/// What was there goes in the last step, which is an uninstall, but for some objects that stay.
fn uninstalled(staying: &[Value]) -> Story {
    let mut story = Story::good().plan(|plan| plan.steps[2].action = Action::Uninstall);
    let mut seen: Vec<Value> = Vec::new();
    for entry in &story.0.entries {
        if let Moment::Object { hash, .. } = &entry.moment {
            let object = story.0.object(hash);
            seen.retain(|other| other["metadata"]["uid"] != object.raw()["metadata"]["uid"]);
            seen.push(object.raw().clone());
        }
    }
    for object in &seen {
        story = story.sighting(end_of(2), Change::Deleted, object);
    }
    for object in staying {
        story = story.sighting(end_of(0), Change::Applied, object);
    }
    story.before(end_of(2), Moment::Remains { step: 2, objects: Vec::new() })
}

fn object(kind: &str, name: &str, annotations: Value) -> Value {
    let mut object = json!({"kind": kind, "metadata": {"name": name, "uid": format!("uid-of-{name}")}});
    object["metadata"]["annotations"] = annotations;
    object
}

fn leaving(story: Story, leaves: &str) -> Story {
    story.plan(|plan| plan.leaves = vec![leaves.to_owned()])
}

/// A failure would mean that a chart which goes without a trace is red.
#[test]
fn an_uninstall_that_leaves_nothing_passes() {
    check(&UNINSTALL_CLEAN, &uninstalled(&[]), Verdict::Pass, "nothing was left but what is kept on purpose");
}

/// A failure would mean that a Secret with passwords outlives the release, and nobody is told.
#[test]
fn a_hook_that_stays_fails() {
    let secret = object("Secret", "cg-hook", json!({"helm.sh/hook": "pre-install"}));
    let finding = check(
        &UNINSTALL_CLEAN,
        &uninstalled(&[secret]),
        Verdict::Fail,
        "secret/cg-hook, which is a hook, is still there after step 3 (uninstall)",
    );
    assert!(finding.message.contains("hint: add `hook-succeeded` to its `helm.sh/hook-delete-policy`"), "{finding:?}");
}

/// A failure would mean that each chart with a migration Job is red for what goes with its namespace, or that what outlasts it is green.
#[test]
fn an_idle_hook_that_goes_with_its_namespace_is_advice() {
    let hook = |kind: &str, namespace: serde_json::Value| {
        let mut hook = object(kind, "cg-hook", json!({"helm.sh/hook": "pre-install"}));
        hook["metadata"]["namespace"] = namespace;
        uninstalled(&[hook])
    };
    check(&UNINSTALL_CLEAN, &hook("Job", json!("cg-test")), Verdict::Advice, "job/cg-hook, which is a hook,");
    check(&UNINSTALL_CLEAN, &hook("Secret", json!("cg-test")), Verdict::Fail, "secret/cg-hook, which is a hook,");
    check(&UNINSTALL_CLEAN, &hook("ClusterRole", json!(null)), Verdict::Fail, "clusterrole/cg-hook, which is a hook,");
}

/// A failure would mean that a chart is red because helm removes nothing of what it made from `crds/`.
#[test]
fn a_definition_of_crds_stays() {
    let definition = object("CustomResourceDefinition", "boxes.example.com", json!({}));
    let remains = Moment::Remains { step: 2, objects: vec![hash_of(&definition)] };
    let is_look = |moment: &Moment| matches!(moment, Moment::Remains { .. });
    let story = uninstalled(&[]).rendering(&definition).without(is_look).before(end_of(2), remains);
    let says = "customresourcedefinition/boxes.example.com is still there after step 3 (uninstall), though";
    check(&UNINSTALL_CLEAN, &story, Verdict::Fail, says);
    let made_by = |directory: &str| {
        let mut story = story.clone();
        story.0.sources.insert(hash_of(&definition), format!("boxes/{directory}/boxes.yaml"));
        story
    };
    check(&UNINSTALL_CLEAN, &made_by("templates"), Verdict::Fail, says);
    check(&UNINSTALL_CLEAN, &made_by("crds"), Verdict::Pass, "");
}

/// A failure would mean that a Job whose log may be read for a day is red, or its pod is told of once more.
#[test]
fn a_hook_that_goes_by_itself_is_kept() {
    let mut job = object("Job", "cg-migrate", json!({"helm.sh/hook": "pre-install"}));
    let mut pod = object("Pod", "cg-migrate-1", json!({}));
    pod["metadata"]["ownerReferences"] = json!([{"kind": "Job", "uid": "uid-of-cg-migrate"}]);
    check(
        &UNINSTALL_CLEAN,
        &uninstalled(&[job.clone(), pod.clone()]),
        Verdict::Fail,
        "job/cg-migrate, which is a hook",
    );
    job["spec"] = json!({"ttlSecondsAfterFinished": 3600});
    check(&UNINSTALL_CLEAN, &uninstalled(&[job, pod]), Verdict::Pass, "");
}

/// A failure would mean that an object which helm forgot is not missed, or that what is kept on purpose is red.
#[test]
fn what_the_release_made_goes_unless_it_is_kept() {
    let config = |annotations| object("ConfigMap", "cg-left", annotations);
    let story = |object: &Value| uninstalled(std::slice::from_ref(object)).rendering(object);
    let says = "configmap/cg-left is still there after step 3 (uninstall), though the release made it";
    check(&UNINSTALL_CLEAN, &story(&config(json!({}))), Verdict::Fail, says);
    check(&UNINSTALL_CLEAN, &story(&config(json!({"helm.sh/resource-policy": "keep"}))), Verdict::Pass, "");
    for (leaves, verdict) in [
        ("ConfigMap", Verdict::Pass),
        ("ConfigMap/cg-left", Verdict::Pass),
        ("ConfigMap/cg-*", Verdict::Pass),
        ("ConfigMap/cg", Verdict::Fail),
        ("Secret/cg-left", Verdict::Fail),
    ] {
        check(&UNINSTALL_CLEAN, &leaving(story(&config(json!({}))), leaves), verdict, "");
    }
}

/// A failure would mean that an object which a finalizer holds for ever counts as gone.
#[test]
fn an_object_that_is_being_deleted_for_ever_fails() {
    let mut stuck = object("Service", "cg-stuck", json!({}));
    stuck["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    stuck["metadata"]["finalizers"] = json!(["example.com/stay"]);
    let says = "service/cg-stuck was still being deleted after step 3 (uninstall): it waits for its finalizers: `example.com/stay`";
    check(&UNINSTALL_CLEAN, &uninstalled(&[stuck]), Verdict::Fail, says);
}

/// A failure would mean that users pay for volumes that they do not know of, or that a chart is red for what Kubernetes does.
#[test]
fn volume_claims_of_a_stateful_set_are_advice() {
    let claim = object("PersistentVolumeClaim", "data-cg-db-0", json!({}));
    let mut set = object("StatefulSet", "cg-db", json!({}));
    set["spec"] = json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}}]});
    let story =
        uninstalled(&[claim]).sighting(end_of(0), Change::Applied, &set).sighting(end_of(2), Change::Deleted, &set);
    check(&UNINSTALL_CLEAN, &story, Verdict::Advice, "as Kubernetes keeps what a StatefulSet stored");
    check(&UNINSTALL_CLEAN, &leaving(story, "PersistentVolumeClaim/data-*"), Verdict::Pass, "");
}

/// A failure would mean that what an uninstall left is not told, because a step after it failed.
#[test]
fn what_was_left_is_told_whatever_comes_after() {
    let story = uninstalled(&[object("ConfigMap", "leader", json!({}))]);
    let story = story.plan(|plan| plan.steps.push(chartgate_model::plan::Step::new(Action::Install)));
    check(&UNINSTALL_CLEAN, &story, Verdict::Advice, "configmap/leader came while");
}

/// A failure would mean that what the application makes by itself fails a chart that cannot know of it.
#[test]
fn what_nobody_rendered_is_advice() {
    let story = uninstalled(&[object("ConfigMap", "leader", json!({}))]);
    check(&UNINSTALL_CLEAN, &story, Verdict::Advice, "configmap/leader came while the release was there and stays");
}

/// A failure would mean that a role of the whole cluster outlives the release, since no watch shows it.
#[test]
fn what_no_watch_shows_is_looked_for() {
    let role = object("ClusterRole", "cg", json!({}));
    let remains = Moment::Remains { step: 2, objects: vec![chartgate_model::recording::hash_of(&role)] };
    let is_look = |moment: &Moment| matches!(moment, Moment::Remains { .. });
    let story = uninstalled(&[]).rendering(&role).without(is_look);
    check(&UNINSTALL_CLEAN, &story, Verdict::Void, "what was left after step 3 (uninstall) was not looked for");
    check(&UNINSTALL_CLEAN, &story.before(end_of(2), remains), Verdict::Fail, "clusterrole/cg is still there");
}

/// A failure would mean that what was there before the release, or belongs to another one, is taken for a remnant.
#[test]
fn what_is_not_the_releases_does_not_matter() {
    let secret = object("Secret", "made-by-the-user", json!({}));
    let story = uninstalled(&[]).sighting(start_of(0), Change::Applied, &secret);
    check(&UNINSTALL_CLEAN, &story.with_neighbour(), Verdict::Pass, "");
    check(&UNINSTALL_CLEAN, &uninstalled(&[object("Event", "cg-1", json!({}))]), Verdict::Pass, "");
}

/// A failure would mean that a namespace which nobody watched counts as empty.
#[test]
fn what_was_not_watched_is_void() {
    let story = uninstalled(&[]).before(end_of(2), gap("Secret"));
    check(&UNINSTALL_CLEAN, &story, Verdict::Void, "is unknown: the recording has a gap of Secret");
}

/// A failure would mean that a scenario without an uninstall is red.
#[test]
fn without_an_uninstall_it_does_not_apply() {
    check(&UNINSTALL_CLEAN, &Story::good(), Verdict::NotApplicable, "no step uninstalls the release");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let secret = object("Secret", "cg-hook", json!({"helm.sh/hook": "pre-install"}));
    examples(&UNINSTALL_CLEAN, &uninstalled(&[]), &uninstalled(&[secret]));
}
