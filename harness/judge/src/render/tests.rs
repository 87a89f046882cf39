use chartgate_model::recording::Moment;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, start_of};

fn with_error(step: usize, text: &str) -> Story {
    let story = Story::good().without(|moment| matches!(moment, Moment::Release(release) if release.step == step));
    story.moments(|moment| match moment {
        Moment::Rendered { step: other, error, objects, .. } if *other == step => {
            *error = Some(text.to_owned());
            objects.clear();
        }
        _ => {}
    })
}

/// A failure would mean that a chart which does not render for the upgrade's values is released.
#[test]
fn a_chart_that_does_not_render_fails() {
    let nil =
        "Error: template: shop/templates/x.yaml:3:7: executing \"shop/templates/x.yaml\" at <.Values.a.b>: nil pointer";
    let story = with_error(1, nil);
    let story = unrun(story, 1);
    let finding = check(
        &RENDERS,
        &story,
        Verdict::Fail,
        "does not render for step 2 (upgrade): at <.Values.a.b>: nil pointer (shop/templates/x.yaml:3)",
    );
    assert!(finding.message.contains("\nhint: correct shop/templates/x.yaml:3"), "{}", finding.message);
    let expected = story.plan(|plan| plan.steps[1].expect = Expect::Fails("another reason".to_owned()));
    check(&RENDERS, &expected, Verdict::Fail, "nil pointer");
}

/// A failure would mean that a chart which looks for something in the cluster (`lookup`) and needs to find it is refused.
#[test]
fn what_only_helm_template_cannot_render_passes() {
    let story = Story::good().moments(|moment| {
        if let Moment::Rendered { step: 1, error, objects, .. } = moment {
            *error = Some("Error: make the Secret `keys` first".to_owned());
            objects.clear();
        }
    });
    check(&RENDERS, &story, Verdict::Pass, "");
    // On the cluster helm decides: it may fail for another reason, or refuse the chart as well.
    let failed = |says: &str| story.clone().ending(1, &StepOutcome::HelmFailed { why: says.to_owned() }, says);
    check(&RENDERS, &failed("Error: UPGRADE FAILED: context deadline exceeded"), Verdict::Pass, "");
    let refused = "Error: UPGRADE FAILED: execution error at (shop/templates/a.yaml:1:4): make the Secret `keys` first";
    check(&RENDERS, &failed(refused), Verdict::Fail, "make the Secret `keys` first (shop/templates/a.yaml:1)");
}

/// Only renders were recorded: a refusal needs no cluster.
fn unrun(story: Story, step: usize) -> Story {
    story.without(|moment| match moment {
        Moment::StepStarted { step: of } | Moment::StepEnded { step: of, .. } => *of >= step || step == 1,
        Moment::Helm(_) | Moment::Release(_) | Moment::Probe(_) => true,
        _ => false,
    })
}

/// A failure would mean that a chart is called broken because its user must choose a password.
#[test]
fn defaults_that_need_values_are_void_and_name_them() {
    let says = "Error: execution error at (shop/templates/a.yaml:4:13): set auth.secret, please\n\nUse --debug flag";
    let story = unrun(with_error(0, says), 0).moments(|moment| {
        if let Moment::Rendered { needs, step: 0, .. } = moment {
            *needs = vec!["auth.secret".to_owned()];
        }
    });
    let defaults = story.clone().plan(|plan| plan.file = None);
    let says = "needs values: `auth.secret`: set auth.secret, please (shop/templates/a.yaml:4)";
    let finding = check(&RENDERS, &defaults, Verdict::Void, says);
    assert!(finding.message.contains("\nhint: give the value with `--values FILE`"), "{}", finding.message);
    // A scenario gives the values that it means.
    let scenario = story.plan(|plan| plan.file = Some("a.yaml".into()));
    check(&RENDERS, &scenario, Verdict::Fail, "does not render for step 1 (install): set auth.secret, please");
}

/// A failure would mean that a chart which only a cluster can render is called broken by those who have none.
#[test]
fn what_needs_a_cluster_is_void_without_one() {
    let story = unrun(with_error(1, "Error: execution error at (shop/templates/a.yaml:1:4): no cluster"), 1).moments(
        |moment| {
            if let Moment::Rendered { asks_cluster, step: 1, .. } = moment {
                *asks_cluster = true;
            }
        },
    );
    check(
        &RENDERS,
        &story,
        Verdict::Void,
        "what step 2 (upgrade) renders needs a cluster: no cluster (shop/templates/a.yaml:1)",
    );
}

/// A failure would mean that a user is sent to a cluster for a value that the chart's own sentence asks for.
#[test]
fn the_charts_own_sentence_comes_before_the_cluster() {
    let says = "Error: execution error at (ziti/templates/a.yaml:4:13): cluster.mode is required";
    let story = unrun(with_error(0, says), 0).plan(|plan| plan.file = None).moments(|moment| {
        if let Moment::Rendered { asks_cluster, step: 0, .. } = moment {
            *asks_cluster = true;
        }
    });
    let finding = check(
        &RENDERS,
        &story,
        Verdict::Void,
        "needs values: `cluster.mode`: cluster.mode is required (ziti/templates/a.yaml:4)",
    );
    assert!(
        finding.message.contains("\nhint: give what the chart asks for with `--values FILE`"),
        "{}",
        finding.message
    );
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
        all.contains("exit status 1") && all.contains("pod/cg-worker-0 container `worker` waits: CrashLoopBackOff"),
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
        "post-upgrade hooks failed: 2 errors occurred: job greet failed; job two failed",
    );
}

/// A failure would mean that what the API server refused is told as a pod that was pending at that instant.
#[test]
fn a_refusal_of_the_api_server_is_the_cause_and_readiness_follows_from_it() {
    let why = "Error: UPGRADE FAILED: cannot patch \"web\" with kind Service: Service \"web\" is invalid: spec.clusterIPs[0]: may not change once set";
    let failed = StepOutcome::HelmFailed { why: why.to_owned() };
    let story = Story::good().ending(1, &failed, &format!("level=WARN msg=\"x\"\n{why}"));
    let says = "step 2 (upgrade) was to succeed, but the API server refused it: Service \"web\" is invalid: spec.clusterIPs[0]: may not change once set\nhint: Kubernetes lets no one change this field";
    check(&RELEASE_OUTCOME, &story, Verdict::Fail, says);
    let unready = story.edit(
        |object| {
            object["kind"] == "Deployment"
                && object["metadata"]["name"] == "cg-worker"
                && object["status"]["observedGeneration"] == 2
        },
        |deployment| deployment["status"]["availableReplicas"] = serde_json::json!(0),
    );
    let finding = check(&crate::health::READY, &unready, Verdict::Void, "");
    assert_eq!(finding.since.as_deref(), Some("step 2 (upgrade) failed"));
}

/// The hook of the upgrade fails.
fn failed_hook(change: impl Fn(&mut serde_json::Value)) -> Story {
    let why = "Error: UPGRADE FAILED: pre-upgrade hooks failed: 1 error occurred:\n\t* job cg-migrations failed: BackoffLimitExceeded";
    let story = Story::good().ending(1, &StepOutcome::HelmFailed { why: why.to_owned() }, why);
    story.edit(
        |object| object["kind"] == "Job" && object["metadata"]["uid"] == "migrations-1" && !object["status"].is_null(),
        |job| change(job),
    )
}

/// A failure would mean that a hook that failed sends its reader to `ready`, which knows nothing of hooks.
#[test]
fn a_failed_hook_is_named_with_its_pod() {
    let story = failed_hook(|job| {
        job["status"]["conditions"] =
            serde_json::json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]);
    });
    let story = story.edit(
        |object| {
            object["kind"] == "Pod"
                && object["metadata"]["uid"] == "migrations-1"
                && object["status"]["phase"] == "Succeeded"
        },
        |pod| {
            pod["status"] = serde_json::json!({"phase": "Failed", "containerStatuses": [
                {"name": "migrations", "state": {"terminated": {"exitCode": 7, "reason": "Error"}}},
            ]});
        },
    );
    let says = "its hook job/cg-migrations failed (BackoffLimitExceeded); pod/cg-migrations-1: container `migrations` ended with exit code 7 (Error)";
    check(&RELEASE_OUTCOME, &story, Verdict::Fail, says);
}

/// A failure would mean that a user reads `context canceled`, which nobody but the gate itself caused.
#[test]
fn a_step_that_was_ended_early_says_why() {
    let why = "secret/db does not exist, and nothing in the release makes it (ended after 12.0 s, since that does not pass by itself)";
    let said = "Error: INSTALLATION FAILED: context canceled";
    let early = Moment::EndedEarly { step: 0, why: why.to_owned() };
    let story =
        Story::good().ending(0, &StepOutcome::HelmFailed { why: said.to_owned() }, said).before(end_of(0), early);
    check(
        &RELEASE_OUTCOME,
        &story,
        Verdict::Fail,
        &format!("step 1 (install) was to succeed, but helm was interrupted: {why}"),
    );
}

/// A failure would mean that a test which fails hides what else was proven.
#[test]
fn a_failed_test_leaves_the_other_checks_what_they_prove() {
    let story = Story::good().plan(|plan| plan.steps[2].action = Action::Test);
    let why = "Error: pod web-test failed";
    let story = story.ending(2, &StepOutcome::HelmFailed { why: why.to_owned() }, why);
    check(
        &RELEASE_OUTCOME,
        &story,
        Verdict::Fail,
        "step 3 (test) was to succeed, but helm failed: pod web-test failed",
    );
    check(&crate::health::READY, &story, Verdict::Pass, "");
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
    let story = outcome_of(1, &StepOutcome::NotReady { why: "daemonset/x has no pod".to_owned() });
    check(&RELEASE_OUTCOME, &story, Verdict::Fail, "to helm it did, but daemonset/x");
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
    let finding = check(
        &RENDERS,
        &story,
        Verdict::Fail,
        "for step 2 (upgrade), with the release's own values: nil pointer evaluating interface {}.seconds (app/templates/x.yaml:3)",
    );
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
    let nil = "Error: template: shop/templates/web.yaml:7:40: executing \"shop/templates/web.yaml\" at <.Values.shutdown.seconds>: nil pointer evaluating interface {}.seconds";
    let failing = unrun(with_error(1, nil), 1);
    examples(&RENDERS, &Story::good(), &failing);
    let failing = Story::good().failing_install("timed out waiting for the condition");
    examples(&RELEASE_OUTCOME, &Story::good(), &failing);
}
