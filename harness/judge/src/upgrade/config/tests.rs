use chartgate_k8s::object::{kind, name};
use chartgate_model::recording::hash_of;
use chartgate_model::recording::{Moment, Release};
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, named};

fn is_render(moment: &Moment) -> bool {
    matches!(moment, Moment::Rendered { step: 1, .. })
}

fn is_release(moment: &Moment) -> bool {
    matches!(moment, Moment::Release(release) if release.step == 1)
}

/// Another object of the same kind and name stands in what the upgrade rendered, or in the release that it made.
fn with(mut story: Story, other: &Value, in_it: fn(&Moment) -> bool) -> Story {
    let hash = hash_of(other);
    story.0.objects.insert(hash.clone(), other.clone().into());
    let all = story.0.objects.clone();
    let is_same = |known: &String| all[known].kind() == kind(other) && all[known].name() == name(other);
    story.moments(|moment| {
        let is_picked = in_it(moment);
        let (Moment::Rendered { objects, .. } | Moment::Release(Release { objects, .. })) = moment else { return };
        if let Some(found) = objects.iter_mut().find(|known| is_picked && is_same(known)) {
            found.clone_from(&hash);
        }
    })
}

fn other_config() -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": "cg-scheduler"}, "data": {"OBAN_MODE": "other"}})
}

/// The upgrade renders another ConfigMap for the scheduler.
fn changed() -> Story {
    with(with(Story::good(), &other_config(), is_render), &other_config(), is_release)
}

/// In the cluster it changes too, unless the chart keeps what is there.
fn changed_live() -> Story {
    in_cluster(changed())
}

fn in_cluster(story: Story) -> Story {
    let live = json!({
        "kind": "ConfigMap",
        "metadata": {"name": "cg-scheduler", "uid": "config-map", "resourceVersion": "9"},
        "data": {"OBAN_MODE": "other"},
    });
    story.sighting(end_of(1), chartgate_model::recording::Change::Applied, &live)
}

/// The scheduler's pod of the install stays.
fn kept(story: Story) -> Story {
    let story = story.unseen(|object| object["metadata"]["uid"] == "scheduler-1");
    story
        .without(|moment| matches!(moment, Moment::Object { change: chartgate_model::recording::Change::Deleted, .. }))
        .edit(named("Pod", "cg-scheduler-0"), |pod| {
            pod["metadata"].as_object_mut().expect("a map").remove("deletionTimestamp");
        })
}

/// A failure would mean that a changed configuration which no pod reads is accepted.
#[test]
fn a_pod_that_keeps_the_old_configuration_fails() {
    let says = "step 2 (upgrade) changed configmap/cg-scheduler, but pod/cg-scheduler-0 of deployment/cg-scheduler was not replaced";
    check(&CONFIG_ROLLS_PODS, &kept(changed_live()), Verdict::Fail, says);
}

/// A failure would mean that a chart which rolls its pods is refused.
#[test]
fn replaced_pods_pass() {
    check(&CONFIG_ROLLS_PODS, &changed_live(), Verdict::Pass, "");
}

/// A failure would mean that a value which is only rendered anew must roll the pods.
#[test]
fn what_stays_the_same_in_the_cluster_needs_no_rollout() {
    check(&CONFIG_ROLLS_PODS, &kept(changed()), Verdict::Pass, "");
}

/// A failure would mean that files which follow by themselves make a chart red.
#[test]
fn a_mounted_file_is_only_mentioned() {
    let story = kept(changed_live()).edit(named("Deployment", "cg-scheduler"), |deployment| {
        let spec = &mut deployment["spec"]["template"]["spec"];
        spec["containers"][0]["envFrom"] = json!([]);
        spec["volumes"] = json!([{"name": "c", "configMap": {"name": "cg-scheduler"}}]);
    });
    check(&CONFIG_ROLLS_PODS, &story, Verdict::Advice, "must notice the changed files itself");
}

/// A failure would mean that pods which nobody saw count as replaced.
#[test]
fn unseen_pods_are_void() {
    check(&CONFIG_ROLLS_PODS, &changed_live().before(end_of(1), gap("Pod")), Verdict::Void, "gap of Pod");
    let unseen = changed_live().unseen(named("Pod", "cg-scheduler"));
    check(&CONFIG_ROLLS_PODS, &unseen, Verdict::Void, "no pod of deployment/cg-scheduler");
}

/// A failure would mean that scenarios which change no configuration are red.
#[test]
fn without_a_changed_configuration_it_does_not_apply() {
    check(&CONFIG_ROLLS_PODS, &Story::good(), Verdict::NotApplicable, "no upgrade renders another");
}

/// A failure would mean that an upgrade with `--reuse-values` may leave pods on the old configuration.
#[test]
fn a_configuration_that_only_the_release_knows_is_judged_too() {
    let reusing = |story: Story| story.plan(|plan| plan.steps[1].reuses_values = true).without(is_render);
    check(&CONFIG_ROLLS_PODS, &reusing(changed_live()), Verdict::Pass, "");
    check(&CONFIG_ROLLS_PODS, &reusing(kept(changed_live())), Verdict::Fail, "was not replaced");
}

/// A failure would mean that a chart which generates something at each render hides a configuration that its upgrade changes, where
/// only the cluster shows that: by the revision, or by what `lookup` finds.
#[test]
fn a_secret_that_is_only_rendered_anew_hides_no_changed_configuration() {
    let secret = |password: &str| json!({"kind": "Secret", "metadata": {"name": "s"}, "data": {"password": password}});
    let reference = json!({"secretRef": {"name": "s"}});
    let story = Story::good().rendering(&secret("kept")).edit(named("Deployment", "cg-scheduler"), |deployment| {
        let sources = &mut deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"];
        sources.as_array_mut().expect("a list").push(reference.clone());
    });
    let mut live = secret("kept");
    (live["metadata"]["uid"], live["metadata"]["resourceVersion"]) = (json!("secret"), json!("8"));
    let story = story.sighting(end_of(0), chartgate_model::recording::Change::Applied, &live);
    let rendered_anew = |story: Story| with(story, &secret("another"), is_render);
    check(&CONFIG_ROLLS_PODS, &rendered_anew(story.clone()), Verdict::NotApplicable, "no upgrade renders another");
    let changed = with(rendered_anew(story), &other_config(), is_release);
    let live = in_cluster(changed);
    check(&CONFIG_ROLLS_PODS, &kept(live.clone()), Verdict::Fail, "changed configmap/cg-scheduler, but pod");
    check(&CONFIG_ROLLS_PODS, &live, Verdict::Pass, "");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = kept(changed_live());
    examples(&CONFIG_ROLLS_PODS, &changed_live(), &failing);
}
