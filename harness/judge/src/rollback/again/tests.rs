use chartgate_model::recording::{Moment, StepOutcome};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples};

/// The first two steps change places: what was the install is a rollback, and an upgrade follows it.
fn after_rollback() -> Story {
    Story::good().plan(|plan| {
        plan.steps[0].action = Action::Rollback { to: Some(1) };
        plan.steps.truncate(2);
    })
}

/// A failure would mean that a release which can be upgraded again is refused.
#[test]
fn an_upgrade_after_a_rollback_passes() {
    check(&UPGRADE_AFTER_ROLLBACK, &after_rollback(), Verdict::Pass, "");
}

/// A failure would mean that users who are stuck after a rollback are not seen.
#[test]
fn an_upgrade_that_fails_after_a_rollback_fails() {
    let story = after_rollback().moments(|moment| {
        if let Moment::StepEnded { step: 1, outcome } = moment {
            *outcome = StepOutcome::HelmFailed { why: "already exists".to_owned() };
        }
    });
    check(&UPGRADE_AFTER_ROLLBACK, &story, Verdict::Fail, "did not succeed: step 2 (upgrade) failed: already exists");
    let stuck = after_rollback().moments(|moment| {
        if let Moment::Release(release) = moment {
            "pending-upgrade".clone_into(&mut release.status);
        }
    });
    check(&UPGRADE_AFTER_ROLLBACK, &stuck, Verdict::Fail, "left the release `pending-upgrade`");
}

/// A failure would mean that an upgrade which nobody saw end counts as done.
#[test]
fn an_upgrade_that_did_not_end_is_void() {
    check(&UPGRADE_AFTER_ROLLBACK, &after_rollback().cut(end_of(1)), Verdict::Void, "the recording ends in step 2");
}

/// A failure would mean that a scenario without it is red.
#[test]
fn without_an_upgrade_after_a_rollback_it_does_not_apply() {
    check(&UPGRADE_AFTER_ROLLBACK, &Story::good(), Verdict::NotApplicable, "no upgrade after a rollback");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing =
        after_rollback().ending(1, &StepOutcome::HelmFailed { why: "already exists".to_owned() }, "already exists");
    examples(&UPGRADE_AFTER_ROLLBACK, &after_rollback(), &failing);
}
