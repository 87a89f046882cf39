use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples};

fn with(fault: Fault) -> Story {
    Story::good().plan(|plan| {
        plan.steps[1].fault = Some(fault);
        let image = plan.images.get_mut("app").expect("the contract names it");
        (image.crashes, image.never_ready) = (Some("v2".to_owned()), Some("v2".to_owned()));
    })
}

/// The new pods of the upgrade, in another state.
fn new_pods(story: Story, change: impl Fn(&mut Value)) -> Story {
    let is_new = |object: &Value| {
        object["kind"] == "Pod" && object["metadata"]["uid"].as_str().is_some_and(|uid| uid.ends_with("-1"))
    };
    story.edit(is_new, change)
}

/// A failure would mean that a release is praised for bearing what never came.
#[test]
fn a_fault_that_did_not_come_is_void() {
    let says = "the fault `migration-fails` did not happen in step 2 (upgrade)";
    check(&FAULT_HAPPENED, &with(Fault::MigrationFails), Verdict::Void, says);
    let moment = Moment::Fault { step: 1, what: "CREATE TABLE was made to fail".to_owned() };
    check(&FAULT_HAPPENED, &with(Fault::MigrationFails).before(end_of(1), moment), Verdict::Pass, "");
}

/// A failure would mean that an image that starts well counts as one that crashes.
#[test]
fn an_image_is_faulty_only_as_its_pods_show() {
    for fault in [Fault::ImageCrashes, Fault::ImageNeverReady, Fault::ImageMissing] {
        check(&FAULT_HAPPENED, &with(fault), Verdict::Void, "did not happen");
    }
    let state = |state: Value| move |pod: &mut Value| pod["status"]["containerStatuses"][0]["state"] = state.clone();
    let ended = state(json!({"terminated": {"exitCode": 1}}));
    check(&FAULT_HAPPENED, &new_pods(with(Fault::ImageCrashes), ended), Verdict::Pass, "");
    let waiting = state(json!({"waiting": {"reason": "ErrImagePull"}}));
    check(&FAULT_HAPPENED, &new_pods(with(Fault::ImageMissing), waiting), Verdict::Pass, "");
    let unready = |pod: &mut Value| {
        pod["status"]["conditions"] = json!([]);
        pod["status"]["containerStatuses"][0]["state"] = json!({"running": {}});
    };
    check(&FAULT_HAPPENED, &new_pods(with(Fault::ImageNeverReady), unready), Verdict::Pass, "");
}

/// A failure would mean that an empty node counts as drained.
#[test]
fn a_drain_without_pods_is_none() {
    let drained = |pods: &[&str]| Moment::Drained {
        step: 2,
        node: "worker-1".to_owned(),
        evicted: pods.iter().map(|pod| (*pod).to_owned()).collect(),
        stayed: std::collections::BTreeMap::new(),
    };
    check(&FAULT_HAPPENED, &Story::disrupted(Fault::NodeDrained, drained(&[])), Verdict::Void, "did not happen");
    check(&FAULT_HAPPENED, &Story::disrupted(Fault::NodeDrained, drained(&["cg-app-1"])), Verdict::Pass, "");
}

/// A failure would mean that a scenario without a fault is red.
#[test]
fn without_a_fault_it_does_not_apply() {
    check(&FAULT_HAPPENED, &Story::good(), Verdict::NotApplicable, "no step of the plan has a fault");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = with(Fault::MigrationFails);
    examples(
        &FAULT_HAPPENED,
        &with(Fault::MigrationFails)
            .before(end_of(1), Moment::Fault { step: 1, what: "CREATE TABLE was made to fail".to_owned() }),
        &failing,
    );
}
