use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, gap, named};

fn with_env(pod: &'static str, name: &str, variable: &Value) -> Story {
    let (name, variable) = (name.to_owned(), variable.clone());
    Story::good().edit(named("Pod", pod), move |pod| {
        let env = pod["spec"]["containers"][0]["env"].as_array_mut().expect("it has an environment");
        env.retain(|other| other["name"] != name.as_str());
        let mut variable = variable.clone();
        if variable.is_object() {
            variable["name"] = json!(name);
            env.push(variable);
        }
    })
}

/// A failure would mean that a worker which takes web's work is accepted.
#[test]
fn a_pod_with_another_roles_value_fails() {
    let story = with_env("cg-worker-1", "OBAN_MODE", &json!({"value": "web"}));
    let says = "pod/cg-worker-1 of role `worker`: container `worker` has OBAN_MODE=web, not OBAN_MODE=worker";
    check(&ROLE_ENV, &story, Verdict::Fail, says);
}

/// A failure would mean that a role which was never set up as such is accepted.
#[test]
fn a_pod_without_a_promised_variable_fails() {
    check(&ROLE_ENV, &with_env("cg-app-0", "PHX_SERVER", &Value::Null), Verdict::Fail, "lacks PHX_SERVER=true");
}

/// A failure would mean that a worker with a web server is accepted, wherever the variable comes from.
#[test]
fn a_variable_that_must_not_be_set_fails_from_any_source() {
    let secret = json!({"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}});
    let map = json!({"valueFrom": {"configMapKeyRef": {"name": "cg-scheduler", "key": "OBAN_MODE"}}});
    for source in [json!({"value": "true"}), secret, map] {
        check(&ROLE_ENV, &with_env("cg-worker", "PHX_SERVER", &source), Verdict::Fail, "not to be set at all");
    }
    let sidecar = |pod: &mut Value| {
        let containers = pod["spec"]["containers"].as_array_mut().expect("it has containers");
        containers.push(json!({"name": "side", "env": [{"name": "PHX_SERVER", "value": "true"}]}));
    };
    check(&ROLE_ENV, &Story::good().edit(named("Pod", "cg-worker"), sidecar), Verdict::Fail, "container `side`");
}

/// A failure would mean that values are not found where the kubelet finds them.
#[test]
fn values_come_from_config_maps_and_other_variables() {
    let key = json!({"valueFrom": {"configMapKeyRef": {"name": "cg-scheduler", "key": "OBAN_MODE"}}});
    check(&ROLE_ENV, &with_env("cg-scheduler", "OBAN_MODE", &key), Verdict::Pass, "");
    check(&ROLE_ENV, &with_env("cg-worker", "OBAN_MODE", &key), Verdict::Fail, "OBAN_MODE=scheduler");
    check(&ROLE_ENV, &with_env("cg-scheduler", "OBAN_MODE", &json!({"value": "$(OBAN_MODE)"})), Verdict::Pass, "");
}

/// A failure would mean that a value nobody could read counts as right.
#[test]
fn a_promised_value_in_a_secret_is_void() {
    let secret = json!({"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}});
    check(&ROLE_ENV, &with_env("cg-app", "OBAN_MODE", &secret), Verdict::Void, "comes from secret/s");
}

/// A failure would mean that a promise about pods that do not exist is kept.
#[test]
fn a_selector_that_matches_nothing_fails() {
    let story = Story::good().plan(|plan| plan.roles.get_mut("worker").expect("it is there").select = "a=b".to_owned());
    check(&ROLE_ENV, &story, Verdict::Fail, "role `worker` matches nothing");
}

/// A failure would mean that a role which is switched off still works in the background.
#[test]
fn a_role_that_is_switched_off_must_not_appear() {
    let off = |story: Story| story.plan(|plan| plan.absent = vec!["worker".to_owned()]);
    let is_worker = |object: &Value| object["metadata"]["labels"]["app.kubernetes.io/component"] == "worker";
    check(&ROLE_ENV, &off(Story::good().unseen(is_worker).unrendered(is_worker)), Verdict::Pass, "");
    check(&ROLE_ENV, &off(Story::good()), Verdict::Fail, "switched off, but the chart renders deployment/cg-worker");
    check(&ROLE_ENV, &off(Story::good().unrendered(is_worker)), Verdict::Fail, "switched off, but pod/cg-worker-0");
}

/// A failure would mean that a promise counts as kept which nobody made, or that a selector with a slip in it goes unseen.
#[test]
fn a_role_without_an_environment_proves_nothing() {
    let bare = || Story::good().plan(|plan| plan.roles.values_mut().for_each(|role| role.env.clear()));
    check(&ROLE_ENV, &bare(), Verdict::NotApplicable, "no role of the contract has `env`");
    let slip = bare().plan(|plan| plan.roles.get_mut("worker").expect("it is there").select = "a=b".to_owned());
    check(&ROLE_ENV, &slip, Verdict::Fail, "role `worker` matches nothing");
    check(&ROLE_ENV, &Story::good(), Verdict::Pass, "(9 pods, 18 variables)");
}

/// A failure would mean that a chart which switches a role off by its size is refused.
#[test]
fn a_role_that_is_switched_off_may_have_no_replicas() {
    let is_worker = |object: &Value| object["metadata"]["labels"]["app.kubernetes.io/component"] == "worker";
    let story = Story::good().unseen(is_worker).plan(|plan| plan.absent = vec!["worker".to_owned()]);
    let story = story.edit(named("Deployment", "cg-worker"), |deployment| deployment["spec"]["replicas"] = json!(0));
    check(&ROLE_ENV, &story, Verdict::Pass, "");
}

/// A failure would mean that pods which nobody saw count as right.
#[test]
fn pods_that_were_not_seen_are_void() {
    check(&ROLE_ENV, &Story::good().unseen(named("Pod", "cg-worker")), Verdict::Void, "no pod of role `worker`");
    check(&ROLE_ENV, &Story::good().before(end_of(0), gap("Pod")), Verdict::Void, "gap of Pod");
}

/// A failure would mean that a chart without a contract is red.
#[test]
fn without_roles_it_does_not_apply() {
    check(&ROLE_ENV, &Story::good().plan(|plan| plan.roles.clear()), Verdict::NotApplicable, "no role");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = with_env("cg-worker-1", "OBAN_MODE", &json!({"value": "web"}));
    examples(&ROLE_ENV, &Story::good(), &failing);
}

/// A failure would mean that a role which one step switches off goes on, or that it is missed in the steps that have it.
#[test]
fn a_role_may_be_switched_off_in_one_step() {
    let is_worker = |object: &Value| object["metadata"]["labels"]["app.kubernetes.io/component"] == "worker";
    let off = || Story::good().plan(|plan| plan.steps[1].absent = vec!["worker".to_owned()]);
    let says = "role `worker` is switched off in step 2 (upgrade), but the chart renders deployment/cg-worker";
    check(&ROLE_ENV, &off(), Verdict::Fail, says);
    let unrendered = || off().unrendered_in(1, is_worker);
    check(
        &ROLE_ENV,
        &unrendered(),
        Verdict::Fail,
        "switched off in step 2 (upgrade), but deployment/cg-worker is still",
    );
    let gone = unrendered().unseen(|object| object["metadata"]["name"] == "cg-worker");
    check(&ROLE_ENV, &gone, Verdict::Fail, "switched off in step 2 (upgrade), but pod/cg-worker-1 of it was created");
    let gone = gone.unseen(|object| object["metadata"]["name"] == "cg-worker-1");
    check(&ROLE_ENV, &gone, Verdict::Pass, "");
}
