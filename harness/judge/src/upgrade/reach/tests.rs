use chartgate_model::plan::Step;
use chartgate_model::recording::{Change as Seen, Moment, StepOutcome};
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, named, start_of};

/// The scheduler's ConfigMap is changed beside the release between the install and the upgrade.
fn applied() -> Story {
    let until = Awaited {
        kind: "ConfigMap".to_owned(),
        name: "cg-scheduler".to_owned(),
        outcome: Outcome::Changes("data.OBAN_MODE".to_owned()),
    };
    let objects = vec![json!({"apiVersion": "v1", "kind": "Store", "metadata": {"name": "platform"}})];
    let step = Step::new(Action::Apply { objects, until: vec![until] });
    let later = |step: &mut usize| *step += usize::from(*step > 0);
    let story = Story::good().moments(|moment| match moment {
        Moment::StepStarted { step } | Moment::StepEnded { step, .. } | Moment::Rendered { step, .. } => later(step),
        Moment::Helm(call) => later(&mut call.step),
        Moment::Release(release) => later(&mut release.step),
        Moment::Probe(probe) => later(&mut probe.step),
        _ => {}
    });
    let story = story.plan(|plan| plan.steps.insert(1, step));
    let story = story.before(start_of(2), Moment::StepStarted { step: 1 });
    story.before(start_of(2), Moment::StepEnded { step: 1, outcome: StepOutcome::Succeeded })
}

fn config(mode: &str) -> Value {
    json!({
        "kind": "ConfigMap",
        "metadata": {"name": "cg-scheduler", "uid": "config-map"},
        "data": {"OBAN_MODE": mode},
    })
}

/// And it does change.
fn rotated() -> Story {
    applied().sighting(end_of(1), Seen::Applied, &config("other"))
}

/// The scheduler's pod of the install stays.
fn kept(story: Story) -> Story {
    let story = story.unseen(|object| object["metadata"]["uid"] == "scheduler-1");
    let is_deletion = |moment: &Moment| matches!(moment, Moment::Object { change: Seen::Deleted, .. });
    story.without(is_deletion).edit(named("Pod", "cg-scheduler-0"), |pod| {
        pod["metadata"].as_object_mut().expect("a map").remove("deletionTimestamp");
    })
}

/// A failure would mean that a chart is refused whose upgrade brings a rotated value to its pods.
#[test]
fn pods_of_the_next_upgrade_pass() {
    let finding = check(&CONFIG_REACHES_PODS, &rotated(), Verdict::Pass, "was made after");
    let told: Vec<&str> = finding.evidence.iter().map(|evidence| evidence.text.as_str()).collect();
    let held = "pod/cg-scheduler-0 held what configmap/cg-scheduler was before until step 3 (upgrade)";
    assert!(told.contains(&held), "{told:#?}");
}

/// A failure would mean that pods with a password that is no longer valid are accepted after an upgrade.
#[test]
fn a_pod_that_keeps_what_it_held_fails() {
    let says = "configmap/cg-scheduler changed in step 2 (apply), and step 3 (upgrade) left pod/cg-scheduler-0";
    check(&CONFIG_REACHES_PODS, &kept(rotated()), Verdict::Fail, says);
}

/// A failure would mean that a rotation which changed nothing proves that rotations work.
#[test]
fn a_rotation_that_changes_nothing_is_void() {
    let says = "step 2 (apply) changed nothing that a pod takes its environment from";
    check(&CONFIG_REACHES_PODS, &applied(), Verdict::Void, says);
    let unused = rotated().edit(named("Pod", "cg-scheduler"), |pod| {
        pod["spec"]["containers"][0]["envFrom"] = json!([]);
    });
    check(&CONFIG_REACHES_PODS, &unused, Verdict::Void, says);
}

/// A failure would mean that a pod which was made before the change, and not seen, is taken for a new one.
#[test]
fn what_was_not_seen_is_void() {
    check(&CONFIG_REACHES_PODS, &rotated().before(end_of(2), gap("Pod")), Verdict::Void, "gap of Pod");
    check(&CONFIG_REACHES_PODS, &rotated().before(end_of(1), gap("ConfigMap")), Verdict::Void, "gap of ConfigMap");
}

/// A failure would mean that a pod is blamed which read its environment anew.
#[test]
fn a_pod_that_was_restarted_is_void() {
    let restarted = {
        let story = kept(rotated());
        let objects = story.0.objects.values().find(|object| named("Pod", "cg-scheduler-0")(object.raw()));
        let mut pod = objects.expect("it is seen").raw().clone();
        pod["status"]["containerStatuses"] = json!([{"name": "app", "restartCount": 1}]);
        pod["metadata"].as_object_mut().expect("a map").remove("deletionTimestamp");
        story.sighting(end_of(2), Seen::Applied, &pod)
    };
    check(&CONFIG_REACHES_PODS, &restarted, Verdict::Void, "it was restarted");
}

/// A failure would mean that scenarios are red which apply something else, or upgrade nothing afterwards.
#[test]
fn without_a_rotation_before_an_upgrade_it_does_not_apply() {
    check(&CONFIG_REACHES_PODS, &Story::good(), Verdict::NotApplicable, "no step changes a Secret");
    let other = rotated().plan(|plan| {
        if let Action::Apply { until, .. } = &mut plan.steps[1].action {
            until.clear();
        }
    });
    check(&CONFIG_REACHES_PODS, &other, Verdict::NotApplicable, "no step changes a Secret");
    let again = rotated().plan(|plan| plan.steps[2].is_again = true);
    check(&CONFIG_REACHES_PODS, &again, Verdict::NotApplicable, "no step changes a Secret");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    examples(&CONFIG_REACHES_PODS, &rotated(), &kept(rotated()));
}
