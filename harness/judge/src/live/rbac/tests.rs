use serde_json::json;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, named};

fn asked(refused: &[u64], granted: Option<u64>) -> Moment {
    Moment::Asked(Asked {
        account: "cg".to_owned(),
        verb: "list".to_owned(),
        resource: "configmaps".to_owned(),
        namespace: "cg-test".to_owned(),
        name: String::new(),
        refused: refused.to_vec(),
        granted,
    })
}

/// The good run with an account, which is bound as `bound` and asks; refusals are long after the steps began.
fn story(bound: &str, refused: &[u64], granted: Option<u64>) -> Story {
    let subjects = json!([{"kind": "ServiceAccount", "name": bound, "namespace": "cg-test"}]);
    let story = Story::good()
        .rendering(&json!({"kind": "ServiceAccount", "metadata": {"name": "cg"}}))
        .rendering(&json!({"kind": "RoleBinding", "metadata": {"name": "cg"}, "subjects": subjects}));
    story.before(end_of(2), asked(refused, granted))
}

const LATE: [u64; 3] = [900_000, 901_000, 902_000];

fn misspelt() -> Story {
    story("cg-reader", &LATE, None)
}

/// A failure would mean that a program which may not do its work is green.
#[test]
fn a_refusal_that_repeats_behind_a_misspelt_subject_fails() {
    let finding = check(&RBAC_SUFFICIENT, &misspelt(), Verdict::Fail, "serviceaccount/cg may not list configmaps");
    assert!(finding.message.contains("binds serviceaccount/cg-reader, which does not exist"), "{}", finding.message);
}

/// A failure would mean that a program which was refused for good is green because each step of the run is short.
#[test]
fn only_an_installs_first_moments_say_nothing() {
    let is_upgrade =
        |entry: &&chartgate_model::recording::Entry| matches!(entry.moment, Moment::StepStarted { step: 1 });
    let began = story("cg-reader", &[], None).0.entries.iter().find(is_upgrade).map(|entry| entry.at).unwrap();
    check(&RBAC_SUFFICIENT, &story("cg-reader", &[began + 1, began + 2], None), Verdict::Fail, "may not list");
    check(&RBAC_SUFFICIENT, &story("cg-reader", &[began - 2, began - 1], None), Verdict::Pass, "");
}

/// A failure would mean that a program which suffers from a missing right is green.
#[test]
fn a_refusal_fails_where_the_pod_suffers() {
    let restarting = story("cg", &LATE, None).edit(named("Pod", "cg-app"), |pod| {
        pod["spec"]["serviceAccountName"] = json!("cg");
        pod["status"]["containerStatuses"][0]["restartCount"] = json!(3);
    });
    check(&RBAC_SUFFICIENT, &restarting, Verdict::Fail, "restarted 3 times");
}

/// A failure would mean that a program which tries what it may do makes a chart red.
#[test]
fn optional_and_passing_refusals_are_no_fault() {
    check(&RBAC_SUFFICIENT, &story("cg", &LATE, None), Verdict::Pass, "");
    check(&RBAC_SUFFICIENT, &story("cg-reader", &LATE, Some(950_000)), Verdict::Pass, "");
    check(&RBAC_SUFFICIENT, &story("cg-reader", &LATE[..1], None), Verdict::Pass, "");
    check(&RBAC_SUFFICIENT, &Story::good(), Verdict::NotApplicable, "no ServiceAccount");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    examples(&RBAC_SUFFICIENT, &story("cg", &[], Some(950_000)), &misspelt());
}
