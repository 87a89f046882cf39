//! What the gate is for: charts with a fault are refused, and the check that the fault breaks is named.

mod hooks;
mod planted;
mod protections;
mod strangers;

use chartgate_model::plan::Plan;
use chartgate_scenario::Overrides;

use crate::support;
use crate::support::PatchedChart;

/// A scenario of this repository, with what a test puts in a part's place; `name` names the folder of its evidence.
fn load(of: &str, name: &str, overrides: &Overrides) -> Plan {
    let path = support::repository().join(format!("scenarios/{of}.yaml"));
    let mut plan = chartgate_scenario::load(&path, overrides).expect("the scenario is valid");
    plan.name = format!("faults/{name}");
    plan
}

/// The same on another chart.
fn on_chart(of: &str, name: &str, chart: &PatchedChart) -> Plan {
    load(of, name, &Overrides { chart: Some(chart.path().to_owned()), ..Overrides::default() })
}

/// Its first steps.
fn first_steps(count: usize, of: &str, name: &str, chart: &PatchedChart) -> Plan {
    let mut plan = on_chart(of, name, chart);
    plan.steps.truncate(count);
    plan
}
