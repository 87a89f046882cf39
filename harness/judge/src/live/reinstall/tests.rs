use super::*;
use crate::Verdict;
use crate::testing::{Story, check, examples};

/// The second step uninstalls, and the third one installs again.
fn reinstalled() -> Story {
    Story::good().plan(|plan| {
        plan.steps[1].action = Action::Uninstall;
        plan.steps[2].action = Action::Install;
    })
}

fn locked_out() -> Story {
    let why = "deployment/cg-app has 0 of 1 pods available: password authentication failed".to_owned();
    reinstalled().ending(2, &StepOutcome::NotReady { why }, "")
}

/// A failure would mean that who installs again over his own data is locked out, and the gate is green.
#[test]
fn an_install_over_what_stayed_that_does_not_become_ready_fails() {
    check(&REINSTALL_WORKS, &locked_out(), Verdict::Fail, "over what the uninstall left, does not become ready");
}

/// A failure would mean that a run without such a step is red.
#[test]
fn it_passes_where_it_becomes_ready_and_needs_an_uninstall() {
    check(&REINSTALL_WORKS, &reinstalled(), Verdict::Pass, "became ready");
    check(&REINSTALL_WORKS, &Story::good(), Verdict::NotApplicable, "after an uninstall");
}

/// A failure would mean that an install which never ran counts.
#[test]
fn one_that_never_ran_is_void() {
    let cut = reinstalled().cut(crate::testing::start_of(2));
    check(&REINSTALL_WORKS, &cut, Verdict::Void, "step 3 (install) never came to its end");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    examples(&REINSTALL_WORKS, &reinstalled(), &locked_out());
}
