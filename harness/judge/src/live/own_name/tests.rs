use super::*;
use crate::judge::Verdict;
use crate::judge::testing::{Story, check, examples};

fn own_name() -> Story {
    Story::good().plan(|plan| (plan.is_own_name, plan.release) = (true, "codex-pooler".to_owned()))
}

fn taken_for_a_setting() -> Story {
    let why = "deployment/codex-pooler has 0 of 1 pods available: container `app` ended with exit code 1".to_owned();
    own_name().ending(0, &StepOutcome::NotReady { why }, "")
}

/// A failure would mean that a chart which does not start under its own name is green.
#[test]
fn a_release_that_does_not_start_under_the_charts_name_fails() {
    check(&SERVICE_LINKS, &taken_for_a_setting(), Verdict::Fail, "a release called `codex-pooler`, as the chart is");
}

/// A failure would mean that a run under another name claims to have shown it.
#[test]
fn it_needs_the_charts_own_name() {
    check(&SERVICE_LINKS, &own_name(), Verdict::Pass, "under the chart's own name");
    check(&SERVICE_LINKS, &Story::good(), Verdict::NotApplicable, "another name");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    examples(&SERVICE_LINKS, &own_name(), &taken_for_a_setting());
}
