use super::*;
use crate::judge::Verdict;
use crate::judge::testing::{Story, check, end_of, examples, start_of};
use crate::record::Moment;

fn with_error(step: usize, text: &str) -> Story {
    let story = Story::good().without(|moment| matches!(moment, Moment::Release(release) if release.step == step));
    story.moments(|moment| match moment {
        Moment::Rendered { step: other, error, objects } if *other == step => {
            *error = Some(text.to_owned());
            objects.clear();
        }
        _ => {}
    })
}

/// A failure would mean that a chart which does not render for the upgrade's values is released.
#[test]
fn a_chart_that_does_not_render_fails() {
    let story = with_error(1, "Error: nil pointer");
    let finding = check(&RENDERS, &story, Verdict::Fail, "does not render for step 2 (upgrade): nil pointer");
    assert!(finding.message.contains("\nhint: "), "{}", finding.message);
    let expected = story.plan(|plan| plan.steps[1].expect = Expect::Fails("another reason".to_owned()));
    check(&RENDERS, &expected, Verdict::Fail, "nil pointer");
}

/// A failure would mean that a chart which looks for something in the cluster (`lookup`) and needs to find it is refused.
#[test]
fn what_only_helm_template_cannot_render_passes() {
    let story = Story::good().moments(|moment| {
        if let Moment::Rendered { step: 1, error, objects } = moment {
            *error = Some("Error: make the Secret `keys` first".to_owned());
            objects.clear();
        }
    });
    check(&RENDERS, &story, Verdict::Pass, "");
    let failed = story.ending(1, &StepOutcome::HelmFailed { why: "no".to_owned() }, "no");
    check(&RENDERS, &failed, Verdict::Fail, "make the Secret `keys` first");
}

/// A failure would mean that values which the chart rightly refuses make the gate red.
#[test]
fn a_refusal_that_the_scenario_expects_passes() {
    let story = with_error(0, "replicaCount is 2").plan(|plan| {
        plan.steps.truncate(1);
        plan.steps[0].expect = Expect::Fails("replicaCount".to_owned());
    });
    check(&RENDERS, &story, Verdict::Pass, "");
}

/// A failure would mean that a chart which renders nothing, or was never rendered, counts as rendered.
#[test]
fn an_empty_or_missing_render_is_void() {
    let missing = Story::good().without(|moment| match moment {
        Moment::Rendered { step, .. } => *step == 1,
        Moment::Release(release) => release.step == 1,
        _ => false,
    });
    check(&RENDERS, &missing, Verdict::Void, "step 2 (upgrade)");
    let empty = Story::good().moments(|moment| match moment {
        Moment::Rendered { objects, .. } => objects.clear(),
        Moment::Release(release) => release.objects.clear(),
        _ => {}
    });
    check(&RENDERS, &empty, Verdict::Void, "no object at all for step 1 (install)");
}

/// A failure would mean that a plan which renders nothing is blamed for it.
#[test]
fn rendering_does_not_apply_to_a_plan_without_install_and_upgrade() {
    let story = Story::good().plan(|plan| plan.steps.drain(..2).for_each(drop));
    check(&RENDERS, &story, Verdict::NotApplicable, "no step");
}

/// A failure would mean that nobody sees why the release failed.
#[test]
fn a_failed_step_fails_with_helms_words_and_the_pods_trouble() {
    let story = Story::good().failing_install("timed out waiting for the condition");
    let story = story.edit(
        |object| object["metadata"]["uid"] == "worker-0" && object["status"]["phase"] == "Running",
        |pod| {
            pod["status"]["conditions"] = serde_json::json!([]);
            pod["status"]["containerStatuses"][0]["state"] =
                serde_json::json!({"waiting": {"reason": "CrashLoopBackOff"}});
        },
    );
    let finding =
        check(&RELEASE_OUTCOME, &story, Verdict::Fail, "step 1 (install) was to succeed, but helm failed: timed out");
    let all = finding.evidence.iter().map(|evidence| evidence.text.as_str()).collect::<Vec<_>>().join("\n");
    assert!(
        all.contains("exit status 1") && all.contains("`cg-worker-0` container `worker` waits: CrashLoopBackOff"),
        "{all}"
    );
}

/// A failure would mean that the line which says why helm failed ends with `1 error occurred:`.
#[test]
fn a_list_of_helms_errors_is_told_in_its_line() {
    let why = "Error: UPGRADE FAILED: post-upgrade hooks failed: 2 errors occurred:\n\t* job greet failed\n\t* job two failed\n\n\npods: none";
    check(
        &RELEASE_OUTCOME,
        &Story::good().failing_install(why),
        Verdict::Fail,
        "helm failed: Error: UPGRADE FAILED: post-upgrade hooks failed: job greet failed; job two failed\n",
    );
}

fn outcome_of(step: usize, new: &StepOutcome) -> Story {
    Story::good().moments(|moment| match moment {
        Moment::StepEnded { step: other, outcome } if *other == step => *outcome = new.clone(),
        _ => {}
    })
}

/// A failure would mean that helm's word is taken for a workload that is not ready.
#[test]
fn a_step_that_only_helm_takes_for_done_fails() {
    let story = outcome_of(1, &StepOutcome::NotReady { why: "DaemonSet `x` has no pod".to_owned() });
    check(&RELEASE_OUTCOME, &story, Verdict::Fail, "to helm it did, but DaemonSet `x`");
}

/// A failure would mean that a scenario of a failure passes although nothing, or something else, failed.
#[test]
fn an_expected_failure_must_happen_with_its_text() {
    let failing = |why: &str| {
        let story = outcome_of(1, &StepOutcome::HelmFailed { why: why.to_owned() });
        story.plan(|plan| plan.steps[1].expect = Expect::Fails("hooks failed".to_owned()))
    };
    check(&RELEASE_OUTCOME, &failing("pre-upgrade hooks failed: x"), Verdict::Pass, "");
    check(&RELEASE_OUTCOME, &failing("no such chart"), Verdict::Fail, "but it failed with `no such chart`");
    let succeeding = Story::good().plan(|plan| plan.steps[1].expect = Expect::Fails("hooks failed".to_owned()));
    check(&RELEASE_OUTCOME, &succeeding, Verdict::Fail, "was to fail with `hooks failed`, but it succeeded");
}

/// A failure would mean that a step which nobody saw the end of counts as done.
#[test]
fn a_step_without_an_end_is_void() {
    check(&RELEASE_OUTCOME, &Story::good().cut(end_of(1)), Verdict::Void, "the recording ends in step 2 (upgrade)");
    check(&RELEASE_OUTCOME, &Story::good().cut(start_of(2)), Verdict::Void, "step 3 (rollback) never ran");
}

/// The upgrade takes the release's own values: what it renders is not known before.
fn reusing() -> Story {
    let story = Story::good().plan(|plan| plan.steps[1].reuses_values = true);
    story.without(|moment| matches!(moment, Moment::Rendered { step: 1, .. }))
}

/// A failure would mean that a value which is nil for existing users only is not told as such, or that a good one is unproven.
#[test]
fn what_an_upgrade_with_the_releases_values_renders_is_seen_in_the_release() {
    check(&RENDERS, &reusing(), Verdict::Pass, "");
    let why = "Error: UPGRADE FAILED: template: app/templates/x.yaml:3:7: nil pointer evaluating interface {}.seconds";
    let story = reusing().ending(1, &StepOutcome::HelmFailed { why: why.to_owned() }, why);
    let story = story.without(|moment| matches!(moment, Moment::Release(release) if release.step == 1));
    let finding = check(&RENDERS, &story, Verdict::Fail, "for step 2 (upgrade), with the release's own values: Error");
    assert!(finding.message.contains("hint: a value that is new in this version"), "{}", finding.message);
    let unknown = reusing().without(|moment| matches!(moment, Moment::Release(release) if release.step == 1));
    check(&RENDERS, &unknown, Verdict::Void, "what step 2 (upgrade) renders was not recorded");
}

/// A failure would mean that the chart is blamed for a version that is out already.
#[test]
fn a_failed_step_of_an_earlier_version_is_void() {
    let failed = outcome_of(0, &StepOutcome::HelmFailed { why: "timed out".to_owned() });
    let story = failed.plan(|plan| plan.steps[0].from = Some(0));
    check(&RELEASE_OUTCOME, &story, Verdict::Void, "the version to upgrade from does not install: step 1 (install)");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = with_error(1, "nil pointer evaluating interface {}.seconds");
    examples(&RENDERS, &Story::good(), &failing);
    let failing = Story::good().failing_install("timed out waiting for the condition");
    examples(&RELEASE_OUTCOME, &Story::good(), &failing);
}
