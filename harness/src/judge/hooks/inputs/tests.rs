use serde_json::json;

use super::*;
use crate::judge::Verdict;
use crate::judge::testing::{Story, check, examples, named};

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
    let says =
        "hook Job `cg-migrations` needs ConfigMap `cg-scheduler` before the release makes it in step 1 (install)";
    check(&HOOK_INPUTS, &story, Verdict::Fail, says);
    for (of_kind, spec) in [
        ("ServiceAccount", json!({"serviceAccountName": "cg-own"})),
        ("Secret", json!({"volumes": [{"name": "s", "secret": {"secretName": "cg-own"}}]})),
        (
            "PersistentVolumeClaim",
            json!({"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "cg-own"}}]}),
        ),
    ] {
        let needed = json!({"kind": of_kind, "metadata": {"name": "cg-own"}});
        let story = needing(|own| own.as_object_mut().expect("a map").extend(spec.as_object().expect("a map").clone()));
        check(&HOOK_INPUTS, &story.rendering(&needed), Verdict::Fail, of_kind);
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
    check(&HOOK_INPUTS, &Story::good().unrendered(is_hook), Verdict::NotApplicable, "no pre-install hook");
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
