//! A scenario file and the contract beside it, as far as they can be read.

use std::path::Path;

use anyhow::Result;
use chartgate_yaml::{Mistakes, Source, Spot};

use super::contract::ContractFile;
use super::file::ScenarioFile;
use super::names::Names;
use super::{CHART_SCENARIOS, CONTRACT, Overrides};

/// What a person wrote.
pub(super) struct Written {
    pub(super) source: Source,
    /// `None`: it has mistakes that leave nothing of it.
    pub(super) scenario: Option<ScenarioFile>,
    /// `None`: there is no contract.
    pub(super) contract_source: Option<Source>,
    /// Empty where there is none.
    pub(super) contract: ContractFile,
    /// What the scenario can refer to.
    pub(super) names: Names,
}

impl Written {
    /// Reads a scenario, and its contract: the one beside it, else the one that the user's chart carries.
    pub(super) fn read(path: &Path, overrides: &Overrides) -> Result<Self> {
        let (source, scenario) = Source::read::<ScenarioFile>(path)?;
        let in_chart = overrides.chart.as_ref().map(|chart| chart.join(CHART_SCENARIOS).join(CONTRACT));
        let mut contracts = [Some(path.with_file_name(CONTRACT)), in_chart].into_iter().flatten();
        let contract =
            contracts.find(|path| path.exists()).map(|path| Source::read::<ContractFile>(&path)).transpose()?;
        let (contract_source, contract) = contract.map_or((None, None), |(source, contract)| (Some(source), contract));
        let contract = contract.unwrap_or_default();
        let names = Names::of(contract_source.as_ref(), &contract);
        if let Some(source) = &contract_source {
            contract.check(source, &names);
        }
        Ok(Self { source, scenario, contract_source, contract, names })
    }

    /// The root of the contract, or of the scenario where there is none.
    pub(super) fn contract_root(&self) -> Spot<'_> {
        self.contract_source.as_ref().unwrap_or(&self.source).root()
    }

    /// Where the chart is named, or should be.
    pub(super) fn chart_spot(&self) -> Spot<'_> {
        let contracts = || self.contract_source.as_ref().and_then(|source| source.root().child("chart"));
        let root = self.source.root();
        root.child("chart").or_else(contracts).unwrap_or(root)
    }

    /// An error, if anything was refused.
    pub(super) fn check(&self) -> Result<(), Mistakes> {
        let contracts = self.contract_source.iter().flat_map(Source::mistakes);
        Mistakes::check(self.source.mistakes().into_iter().chain(contracts))
    }
}
