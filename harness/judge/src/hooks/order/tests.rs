use chartgate_model::recording::Moment;
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, hook, named, start_of};

fn uid(uid: &str) -> impl Fn(&Value) -> bool {
    move |object| object["metadata"]["uid"] == uid
}

/// Both resource versions of a Job run are moved, as if it had happened at another time.
fn completed_at(version: u64) -> Story {
    let is_done = |object: &Value| uid("migrations-1")(object) && object["status"]["succeeded"] == 1;
    Story::good().edit(is_done, |job| job["metadata"]["resourceVersion"] = json!(version.to_string()))
}

fn version_of(story: &Story, uid: &str) -> u64 {
    let view = View::of(&story.0);
    let track = view.tracks("Pod").find(|track| track.uid() == uid).expect("the pod was seen");
    track.first().version().expect("it has a version")
}

/// A failure would mean that new pods may start on the old schema.
#[test]
fn a_pod_created_before_the_hook_completed_fails() {
    let pod = version_of(&Story::good(), "app-1");
    let finding = check(
        &HOOK_ORDER,
        &completed_at(pod + 1),
        Verdict::Fail,
        "pod/cg-app-1 of role `app` was created in step 2 (upgrade) before hook `migrations`",
    );
    let version = format!("(resource version {pod})");
    assert!(finding.evidence.iter().any(|evidence| evidence.text.contains(&version)), "{:?}", finding.evidence);
}

/// A failure would mean that a tie is read as proof.
#[test]
fn equal_resource_versions_are_void() {
    let pod = version_of(&Story::good(), "app-1");
    check(&HOOK_ORDER, &completed_at(pod), Verdict::Void, "the same resource version");
}

/// A failure would mean that a post-install migration, which pods wait for in vain, is accepted.
#[test]
fn a_hook_that_never_ran_before_the_pods_fails() {
    let story = Story::good().failing_install("timed out").unseen(named("Job", "cg-migrations"));
    let story = story.edit(
        |object| object["kind"] == "Job",
        |job| job["metadata"]["annotations"]["helm.sh/hook"] = json!("post-install,post-upgrade"),
    );
    let finding = check(&HOOK_ORDER, &story, Verdict::Fail, "hook `migrations` did not run before pod/cg-app-0");
    let says = "the chart renders job/cg-migrations as a hook of post-install, post-upgrade";
    assert!(finding.evidence.iter().any(|evidence| evidence.text == says), "{finding:#?}");
}

/// A failure would mean that pods which roll although the migration failed are accepted.
#[test]
fn a_hook_that_failed_before_the_pods_fails() {
    let story = Story::good().failing_install("hook failed").edit(
        |object| uid("migrations-0")(object) && object["status"]["succeeded"] == 1,
        |job| job["status"] = json!({"conditions": [{"type": "Failed", "status": "True"}]}),
    );
    check(&HOOK_ORDER, &story, Verdict::Fail, "never completed in step 1 (install)");
}

/// A failure would mean that an order is claimed which nobody could see.
#[test]
fn what_was_not_seen_live_is_void() {
    for kind in ["Job", "Pod"] {
        check(&HOOK_ORDER, &Story::good().before(end_of(1), gap(kind)), Verdict::Void, "gap");
    }
    let outside = Story::good().before(start_of(2), gap("Event"));
    check(&HOOK_ORDER, &outside, Verdict::Pass, "");
    let many = Story::good().moments(|moment| {
        if let Moment::Started { single_etcd, .. } = moment {
            *single_etcd = false;
        }
    });
    check(&HOOK_ORDER, &many, Verdict::Void, "cannot be compared");
    check(&HOOK_ORDER, &many.before(start_of(0), Moment::OneStore), Verdict::Pass, "");
}

/// A failure would mean that runs in which no pod had to wait for the hook count as proof.
#[test]
fn without_a_pod_of_a_new_template_it_is_void() {
    let story = Story::good().unseen(named("Pod", "cg-scheduler"));
    check(&HOOK_ORDER, &story, Verdict::Void, "role `scheduler` from a new template");
}

/// A failure would mean that a pod which is only replaced, or scaled, must wait for a hook.
#[test]
fn a_pod_of_an_old_template_proves_nothing() {
    let same = |pod: &mut Value| pod["metadata"]["labels"]["pod-template-hash"] = json!("hash-v1");
    let story = completed_at(10_000).edit(|object| object["kind"] == "Pod", same);
    check(&HOOK_ORDER, &story, Verdict::Pass, "");
}

/// A failure would mean that charts without hooks are red.
#[test]
fn without_hooks_it_does_not_apply() {
    let story = Story::good().plan(|plan| plan.hooks.clear());
    check(&HOOK_ORDER, &story, Verdict::NotApplicable, "no step runs a hook");
    let absent = Story::good().plan(|plan| plan.absent = vec!["migrations".to_owned()]);
    check(&HOOK_ORDER, &absent, Verdict::NotApplicable, "no step runs a hook");
}

fn seed_hook(version: u64) -> Story {
    let mut seed = hook("v1");
    seed["metadata"]["name"] = json!("cg-seed");
    seed["metadata"]["labels"] = json!({});
    seed["metadata"]["annotations"]["helm.sh/hook-weight"] = json!("5");
    let story = Story::good().plan(|plan| plan.hooks.clear()).rendering(&seed);
    seed["metadata"]["uid"] = json!("seed-0");
    seed["metadata"]["resourceVersion"] = json!(version.to_string());
    story.sighting(end_of(0), Change::Applied, &seed)
}

/// A failure would mean that hooks which build on each other run at once.
#[test]
fn hooks_of_one_event_run_by_weight() {
    check(&HOOK_ORDER, &seed_hook(10_000), Verdict::Pass, "");
    let early = check(&HOOK_ORDER, &seed_hook(1), Verdict::Fail, "ran out of order");
    assert!(
        early.message.contains("job/cg-migrations (weight 0) and hook job/cg-seed (weight 5)"),
        "{}",
        early.message
    );
    check(&HOOK_ORDER, &seed_hook(10_000).before(end_of(0), gap("Job")), Verdict::Void, "gap of Job");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = completed_at(version_of(&Story::good(), "app-1") + 1);
    examples(&HOOK_ORDER, &Story::good(), &failing);
}

/// A failure would mean that a right chart is void, because the scenario has no event of its hook.
#[test]
fn a_hook_whose_events_never_come_does_not_apply() {
    let story = Story::good().plan(|plan| {
        plan.hooks.values_mut().for_each(|hook| hook.events = vec!["pre-delete".to_owned()]);
    });
    check(&HOOK_ORDER, &story, Verdict::NotApplicable, "no step runs a hook that must precede a role");
}

/// The migrations as a hook that runs once the pods are ready.
fn after_pods(story: Story) -> Story {
    story.plan(|plan| {
        for hook in plan.hooks.values_mut() {
            hook.events = vec!["post-install".to_owned(), "post-upgrade".to_owned()];
            hook.before.clear();
        }
    })
}

/// An install that failed while the app's pod was in this state, before the hook began.
fn waiting(state: &Value) -> Story {
    let story = after_pods(Story::good().failing_install("timed out")).unseen(named("Job", "cg-migrations"));
    let story = story.edit(named("Deployment", "cg-app"), |app| app["status"]["availableReplicas"] = json!(0));
    story.edit(named("Pod", "cg-app-0"), |pod| {
        pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]);
        pod["status"]["containerStatuses"] =
            json!([{"name": "app", "ready": false, "restartCount": 0, "state": state}]);
    })
}

/// A failure would mean that a chart whose workers are ready only with the topics that a later hook makes is called slow.
#[test]
fn a_post_hook_that_pods_wait_for_in_vain_fails() {
    let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
    let says = "hook `migrations` never began in step 1 (install): helm runs it once all pods are ready, and those of deployment/cg-app";
    check(&HOOK_ORDER, &waiting(&running), Verdict::Fail, says);
}

/// A failure would mean that a pod without its image is taken for one that waits for a hook.
#[test]
fn a_post_hook_is_not_blamed_for_a_pod_that_does_not_run() {
    let pulling = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
    check(&HOOK_ORDER, &waiting(&pulling), Verdict::Void, "");
}

#[test]
fn a_post_hook_that_began_passes() {
    check(&HOOK_ORDER, &after_pods(Story::good()), Verdict::Pass, "");
}
