use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::judge::Verdict;
use crate::judge::testing::{Story, check, end_of, gap, named};
use crate::record::Moment;
use crate::record::recording::hash_of;

/// The upgrade renders another ConfigMap for the scheduler.
fn changed() -> Story {
    let mut story = Story::good();
    let new = json!({"kind": "ConfigMap", "metadata": {"name": "cg-scheduler"}, "data": {"OBAN_MODE": "other"}});
    let hash = hash_of(&new);
    story.0.objects.insert(hash.clone(), Arc::new(new));
    let objects = story.0.objects.clone();
    story.moments(|moment| {
        if let Moment::Rendered { step: 1, objects: rendered, .. } = moment {
            let config = rendered.iter_mut().find(|hash| named("ConfigMap", "cg-scheduler")(&objects[*hash]));
            config.expect("it is rendered").clone_from(&hash);
        }
    })
}

/// In the cluster it changes too, unless the chart keeps what is there.
fn changed_live() -> Story {
    let live = json!({
        "kind": "ConfigMap",
        "metadata": {"name": "cg-scheduler", "uid": "config-map", "resourceVersion": "9"},
        "data": {"OBAN_MODE": "other"},
    });
    changed().sighting(end_of(1), crate::record::Change::Applied, &live)
}

/// The scheduler's pod of the install stays.
fn kept(story: Story) -> Story {
    let story = story.unseen(|object| object["metadata"]["uid"] == "scheduler-1");
    story.without(|moment| matches!(moment, Moment::Object { change: crate::record::Change::Deleted, .. })).edit(
        named("Pod", "cg-scheduler-0"),
        |pod| {
            pod["metadata"].as_object_mut().expect("a map").remove("deletionTimestamp");
        },
    )
}

/// A failure would mean that a changed configuration which no pod reads is accepted.
#[test]
fn a_pod_that_keeps_the_old_configuration_fails() {
    let says = "step 2 (upgrade) changed ConfigMap `cg-scheduler`, but pod `cg-scheduler-0` of Deployment `cg-scheduler` was not replaced";
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
    check(&CONFIG_ROLLS_PODS, &unseen, Verdict::Void, "no pod of Deployment `cg-scheduler`");
}

/// A failure would mean that scenarios which change no configuration are red.
#[test]
fn without_a_changed_configuration_it_does_not_apply() {
    check(&CONFIG_ROLLS_PODS, &Story::good(), Verdict::NotApplicable, "no upgrade renders another");
}

/// A failure would mean that an upgrade with `--reuse-values` may leave pods on the old configuration.
#[test]
fn a_configuration_that_only_the_release_knows_is_judged_too() {
    let reusing = |story: Story| {
        let mut story = story.plan(|plan| plan.steps[1].reuses_values = true);
        let rendered = story.0.entries.iter().find_map(|entry| match &entry.moment {
            Moment::Rendered { step: 1, objects, .. } => Some(objects.clone()),
            _ => None,
        });
        story = story.moments(|moment| match moment {
            Moment::Release(release) if release.step == 1 => release.objects = rendered.clone().unwrap_or_default(),
            _ => {}
        });
        story.without(|moment| matches!(moment, Moment::Rendered { step: 1, .. }))
    };
    check(&CONFIG_ROLLS_PODS, &reusing(changed_live()), Verdict::Pass, "");
    check(&CONFIG_ROLLS_PODS, &reusing(kept(changed_live())), Verdict::Fail, "was not replaced");
}
