//! What was measured beside its budget, on the terminal and in `bench.json`.

use std::time::Duration;

use chartgate_model::plan::Plan;
use serde_json::{Value, json};

use super::course::Alone;
use super::needs::Needs;
use super::out;
use super::verdicts::Verdicts;

/// A scenario takes at most this many times what its helm commands take by hand, less the samples that a probe needs before a step.
const SCENARIO_BUDGET: f64 = 1.2;
/// All scenarios at the same time, likewise.
const SET_BUDGET: f64 = 1.3;
/// From an event of the API server to the harness's next request, in milliseconds.
const NOTICING_BUDGET_MS: f64 = 100.0;
/// Resident memory of the harness, in MiB.
const MEMORY_BUDGET_MIB: f64 = 150.0;
/// Of one core, while it waits.
const CPU_BUDGET: f64 = 0.05;
/// Judging so many recordings again, or writing their reports, in seconds.
const JUDGING_BUDGET_S: f64 = 3.0;
/// `check` on one chart, in seconds on two cores.
const CHECK_BUDGET_S: f64 = 5.0;
/// `check --explore=100`, likewise.
const EXPLORE_BUDGET_S: f64 = 60.0;
/// A small chart's whole sequence with stub images on a running cluster, in seconds.
const STUBS_BUDGET_S: f64 = 60.0;

/// All that was measured.
pub(super) struct Measured {
    /// One scenario, by hand and by the harness in turns.
    pub(super) alone: Alone,
    /// All scenarios: by hand in sequence, by hand in parallel, by the harness.
    pub(super) set: [Duration; 3],
    pub(super) needs: Needs,
    /// From an event to the harness's next request, in milliseconds.
    pub(super) delays: Vec<f64>,
    /// `judge` and `report` of many recordings.
    pub(super) judging: [Duration; 2],
    pub(super) verdicts: Verdicts,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(super) fn report(plans: &[Plan], measured: &Measured) {
    let Measured { alone, set, needs, delays, judging, verdicts } = measured;
    let [sequence, parallel, harness] = set.map(|duration| duration.as_secs_f64());
    let (count, noticing, waiting) = (delays.len(), median(delays.clone()), median(needs.cpu.clone()));
    let course = &alone.harness;
    let rows = [
        ("one scenario, harness to helm by hand", alone.ratio(course.counted()), SCENARIO_BUDGET),
        ("all scenarios, harness to helm by hand in parallel", harness / parallel, SET_BUDGET),
        ("from an event to the next request, median ms", noticing, NOTICING_BUDGET_MS),
        ("resident memory, MiB", needs.memory_mib, MEMORY_BUDGET_MIB),
        ("share of a core while it waits, median", waiting, CPU_BUDGET),
        ("judging 50 recordings, seconds", judging[0].as_secs_f64(), JUDGING_BUDGET_S),
        ("writing the reports of 50 recordings, seconds", judging[1].as_secs_f64(), JUDGING_BUDGET_S),
        ("`check` of one chart, no engine, seconds", verdicts.check.as_secs_f64(), CHECK_BUDGET_S),
        ("`check --explore=100` of it, seconds", verdicts.explored.as_secs_f64(), EXPLORE_BUDGET_S),
        ("small chart, stub images, whole life, seconds", verdicts.stubs.as_secs_f64(), STUBS_BUDGET_S),
    ];
    println!("\n{:<52} {:>9} {:>9}", "", "measured", "budget");
    for (what, measured, budget) in rows {
        let verdict = if measured <= budget { "" } else { "  over" };
        println!("{what:<52} {measured:>9.2} {budget:>9.2}{verdict}");
    }
    println!("\n{}: by hand {:.1} s, harness:", plans[0].name, alone.by_hand.as_secs_f64());
    let rest = course.whole - course.set_up - course.helm - course.samples_before - course.samples_after;
    for (what, milliseconds) in [
        ("set-up: namespaces, database, Secrets, watches, prober", course.set_up),
        ("helm", course.helm),
        ("samples before a step, which are not counted", course.samples_before),
        ("samples after the last step", course.samples_after),
        ("the rest", rest),
        ("in all", course.whole),
    ] {
        println!("  {what:<56} {:>6.1} s", Duration::from_millis(milliseconds).as_secs_f64());
    }
    println!("  with the samples before a step, the ratio is {:.2}", alone.ratio(course.whole));
    println!(
        "{} scenarios: by hand in sequence {sequence:.1} s, in parallel {parallel:.1} s, harness {harness:.1} s ({:.2} of the sequence)",
        plans.len(),
        harness / sequence,
    );
    let rows: Vec<Value> = rows
        .iter()
        .map(|(what, measured, budget)| json!({"what": what, "measured": measured, "budget": budget}))
        .collect();
    let result = json!({
        "budgets": rows,
        "scenarios": plans.iter().map(|plan| &plan.name).collect::<Vec<_>>(),
        "one": {
            "by_hand_seconds": alone.by_hand.as_secs_f64(),
            "harness_milliseconds": {
                "whole": course.whole,
                "set_up": course.set_up,
                "helm": course.helm,
                "samples_before_a_step": course.samples_before,
                "samples_after_the_last_step": course.samples_after,
            },
            "ratio_with_all_samples": alone.ratio(course.whole),
        },
        "set": {
            "in_sequence_seconds": sequence,
            "in_parallel_seconds": parallel,
            "harness_seconds": harness,
        },
        "events_followed": count,
    });
    let path = out().join("bench.json");
    std::fs::write(&path, format!("{result:#}\n")).expect("the result can be written");
    println!("written to {}", path.display());
}
