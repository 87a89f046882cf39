use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap};

/// The app is scaled to three before the last step, which leaves it with `left`.
fn scaled(left: u64) -> Story {
    let sized = |generation: u64, replicas: u64| {
        move |story: Story| {
            let is_it = move |object: &Value| {
                object["metadata"]["uid"] == "deployment-app" && object["metadata"]["generation"] == generation
            };
            story.edit(is_it, move |deployment| deployment["spec"]["replicas"] = json!(replicas))
        }
    };
    let story = sized(3, left)(sized(2, 3)(Story::good()));
    story.plan(|plan| {
        plan.steps[1].action = Action::Scale { role: "app".to_owned(), replicas: 3 };
        plan.steps[2].action = Action::Upgrade;
    })
}

fn scaler() -> Value {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "cg-app"});
    json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": "cg-app"}, "spec": {"scaleTargetRef": target}})
}

/// A failure would mean that an upgrade which halves a busy release is accepted, or that a good one is refused.
#[test]
fn an_upgrade_that_scales_down_fails() {
    check(&REPLICAS_KEPT, &scaled(3), Verdict::Pass, "");
    check(&REPLICAS_KEPT, &scaled(5), Verdict::Pass, "");
    let says = "step 3 (upgrade) scaled deployment/cg-app of role `app` down from 3 to 1 replicas";
    check(&REPLICAS_KEPT, &scaled(1), Verdict::Fail, says);
}

/// A failure would mean that a size which nobody saw counts as kept.
#[test]
fn an_unseen_size_is_void() {
    check(&REPLICAS_KEPT, &scaled(3).before(end_of(2), gap("Deployment")), Verdict::Void, "gap of Deployment");
    let unscaled = scaled(3).plan(|plan| plan.steps[1].action = Action::Scale { role: "app".to_owned(), replicas: 4 });
    check(&REPLICAS_KEPT, &unscaled, Verdict::Void, "no workload of role `app` had 4 replicas before step 3 (upgrade)");
}

/// A failure would mean that nobody is told of an upgrade that throws away what the autoscaler gave.
#[test]
fn a_size_beside_an_autoscaler_is_advised_against() {
    let mut other = scaler();
    other["kind"] = json!("ScaledObject");
    other["spec"]["scaleTargetRef"] = json!({"name": "cg-app"});
    check(&REPLICAS_KEPT, &Story::good().rendering(&other), Verdict::Advice, "though scaledobject/cg-app scales it");
    let story = Story::good().rendering(&scaler());
    let says = "deployment/cg-app is rendered with `replicas`, though horizontalpodautoscaler/cg-app scales it";
    check(&REPLICAS_KEPT, &story, Verdict::Advice, says);
    let free = |deployment: &mut Value| drop(deployment["spec"].as_object_mut().map(|spec| spec.remove("replicas")));
    let story = story.edit(|object| object["metadata"]["name"] == "cg-app" && object["kind"] == "Deployment", free);
    check(&REPLICAS_KEPT, &story, Verdict::Pass, "");
}

/// A failure would mean that a scenario that scales nothing is red.
#[test]
fn without_scaling_it_does_not_apply() {
    check(&REPLICAS_KEPT, &Story::good(), Verdict::NotApplicable, "nothing is scaled");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = scaled(1);
    examples(&REPLICAS_KEPT, &scaled(3), &failing);
}
