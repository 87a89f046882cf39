//! No check passes on nothing: what a pass rests on was seen.

use chartgate_model::plan::Plan;
use chartgate_model::recording::Variant;
use serde_json::{Value, json};

use crate::Verdict;
use crate::judge;
use crate::testing::{Story, start_of};

fn passes(story: &Story) -> Vec<String> {
    let findings = judge(&story.0).into_iter().filter(|finding| finding.verdict == Verdict::Pass);
    findings.map(|finding| finding.check).collect()
}

/// A contract that promises nothing.
fn without_contract(plan: &mut Plan) {
    plan.roles.clear();
    plan.hooks.clear();
    plan.images.clear();
    plan.backing.clear();
}

/// A failure would mean that a check is green before what it speaks of has happened.
#[test]
fn a_recording_that_is_cut_passes_only_what_its_renders_show() {
    let whole = Story::good();
    let by_render = passes(&whole.clone().cut(start_of(0)));
    for length in 0..whole.0.entries.len() {
        let mut cut = whole.clone();
        cut.0.entries.truncate(length);
        let early: Vec<String> = passes(&cut).into_iter().filter(|check| !by_render.contains(check)).collect();
        assert!(early.is_empty(), "after {length} events, {early:?} pass");
    }
}

/// A failure would mean that a promise counts as kept which nobody made.
#[test]
fn an_empty_contract_has_no_promise_that_is_kept() {
    let kept = passes(&Story::good().plan(without_contract));
    let of_promises = [
        "role-env",
        "role-serves",
        "role-singleton",
        "role-migrates",
        "same-image",
        "health-path",
        "hook-order",
        "hook-once",
    ];
    let hollow: Vec<&String> = kept.iter().filter(|check| of_promises.contains(&check.as_str())).collect();
    assert!(hollow.is_empty(), "{hollow:?}");
}

/// A failure would mean that a chart which renders nothing passes a check.
#[test]
fn an_empty_chart_passes_nothing_that_is_about_objects() {
    let story = Story::good().plan(without_contract).cut(start_of(0)).unrendered(|_| true);
    assert_eq!(passes(&story), Vec::<String>::new());
}

/// A failure would mean that a chart of one ConfigMap is praised for its pods.
#[test]
fn a_chart_of_one_config_map_passes_only_what_a_config_map_has() {
    let is_other = |object: &Value| object["kind"] != "ConfigMap";
    let story = Story::good().plan(without_contract).cut(start_of(0)).unrendered(is_other);
    let of_pods = [
        "image-pinned",
        "pods-restricted",
        "service-account-minimal",
        "probe-independence",
        "hook-cleanup",
        "hook-inputs",
    ];
    let hollow: Vec<String> = passes(&story).into_iter().filter(|check| of_pods.contains(&check.as_str())).collect();
    assert!(hollow.is_empty(), "{hollow:?}");
}

/// A failure would mean that a gate is green because the values of its one scenario switch everything off.
#[test]
fn values_that_leave_nothing_to_run_are_void() {
    let is_workload = |object: &Value| object["kind"] == "Deployment" || object["kind"] == "Job";
    let own = Story::good().varied(Variant::Defaults, |_| {});
    let mut off = own.clone();
    for entry in &mut off.0.entries {
        if let chartgate_model::recording::Moment::Rendered { objects, .. } = &mut entry.moment {
            objects.retain(|hash| !is_workload(own.0.objects[hash].raw()));
        }
    }
    let off = off.without(|moment| matches!(moment, chartgate_model::recording::Moment::Release(_)));
    let finding =
        |story: &Story| judge(&story.0).into_iter().find(|finding| finding.check == "renders").expect("it is judged");
    let found = finding(&off);
    assert_eq!(found.verdict, Verdict::Void, "{found:?}");
    assert!(
        found.message.contains(
            "renders nothing that runs for step 1 (install), though with its own values it renders deployment/"
        )
    );
    // Where the chart has no workload by itself, or an operator runs one, nothing is lost.
    let bare = Story::good().unrendered(is_workload).varied(Variant::Defaults, |_| {});
    assert_ne!(finding(&bare).verdict, Verdict::Void);
    let custom = json!({"apiVersion": "things.example.org/v1", "kind": "Thing", "metadata": {"name": "cg-thing"}});
    assert_ne!(finding(&off.rendering(&custom)).verdict, Verdict::Void);
}
