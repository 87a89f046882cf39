use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, examples, named};
use chartgate_k8s::object::is_hook;

fn needing(change: impl Fn(&mut Value)) -> Story {
    Story::good().edit(named("Job", "cg-migrations"), move |job| change(&mut job["spec"]["template"]["spec"]))
}

fn hook_object(of_kind: &str, events: &str, weight: &str) -> Value {
    let annotations = json!({"helm.sh/hook": events, "helm.sh/hook-weight": weight});
    json!({"kind": of_kind, "metadata": {"name": "cg-own", "annotations": annotations}})
}

/// A failure would mean that an install which hangs on a missing object is accepted.
#[test]
fn an_input_that_the_release_makes_later_is_caught() {
    let story = needing(|spec| spec["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": "cg-scheduler"}}]));
    let says = "hook job/cg-migrations needs configmap/cg-scheduler before the release makes it in step 1 (install)";
    check(&HOOK_INPUTS, &story, Verdict::Fail, says);
    for (of_kind, spec) in [
        ("ServiceAccount", json!({"serviceAccountName": "cg-own"})),
        ("ServiceAccount", json!({"serviceAccount": "cg-own"})),
        ("Secret", json!({"volumes": [{"name": "s", "secret": {"secretName": "cg-own"}}]})),
        (
            "PersistentVolumeClaim",
            json!({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "cg-own"}}]}),
        ),
    ] {
        let needed = json!({"kind": of_kind, "metadata": {"name": "cg-own"}});
        let story = needing(|own| own.as_object_mut().expect("a map").extend(spec.as_object().expect("a map").clone()));
        check(&HOOK_INPUTS, &story.rendering(&needed), Verdict::Fail, &of_kind.to_lowercase());
    }
}

/// A failure would mean that hooks in the wrong order are accepted, or those in the right order refused.
#[test]
fn an_input_that_is_a_hook_itself_must_come_first() {
    let story = || needing(|spec| spec["serviceAccountName"] = json!("cg-own"));
    let both = "pre-install,pre-upgrade";
    check(&HOOK_INPUTS, &story().rendering(&hook_object("ServiceAccount", both, "-5")), Verdict::Pass, "");
    check(
        &HOOK_INPUTS,
        &story().rendering(&hook_object("ServiceAccount", both, "5")),
        Verdict::Fail,
        "which has weight 5",
    );
    let other = hook_object("ServiceAccount", "pre-upgrade", "-5");
    check(&HOOK_INPUTS, &story().rendering(&other), Verdict::Fail, "which is no hook of pre-install");
}

/// A failure would mean that an install hangs on what helm makes after the hook, as it sorts hooks of one weight by their names.
#[test]
fn hooks_of_one_weight_run_in_the_order_of_their_names() {
    let named = |name: &str| {
        let mut object = hook_object("ServiceAccount", "pre-install,pre-upgrade", "0");
        object["metadata"]["name"] = json!(name);
        needing(|spec| spec["serviceAccountName"] = json!(name)).rendering(&object)
    };
    for first in ["cg-account", "cg-migrations"] {
        check(&HOOK_INPUTS, &named(first), Verdict::Pass, "");
    }
    let says = "hook job/cg-migrations needs serviceaccount/cg-z, which helm makes after it in step 1 (install): both have weight 0";
    check(&HOOK_INPUTS, &named("cg-z"), Verdict::Fail, says);
}

fn job_of(event: &str, needed: &str) -> Value {
    let annotations = json!({"helm.sh/hook": event});
    let spec = json!({"containers": [{"name": "c", "envFrom": [{"secretRef": {"name": needed}}]}]});
    json!({"kind": "Job", "metadata": {"name": "cg-late", "annotations": annotations}, "spec": {"template": {"spec": spec}}})
}

/// A failure would mean that an uninstall which waits for what it has removed is accepted, or that one which needs nothing is refused.
#[test]
fn a_delete_hook_needs_what_is_still_there() {
    let secret = json!({"kind": "Secret", "metadata": {"name": "cg-own"}});
    let with = |event: &str, needed: &Value| Story::good().rendering(needed).rendering(&job_of(event, "cg-own"));
    check(&HOOK_INPUTS, &with("pre-delete", &secret), Verdict::Pass, "");
    let says = "post-delete hook job/cg-late needs secret/cg-own, which the uninstall has removed by then";
    check(&HOOK_INPUTS, &with("post-delete", &secret), Verdict::Fail, says);
    let kept =
        json!({"kind": "Secret", "metadata": {"name": "cg-own", "annotations": {"helm.sh/resource-policy": "keep"}}});
    check(&HOOK_INPUTS, &with("post-delete", &kept), Verdict::Pass, "");
    let left = hook_object("Secret", "pre-install", "0");
    check(&HOOK_INPUTS, &with("post-delete", &left), Verdict::Pass, "");
    let mut removed = left;
    removed["metadata"]["annotations"]["helm.sh/hook-delete-policy"] = json!("hook-succeeded");
    check(
        &HOOK_INPUTS,
        &with("post-delete", &removed),
        Verdict::Fail,
        "which helm removed when the hooks before it had succeeded",
    );
}

/// A failure would mean that a chart whose only hook is a test of the old name can never be green.
#[test]
fn a_test_by_its_old_name_is_a_test() {
    let story = Story::good().unrendered(is_hook).rendering(&job_of("test-success", "cg-own"));
    check(&HOOK_INPUTS, &story, Verdict::Pass, "");
}

/// A failure would mean that users of the version before hang in an upgrade that every new user gets through.
#[test]
fn an_upgrade_hook_needs_nothing_that_only_the_new_version_makes() {
    let secret = json!({"kind": "Secret", "metadata": {"name": "cg-own"}, "data": {"old": "x", "new": "y"}});
    let story = || Story::good().rendering(&secret).rendering(&job_of("pre-upgrade", "cg-own"));
    check(&HOOK_INPUTS, &story(), Verdict::Pass, "");
    let says = "pre-upgrade hook job/cg-late needs secret/cg-own, which only the new version makes, after the hook, in step 2 (upgrade)";
    check(&HOOK_INPUTS, &story().rendered_only_from(1, &named("Secret", "cg-own")), Verdict::Fail, says);
}

/// A failure would mean that a hook may not use what it can do without.
#[test]
fn an_optional_input_may_be_missing() {
    let reference = json!([{"configMapRef": {"name": "cg-scheduler", "optional": true}}]);
    let story = needing(|spec| spec["containers"][0]["envFrom"] = reference.clone());
    check(&HOOK_INPUTS, &story, Verdict::Pass, "");
}

/// A failure would mean that a chart without hooks is red.
#[test]
fn without_hooks_it_does_not_apply() {
    check(&HOOK_INPUTS, &Story::good().unrendered(is_hook), Verdict::NotApplicable, "no hook with a pod");
}

/// A failure would mean that nobody looks at a first install where the scenario begins with an earlier version.
#[test]
fn an_upgrade_renders_what_an_install_would() {
    let story = Story::good().plan(|plan| plan.steps[0].from = Some(0));
    check(&HOOK_INPUTS, &story, Verdict::Pass, "");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing =
        needing(|spec| spec["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": "cg-scheduler"}}]));
    examples(&HOOK_INPUTS, &Story::good(), &failing);
}
