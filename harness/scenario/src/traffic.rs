//! What the users of a role do while a scenario runs.

use std::collections::BTreeMap;

use chartgate_model::plan::Traffic;
use chartgate_yaml::{Mistake, Source};

use super::contract::ContractFile;
use super::file::ScenarioFile;
use super::names::Names;
use super::scalar::{Duration, Rate};

/// Enough for a request that is lost in a few milliseconds to be seen, and little enough for a laptop.
const DEFAULT_RATE: Rate = Rate(50);
/// A busy node may take a second for what is otherwise answered in milliseconds.
const DEFAULT_SLOW: Duration = Duration(5);

/// The traffic of each role that the scenario names.
pub(super) fn traffic(
    source: &Source,
    names: &Names,
    scenario: &ScenarioFile,
    contract: &ContractFile,
) -> BTreeMap<String, Traffic> {
    let slow_ms = scenario.slow.unwrap_or(DEFAULT_SLOW).0 * 1000;
    let mut traffic = BTreeMap::new();
    for (key, role) in keys("traffic", &scenario.traffic).chain(keys("sessions", &scenario.sessions)) {
        let at = source.root().key(key).key(role).of_key();
        if !names.check_role(at, role) {
            continue;
        }
        let Some(promised) = contract.roles.get(role) else { continue };
        let Some(serves) = &promised.serves else {
            at.refuse(Mistake::new(&format!("the role `{role}` serves nothing, says the contract")));
            continue;
        };
        if serves.ready.is_none() && serves.traffic.is_none() {
            let hint = "hint: say in the contract what they ask for: `serves: {traffic: {path: /}}`";
            at.refuse(Mistake::new(&format!("the role `{role}` names no path for its users\n{hint}")));
        }
        let rate = scenario.traffic.get(role).copied().unwrap_or(DEFAULT_RATE).0;
        let sessions = scenario.sessions.get(role).copied().unwrap_or_default();
        let is_continuous = serves.sessions.as_ref().is_some_and(|sessions| sessions.continuity.is_some());
        if key == "sessions" && sessions > 0 && !is_continuous {
            let hint = "say in the contract how one goes on: `serves: {sessions: {continuity: …}}`";
            at.refuse(Mistake::new(&format!("the role `{role}` promises no sessions that go on")).with_hint(hint));
        }
        traffic.insert(role.clone(), Traffic { rate, slow_ms, sessions });
    }
    traffic
}

/// The jobs of each role that the scenario names.
pub(super) fn jobs(
    source: &Source,
    names: &Names,
    scenario: &ScenarioFile,
    contract: &ContractFile,
) -> BTreeMap<String, u32> {
    let mut jobs = BTreeMap::new();
    for (role, rate) in &scenario.jobs {
        let at = source.root().key("jobs").key(role).of_key();
        if !names.check_role(at, role) {
            continue;
        }
        let serves = contract.roles.get(role).and_then(|role| role.serves.as_ref());
        if serves.is_some_and(|serves| serves.job.is_some()) {
            jobs.insert(role.clone(), rate.0);
        } else {
            let mistake = Mistake::new(&format!("the role `{role}` takes no jobs, says the contract"));
            at.refuse(
                mistake.with_hint(
                    "say there what one is: `serves: {job: {path: /jobs, id: id, result: \"/jobs/{{id}}\"}}`",
                ),
            );
        }
    }
    jobs
}

fn keys<'a, T>(key: &'static str, map: &'a BTreeMap<String, T>) -> impl Iterator<Item = (&'static str, &'a String)> {
    map.keys().map(move |role| (key, role))
}
