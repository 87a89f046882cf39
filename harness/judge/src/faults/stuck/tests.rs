use chartgate_model::plan::Expect;
use chartgate_model::recording::StepOutcome;

use super::*;
use crate::judge;
use crate::testing::{Story, check, examples, start_of};
use crate::{Verdict, verdict_of};

/// Helm is killed in the upgrade; a last step upgrades again.
fn killed() -> Story {
    let story = Story::good().ending(1, &StepOutcome::Interrupted, "").status(1, "pending-upgrade");
    story.plan(|plan| {
        plan.steps[1].fault = Some(Fault::ClientKilled);
        plan.steps[1].expect = Expect::Interrupted;
        plan.steps[2].action = Action::Upgrade;
    })
}

/// A failure would mean that a release which came back is refused.
#[test]
fn a_release_that_can_be_upgraded_again_passes() {
    check(&RELEASE_NOT_STUCK, &killed(), Verdict::Pass, "the release could be changed again");
}

/// A failure would mean that a release which nobody can upgrade any more is accepted.
#[test]
fn a_release_that_refuses_the_next_upgrade_fails_with_helms_words() {
    let why = "another operation (install/upgrade/rollback) is in progress";
    let story = killed().ending(2, &StepOutcome::HelmFailed { why: why.to_owned() }, why);
    check(&RELEASE_NOT_STUCK, &story, Verdict::Fail, why);
    let rolled_back = killed().plan(|plan| plan.steps[2].action = Action::Rollback { to: None });
    check(&RELEASE_NOT_STUCK, &rolled_back, Verdict::Void, "no upgrade that is to succeed after step 2 (upgrade)");
    assert!(verdict_of(&judge(&rolled_back.0)) >= Verdict::Void);
}

/// A failure would mean that helm was killed too late, and nobody noticed.
#[test]
fn a_release_that_was_not_left_pending_is_void() {
    check(&RELEASE_NOT_STUCK, &killed().status(1, "deployed"), Verdict::Void, "was not killed in the middle");
    check(&RELEASE_NOT_STUCK, &killed().cut(start_of(2)), Verdict::Void, "step 3 (upgrade) never ran");
}

/// A failure would mean that a scenario in which helm lives is red.
#[test]
fn without_a_killed_client_it_does_not_apply() {
    check(&RELEASE_NOT_STUCK, &Story::good(), Verdict::NotApplicable, "helm is killed in no step");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = {
        let why = "another operation (install/upgrade/rollback) is in progress";
        killed().ending(2, &StepOutcome::HelmFailed { why: why.to_owned() }, why)
    };
    examples(&RELEASE_NOT_STUCK, &killed(), &failing);
}
