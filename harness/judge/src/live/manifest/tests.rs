use chartgate_model::recording::hash_of;
use serde_json::json;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, deployment, end_of, examples};

/// The last step's comparison of a Deployment whose live variable is this.
fn compared(live: &str, others: &[&str]) -> Story {
    let of = |value: &str| {
        let mut object = deployment("app", "v1");
        object["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "MODE", "value": value}]);
        object
    };
    let (live, applied) = (of(live), of("web"));
    let found = Compared {
        step: 2,
        live: hash_of(&live),
        applied: Some(hash_of(&applied)),
        refusal: None,
        others: others.iter().map(|it| (*it).to_owned()).collect(),
    };
    Story::good().knowing(&live).knowing(&applied).before(end_of(2), Moment::Compared(found))
}

/// A failure would mean that a setting which helm's merge lost is green.
#[test]
fn a_field_that_is_not_what_the_manifest_says_fails() {
    let finding = check(&LIVE_MATCHES_MANIFEST, &compared("worker", &[]), Verdict::Fail, "after step 3 (rollback)");
    let expected = "`spec.template.spec.containers[app].env[MODE].value` of";
    assert!(finding.message.contains(expected) && finding.message.contains("is `worker`"), "{}", finding.message);
}

/// A failure would mean that a chart is blamed for what an autoscaler or an injector did.
#[test]
fn a_field_of_another_manager_is_theirs() {
    let path = ".spec.template.spec.containers[app].env[MODE].value";
    check(&LIVE_MATCHES_MANIFEST, &compared("worker", &[path]), Verdict::Pass, "");
    check(&LIVE_MATCHES_MANIFEST, &compared("worker", &[".spec.template.spec.containers[app].env"]), Verdict::Pass, "");
    check(&LIVE_MATCHES_MANIFEST, &compared("worker", &[".spec.replicas"]), Verdict::Fail, "");
}

/// A failure would mean that a manifest which the API server does not explain makes a chart red.
#[test]
fn what_the_api_server_refuses_to_say_proves_nothing() {
    let story = compared("worker", &[]).moments(|moment| {
        if let Moment::Compared(found) = moment {
            (found.applied, found.refusal) = (None, Some("field is immutable".to_owned()));
        }
    });
    check(&LIVE_MATCHES_MANIFEST, &story, Verdict::Void, "no object could be compared with its manifest after step 1");
}

/// A failure would mean that a run which compared nothing counts as a proof.
#[test]
fn without_a_comparison_nothing_is_proven() {
    let last = |moment: &Moment| matches!(moment, Moment::Compared(Compared { step: 2, .. }));
    let story = Story::good().without(last);
    check(&LIVE_MATCHES_MANIFEST, &story, Verdict::Void, "no object could be compared with its manifest after step 3");
}

/// A failure would mean that evidence which somebody kept is red for what nobody recorded then.
#[test]
fn a_recording_of_before_comparisons_says_nothing() {
    let story = Story::good().without(|moment| matches!(moment, Moment::Compared(_))).moments(|moment| {
        if let Moment::Started { compares, .. } = moment {
            *compares = false;
        }
    });
    check(&LIVE_MATCHES_MANIFEST, &story, Verdict::NotApplicable, "did not compare yet");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    examples(&LIVE_MATCHES_MANIFEST, &compared("web", &[]), &compared("worker", &[]));
}
