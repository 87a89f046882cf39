//! What the users of a role do while a scenario runs.

use std::collections::BTreeMap;

use anyhow::Result;

use super::contract::ContractFile;
use super::file::ScenarioFile;
use super::{seconds, unknown};
use crate::plan::Traffic;
use crate::yaml::Source;

/// Enough for a request that is lost in a few milliseconds to be seen, and little enough for a laptop.
const DEFAULT_RATE: u32 = 50;
/// Above what one prober sends on time.
const HIGHEST_RATE: u32 = 1000;
/// A busy node may take a second for what is otherwise answered in milliseconds.
const DEFAULT_SLOW_SECONDS: u64 = 5;

/// The traffic of each role that the scenario names.
pub(super) fn traffic(
    source: &Source,
    scenario: &ScenarioFile,
    contract: &ContractFile,
) -> Result<BTreeMap<String, Traffic>> {
    let slow_ms = scenario.slow.as_ref().map_or(Ok(DEFAULT_SLOW_SECONDS), |text| seconds(source, text))? * 1000;
    let mut traffic = BTreeMap::new();
    for role in scenario.traffic.keys().chain(scenario.sessions.keys()) {
        let promised = contract.roles.get(role).ok_or_else(|| unknown(source, "role", role, contract.roles.keys()))?;
        let Some(serves) = &promised.serves else {
            return Err(source.error(role, &format!("the role `{role}` serves nothing, says the contract")));
        };
        let rate = scenario.traffic.get(role).map_or(Ok(DEFAULT_RATE), |text| rate(source, text))?;
        let sessions = scenario.sessions.get(role).copied().unwrap_or_default();
        let is_continuous = serves.sessions.as_ref().is_some_and(|sessions| sessions.continuity.is_some());
        if sessions > 0 && !is_continuous {
            let hint = "hint: say in the contract how one goes on: `serves: {sessions: {continuity: …}}`";
            return Err(source.error(role, &format!("the role `{role}` promises no sessions that go on\n{hint}")));
        }
        traffic.insert(role.clone(), Traffic { rate, slow_ms, sessions });
    }
    Ok(traffic)
}

/// `50/s` in requests a second.
fn rate(source: &Source, text: &str) -> Result<u32> {
    let number = text.strip_suffix("/s").and_then(|number| number.parse().ok());
    number.filter(|number| (1..=HIGHEST_RATE).contains(number)).ok_or_else(|| {
        let hint = format!("hint: write requests a second, 1 to {HIGHEST_RATE}: `50/s`");
        source.error(text, &format!("`{text}` is no rate\n{hint}"))
    })
}
