use chartgate_model::recording::Change;
use serde_json::json;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, start_of};

fn secret(password: &str, version: u64) -> Value {
    let metadata = json!({"name": "cg-generated", "uid": "generated", "resourceVersion": version.to_string()});
    json!({"kind": "Secret", "metadata": metadata, "data": {"password": password, "user": "hmac:u"}})
}

/// A Secret of the chart that the install generated.
fn generating() -> Story {
    let rendered = json!({"kind": "Secret", "metadata": {"name": "cg-generated"}, "data": {"password": "x"}});
    Story::good().rendering(&rendered).sighting(end_of(0), Change::Applied, &secret("hmac:1", 5))
}

/// A failure would mean that an upgrade which makes a new password is accepted.
#[test]
fn a_secret_that_an_upgrade_changes_fails() {
    let story = generating().sighting(end_of(1), Change::Applied, &secret("hmac:2", 6));
    check(&SECRETS_STABLE, &story, Verdict::Fail, "step 2 (upgrade) changed secret/cg-generated: `password`");
    let removed = generating().sighting(end_of(1), Change::Deleted, &secret("hmac:1", 6));
    check(&SECRETS_STABLE, &removed, Verdict::Fail, "step 2 (upgrade) removed secret/cg-generated");
}

/// A failure would mean that a Secret which stays is refused.
#[test]
fn a_secret_that_stays_passes() {
    check(&SECRETS_STABLE, &generating(), Verdict::Pass, "");
}

/// A failure would mean that a Secret may not follow the values that the scenario changes.
#[test]
fn a_secret_that_may_follow_the_values_is_only_mentioned() {
    let changed = || generating().sighting(end_of(1), Change::Applied, &secret("hmac:2", 6));
    let other = changed().plan(|plan| plan.steps[1].values = json!({"secrets": {"data": {"password": "new"}}}));
    check(&SECRETS_STABLE, &other, Verdict::Advice, "values differ");
    let image = changed().plan(|plan| plan.steps[1].values = json!({"image": {"tag": "v2"}}));
    check(&SECRETS_STABLE, &image, Verdict::Fail, "changed secret/cg-generated");
}

/// A failure would mean that a value which each of two upgrades makes up, as it was asked to, makes a sound chart red.
#[test]
fn a_value_that_each_step_makes_up_was_asked_for() {
    let story = generating().sighting(end_of(1), Change::Applied, &secret("hmac:2", 6));
    let both = story.plan(|plan| {
        plan.steps.iter_mut().for_each(|step| step.values = json!({"password": "{{random.32}}"}));
    });
    check(&SECRETS_STABLE, &both, Verdict::Advice, "values differ");
}

/// A failure would mean that a Secret which nobody watched counts as kept.
#[test]
fn an_unseen_secret_is_void() {
    check(&SECRETS_STABLE, &generating().before(start_of(2), gap("Secret")), Verdict::Pass, "");
    check(&SECRETS_STABLE, &generating().before(end_of(1), gap("Secret")), Verdict::Void, "gap of Secret");
}

/// A failure would mean that a chart without Secrets is red.
#[test]
fn without_secrets_it_does_not_apply() {
    check(&SECRETS_STABLE, &Story::good(), Verdict::NotApplicable, "no Secret");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = generating().sighting(end_of(1), Change::Applied, &secret("hmac:2", 6));
    examples(&SECRETS_STABLE, &generating(), &failing);
}
