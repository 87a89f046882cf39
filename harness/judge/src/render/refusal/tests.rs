use chartgate_model::recording::{Change, Moment};
use serde_json::json;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, start_of};

/// A first step that is to be refused for a value, and is.
fn refused(why: &str) -> Story {
    let story = Story::good()
        .plan(|plan| plan.steps.iter_mut().for_each(|step| step.expect = Expect::Fails("replicaCuont".to_owned())));
    let story = story.without(|moment| {
        matches!(moment, Moment::Object { .. } | Moment::Release(_) | Moment::Probe(_) | Moment::Ddl { .. })
    });
    story.moments(|moment| match moment {
        Moment::Rendered { error, objects, .. } => {
            *error = Some(why.to_owned());
            objects.clear();
        }
        Moment::StepEnded { outcome, .. } => *outcome = StepOutcome::HelmFailed { why: why.to_owned() },
        _ => {}
    })
}

const REASON: &str = "additional properties 'replicaCuont' not allowed";

/// A failure would mean that a chart which refuses well is red.
#[test]
fn a_refusal_that_names_the_value_passes() {
    check(&SCHEMA_REJECTS, &refused(REASON), Verdict::Pass, "");
}

/// A failure would mean that half a release, or a message that helps no one, counts as a refusal.
#[test]
fn a_refusal_without_the_reason_or_after_the_fact_fails() {
    check(&SCHEMA_REJECTS, &refused("something is wrong"), Verdict::Fail, "does not say `replicaCuont`");
    let service = json!({"kind": "Service", "metadata": {"name": "cg", "uid": "1", "resourceVersion": "7"}});
    let late = refused(REASON).sighting(end_of(0), Change::Applied, &service);
    check(&SCHEMA_REJECTS, &late, Verdict::Fail, "service/cg had been applied");
    let accepted = refused(REASON).moments(|moment| {
        if let Moment::StepEnded { outcome, .. } = moment {
            *outcome = StepOutcome::Succeeded;
        }
    });
    check(&SCHEMA_REJECTS, &accepted, Verdict::Fail, "the release was accepted");
}

/// A failure would mean that what nobody saw counts as "nothing was applied".
#[test]
fn a_gap_or_a_step_that_never_ended_is_void() {
    check(&SCHEMA_REJECTS, &refused(REASON).before(end_of(0), gap("Service")), Verdict::Void, "may have been missed");
    check(&SCHEMA_REJECTS, &refused(REASON).cut(start_of(1)), Verdict::Void, "");
}

/// A failure would mean that scenarios which refuse nothing are asked for a refusal.
#[test]
fn without_a_refused_render_it_does_not_apply() {
    check(&SCHEMA_REJECTS, &Story::good(), Verdict::NotApplicable, "no step is to be refused");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = refused("something is wrong");
    examples(&SCHEMA_REJECTS, &refused(REASON), &failing);
}
