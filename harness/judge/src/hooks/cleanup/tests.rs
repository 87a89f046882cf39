use chartgate_k8s::object::is_hook;
use chartgate_model::recording::{Moment, Variant};
use serde_json::json;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, examples, named};

fn with_policy(policy: Option<&'static str>) -> Story {
    Story::good().edit(named("Job", "cg-migrations"), move |job| job["metadata"]["annotations"][POLICY] = json!(policy))
}

/// A failure would mean that a hook which blocks every upgrade after it failed once is accepted.
#[test]
fn a_hook_that_stays_behind_when_it_fails_is_caught() {
    let says = "job/cg-migrations stays behind when the hook fails";
    check(&HOOK_CLEANUP, &with_policy(Some("hook-succeeded")), Verdict::Fail, says);
    let says = "job/cg-migrations stays behind when the hook succeeds";
    check(&HOOK_CLEANUP, &with_policy(Some("hook-failed")), Verdict::Fail, says);
}

/// A failure would mean that a hook which cleans up is refused.
#[test]
fn a_hook_that_is_removed_in_time_passes() {
    check(&HOOK_CLEANUP, &with_policy(None), Verdict::Pass, "");
    check(&HOOK_CLEANUP, &with_policy(Some("before-hook-creation, hook-succeeded")), Verdict::Pass, "");
    check(&HOOK_CLEANUP, &with_policy(Some("hook-succeeded,hook-failed")), Verdict::Pass, "");
}

/// A failure would mean that an object is claimed to stay behind which helm removes, also when a later hook fails.
#[test]
fn what_succeeds_by_being_made_is_removed_by_hook_succeeded() {
    let map = |policy: &str| {
        let annotations = json!({"helm.sh/hook": "pre-install,pre-upgrade", POLICY: policy});
        json!({"kind": "ConfigMap", "metadata": {"name": "cg-hook", "annotations": annotations}})
    };
    check(&HOOK_CLEANUP, &Story::good().rendering(&map("hook-succeeded")), Verdict::Pass, "");
    let says = "configmap/cg-hook stays behind when the hook was made, and the next run of it collides";
    check(&HOOK_CLEANUP, &Story::good().rendering(&map("hook-failed")), Verdict::Fail, says);
}

/// A failure would mean that a hook whose name is new in each run is said to collide.
#[test]
fn a_name_that_is_new_each_time_collides_with_nothing() {
    for name in ["cg-migrate-1", "cg-migrate-1764489600"] {
        let story = with_policy(Some("hook-succeeded"))
            .edit(named("Job", "cg-migrations"), |job| job["metadata"]["name"] = json!(name));
        check(&HOOK_CLEANUP, &story, Verdict::Pass, "");
    }
    let story = with_policy(Some("hook-succeeded")).varied(Variant::Repeated, |object| {
        if object["kind"] == "Job" {
            object["metadata"]["name"] = json!("cg-migrations-x7k2p");
        }
    });
    check(&HOOK_CLEANUP, &story, Verdict::Pass, "");
}

/// A failure would mean that a maintainer is told of upgrades where it is the uninstall that cannot be repeated.
#[test]
fn a_delete_hook_stands_in_the_next_uninstalls_way() {
    let story = with_policy(Some("hook-succeeded")).edit(named("Job", "cg-migrations"), |job| {
        job["metadata"]["annotations"]["helm.sh/hook"] = json!("pre-delete");
    });
    check(&HOOK_CLEANUP, &story, Verdict::Fail, "when the hook fails, and the next `helm uninstall` collides");
}

/// A failure would mean that a collision which happened is not named.
#[test]
fn a_collision_is_caught() {
    let said = "Error: UPGRADE FAILED: pre-upgrade hooks failed: jobs.batch \"cg-migrations\" already exists";
    let story = Story::good().moments(|moment| match moment {
        Moment::Helm(call) if call.step == 1 => (call.status, call.stderr) = (Some(1), said.to_owned()),
        _ => {}
    });
    check(&HOOK_CLEANUP, &story, Verdict::Fail, "step 2 (upgrade) met an object that an earlier hook left behind");
}

/// A failure would mean that a chart without hooks is red.
#[test]
fn without_hooks_it_does_not_apply() {
    check(&HOOK_CLEANUP, &Story::good().unrendered(is_hook), Verdict::NotApplicable, "no hook");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = with_policy(Some("hook-succeeded"));
    examples(&HOOK_CLEANUP, &Story::good(), &failing);
}
