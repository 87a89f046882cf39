use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, named, start_of};

/// The upgrade is the same again: what ran before is what it left.
fn repeated() -> Story {
    let is_new = |object: &Value| object.to_string().contains("codex-pooler:v2");
    let story = Story::good().plan(|plan| plan.steps[1].is_again = true);
    let same = |object: &mut Value| {
        let text = object.to_string().replace("codex-pooler:v2", "codex-pooler:v1").replace("hash-v2", "hash-v1");
        *object = serde_json::from_str(&text).unwrap();
    };
    story.edit(is_new, same)
}

fn with_checksum() -> Story {
    let is_second = |object: &Value| named("Deployment", "cg-app")(object) && object["metadata"]["generation"] == 2;
    repeated().edit(is_second, |deployment| {
        deployment["spec"]["template"]["metadata"]["annotations"] = json!({"checksum/config": "7f3a"});
    })
}

fn secret(key: &str, value: &str) -> Value {
    json!({"kind": "Secret", "metadata": {"name": "cg-auth", "uid": "secret"}, "data": {key: value}})
}

fn with_secret(key: &str) -> Story {
    let story = repeated().sighting(start_of(1), Change::Applied, &secret(key, "old"));
    story.sighting(end_of(1), Change::Applied, &secret(key, "new"))
}

/// A failure would mean that a chart whose pods restart with each synchronisation is green.
#[test]
fn a_template_that_changes_by_itself_fails() {
    let finding = check(&IDEMPOTENT_UPGRADE, &with_checksum(), Verdict::Fail, "replaces pod/cg-app-1");
    let expected = "`spec.template.metadata.annotations` of";
    assert!(finding.message.contains(expected), "{}", finding.message);
}

/// A failure would mean that a password which each upgrade makes anew is green, or that a certificate makes a chart red.
#[test]
fn a_password_that_changes_fails_and_a_certificate_is_advice() {
    check(&IDEMPOTENT_UPGRADE, &with_secret("password"), Verdict::Fail, "changes password in");
    check(&IDEMPOTENT_UPGRADE, &with_secret("tls.crt"), Verdict::Advice, "changes");
}

/// A failure would mean that a chart which changes nothing is red.
#[test]
fn what_stays_as_it_is_passes() {
    check(&IDEMPOTENT_UPGRADE, &repeated(), Verdict::Pass, "the same upgrade again changed nothing");
    check(&IDEMPOTENT_UPGRADE, &Story::good(), Verdict::NotApplicable, "no step repeats an upgrade");
}

/// A failure would mean that objects pile up with each upgrade.
#[test]
fn a_name_that_is_another_each_time_fails() {
    let is_second = |moment: &chartgate_model::recording::Moment| matches!(moment, chartgate_model::recording::Moment::Release(it) if it.step == 1);
    let map = json!({"kind": "ConfigMap", "metadata": {"name": "cg-1699999999"}});
    let story = repeated().knowing(&map);
    let hash = chartgate_model::recording::hash_of(&map);
    let story = story.moments(|moment| {
        if is_second(moment)
            && let chartgate_model::recording::Moment::Release(release) = moment
        {
            release.objects.push(hash.clone());
        }
    });
    check(&IDEMPOTENT_UPGRADE, &story, Verdict::Fail, "makes");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    examples(&IDEMPOTENT_UPGRADE, &repeated(), &with_secret("password"));
}
