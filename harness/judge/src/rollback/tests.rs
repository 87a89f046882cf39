use chartgate_model::recording::{Answer, Change, Moment, StepOutcome};
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, hook, named};

/// A failure would mean that a rollback which leaves an object of the newer version is accepted.
#[test]
fn a_manifest_that_differs_fails() {
    let story = Story::good().moments(|moment| match moment {
        Moment::Release(release) if release.step == 2 => release.objects.truncate(4),
        _ => {}
    });
    let says = "the manifest after step 3 (rollback) is not that of revision 1: deployment/cg-scheduler is missing";
    check(&ROLLBACK_RESTORED, &story, Verdict::Fail, says);
    let newer = Story::good().moments(|moment| match moment {
        Moment::Release(release) if release.step == 1 => release.revision = 7,
        _ => {}
    });
    let named = newer.plan(|plan| plan.steps[2].action = Action::Rollback { to: Some(7) });
    check(&ROLLBACK_RESTORED, &named, Verdict::Fail, "is not that of revision 7: deployment/cg-app differs");
}

/// A failure would mean that the order in which helm prints objects makes a rollback red.
#[test]
fn the_order_of_objects_does_not_matter() {
    let story = Story::good().moments(|moment| match moment {
        Moment::Release(release) if release.step == 2 => release.objects.reverse(),
        _ => {}
    });
    check(&ROLLBACK_RESTORED, &story, Verdict::Pass, "");
}

/// A failure would mean that pods of the newer version may live on after a rollback.
#[test]
fn a_pod_on_the_newer_image_fails() {
    let story = Story::good().edit(
        |object| object["metadata"]["uid"] == "worker-2",
        |pod| pod["spec"]["containers"][0]["image"] = json!("reg.example/codex-pooler:v2"),
    );
    check(
        &ROLLBACK_RESTORED,
        &story,
        Verdict::Fail,
        "pod/cg-worker-2 runs reg.example/codex-pooler:v2 after step 3 (rollback)",
    );
}

/// A failure would mean that a live workload which someone else changed counts as restored.
#[test]
fn a_live_workload_on_the_newer_image_fails() {
    let is_last = |object: &Value| named("Deployment", "cg-app")(object) && object["metadata"]["generation"] == 3;
    let story = Story::good().edit(is_last, |deployment| {
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!("reg.example/codex-pooler:v2");
    });
    check(&ROLLBACK_RESTORED, &story, Verdict::Fail, "deployment/cg-app has reg.example/codex-pooler:v2");
}

/// A failure would mean that a rollback may run the upgrade's hooks.
#[test]
fn a_hook_of_another_event_fails() {
    let mut job = hook("v2");
    job["metadata"]["uid"] = json!("another");
    let story = Story::good().sighting(end_of(2), Change::Applied, &job);
    check(&ROLLBACK_RESTORED, &story, Verdict::Fail, "hook job/cg-migrations ran in step 3 (rollback)");
}

/// A failure would mean that a rollback which nobody could compare counts as right.
#[test]
fn an_unknown_revision_or_an_unwatched_rollback_is_void() {
    let story = Story::good().without(|moment| matches!(moment, Moment::Release(release) if release.step == 0));
    check(
        &ROLLBACK_RESTORED,
        &story,
        Verdict::Void,
        "revision 1, or the release after step 3 (rollback), was not recorded",
    );
    check(&ROLLBACK_SERVES, &story, Verdict::Void, "revision 1");
    check(&ROLLBACK_RESTORED, &Story::good().before(end_of(2), gap("Pod")), Verdict::Void, "gap of Pod");
}

/// A failure would mean that an old version which breaks on the newer schema is accepted.
#[test]
fn a_wrong_answer_on_the_newer_schema_fails() {
    let broken = Answer::Http { status: 500, headers: std::collections::BTreeMap::new(), body: String::new() };
    let story =
        Story::good().probes(|probe| probe.step == 2 && probe.path.is_some(), |probe| probe.answer = broken.clone());
    check(
        &ROLLBACK_SERVES,
        &story,
        Verdict::Fail,
        "answered with status 500, not 200 for /readyz after step 3 (rollback), on a schema newer than revision 1",
    );
}

/// A failure would mean that a rollback on an unchanged schema counts as proof.
#[test]
fn without_a_newer_schema_it_is_void() {
    let is_newer = |moment: &Moment| matches!(moment, Moment::Ddl { object, .. } if object == "public.v2");
    check(&ROLLBACK_SERVES, &Story::good().without(is_newer), Verdict::Void, "met nothing new");
    let unasked = Story::good().without(|moment| matches!(moment, Moment::Probe(probe) if probe.step == 2));
    check(&ROLLBACK_SERVES, &unasked, Verdict::Void, "role `app` was not asked");
}

/// A failure would mean that a rollback which undoes the migration is taken for proof that the old version bears it.
#[test]
fn a_schema_that_is_changed_back_is_void() {
    let story = Story::good();
    let end = story.0.entries.last().expect("it has an end").at;
    let undo = Moment::Ddl {
        database: "postgres".to_owned(),
        unix_ms: View::of(&story.0).wall_clock(end),
        tag: "DROP TABLE".to_owned(),
        object: "public.v2".to_owned(),
        user: "codex".to_owned(),
    };
    check(&ROLLBACK_SERVES, &story.before(end_of(2), undo), Verdict::Void, "DROP TABLE public.v2");
}

/// A failure would mean that a scenario without a rollback is red.
#[test]
fn without_a_rollback_it_does_not_apply() {
    let story = Story::good().plan(|plan| plan.steps.truncate(2));
    check(&ROLLBACK_RESTORED, &story, Verdict::NotApplicable, "no rollback");
    check(&ROLLBACK_SERVES, &story, Verdict::NotApplicable, "no rollback");
}

/// A failure would mean that a version which refuses to start after a rollback is only told as a timeout.
#[test]
fn a_rollback_whose_pods_never_get_ready_on_the_newer_schema_fails() {
    let failed = || {
        Story::good().moments(|moment| {
            if let Moment::StepEnded { step: 2, outcome } = moment {
                *outcome = StepOutcome::HelmFailed { why: "context deadline exceeded".to_owned() };
            }
        })
    };
    let refused = failed().edit(
        |object| object["metadata"]["uid"] == "app-2",
        |pod| pod["status"]["conditions"] = json!([{"type": "Ready", "status": "False"}]),
    );
    check(&ROLLBACK_SERVES, &refused, Verdict::Fail, "no new pod of role `app` became ready in step 3 (rollback)");
    check(&ROLLBACK_SERVES, &failed(), Verdict::Void, "");
}

/// The upgrade fails and helm goes back by itself: the release, its workloads and its pods are those of version 1 again.
fn automatic() -> Story {
    let story = Story::good().failing(1, "timed out").without(|moment| {
        matches!(moment, Moment::StepEnded { step: 1, .. } | Moment::StepStarted { step: 2 })
            || matches!(moment, Moment::Release(release) if release.step == 1)
            || matches!(moment, Moment::Probe(probe) if probe.step > 0)
    });
    // What the rollback of the good run did belongs to the upgrade now.
    let story = story.moments(|moment| match moment {
        Moment::StepEnded { step, outcome } if *step == 2 => {
            (*step, *outcome) = (1, StepOutcome::HelmFailed { why: "timed out".to_owned() });
        }
        Moment::Release(release) if release.step == 2 => release.step = 1,
        _ => {}
    });
    story.without(|moment| matches!(moment, Moment::Helm(call) if call.step == 2)).plan(|plan| {
        plan.steps.truncate(2);
        plan.steps[1].rolls_back = true;
    })
}

/// A failure would mean that an upgrade with `--atomic` may leave a mixture of two versions, or that a clean one is refused.
#[test]
fn an_upgrade_that_goes_back_by_itself_is_judged_as_a_rollback() {
    check(&ROLLBACK_RESTORED, &automatic(), Verdict::Pass, "each rollback restored");
    let says = "the release is `failed` after step 2 (upgrade), not `deployed`";
    check(&ROLLBACK_RESTORED, &automatic().status(1, "failed"), Verdict::Fail, says);
    let left = automatic().edit(
        |object| object["metadata"]["uid"] == "worker-2",
        |pod| pod["spec"]["containers"][0]["image"] = json!("reg.example/codex-pooler:v2"),
    );
    check(&ROLLBACK_RESTORED, &left, Verdict::Fail, "pod/cg-worker-2 runs reg.example/codex-pooler:v2");
    let is_last = |object: &Value| named("Deployment", "cg-worker")(object) && object["metadata"]["generation"] == 3;
    let unsettled = left.edit(is_last, |deployment| deployment["status"]["availableReplicas"] = json!(0));
    check(&ROLLBACK_RESTORED, &unsettled, Verdict::Void, "step 2 (upgrade) was still going back");
    check(&ROLLBACK_SERVES, &automatic(), Verdict::NotApplicable, "no rollback");
}

/// A failure would mean that a way out which works after a failed or a killed upgrade is called broken or unproven.
#[test]
fn a_rollback_after_an_upgrade_that_did_not_end_well_passes() {
    let is_newer = |moment: &Moment| matches!(moment, Moment::Ddl { object, .. } if object == "public.v2");
    let failed = || Story::good().failing(1, "hook migrations");
    let killed = Story::good().ending(1, &StepOutcome::Interrupted, "").status(1, "pending-upgrade");
    let killed = killed.plan(|plan| plan.steps[1].expect = chartgate_model::plan::Expect::Interrupted);
    for story in [failed(), failed().without(is_newer), killed.clone(), killed.without(is_newer)] {
        check(&ROLLBACK_RESTORED, &story, Verdict::Pass, "");
        check(&ROLLBACK_SERVES, &story, Verdict::Pass, "");
    }
    let broken = failed().probes(|probe| probe.step == 2, |probe| probe.answer = Answer::Refused);
    check(&ROLLBACK_SERVES, &broken, Verdict::Fail, "after step 3 (rollback), on a schema newer than revision 1");
}

/// A failure would mean that it is guessed what a rollback went back to.
#[test]
fn a_rollback_after_an_unrecorded_release_is_void() {
    let story = Story::good().without(|moment| matches!(moment, Moment::Release(release) if release.step == 1));
    check(&ROLLBACK_RESTORED, &story, Verdict::Void, "was not recorded");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = Story::good().edit(
        |object| object["metadata"]["uid"] == "worker-2",
        |pod| pod["spec"]["containers"][0]["image"] = json!("reg.example/codex-pooler:v2"),
    );
    examples(&ROLLBACK_RESTORED, &Story::good(), &failing);
    let failing = Story::good().probes(
        |probe| probe.step == 2 && probe.path.is_some(),
        |probe| {
            probe.answer = Answer::Http { status: 500, headers: [].into(), body: String::new() };
        },
    );
    examples(&ROLLBACK_SERVES, &Story::good(), &failing);
}
