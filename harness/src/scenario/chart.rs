//! The chart under test, as its `Chart.yaml` describes it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Overrides;
use super::contract::ContractFile;
use super::file::ScenarioFile;
use crate::plan::Chart;
use crate::yaml::{Invalid, Source};

/// The chart of a scenario: the user's, else the scenario's own, else the contract's.
pub(super) fn chart_of(
    path: &Path,
    source: &Source,
    scenario: &ScenarioFile,
    contract: &ContractFile,
    overrides: &Overrides,
) -> Result<Chart> {
    let beside = |relative: &PathBuf| path.parent().unwrap_or(Path::new(".")).join(relative);
    let own = scenario.chart.as_ref().or(contract.chart.as_ref()).map(beside);
    let Some(chart) = overrides.chart.as_ref().or(own.as_ref()) else {
        let message = "no chart: neither the scenario nor a contract beside it names one\nhint: add `chart: PATH`, or pass `--chart PATH`";
        return Err(source.error("", message));
    };
    let replaces = own.as_ref().filter(|_| overrides.chart.is_some());
    Ok(Chart { replaces: replaces.and_then(|own| own.canonicalize().ok()), ..describe_chart(chart)? })
}

/// What a chart's `Chart.yaml` says of it.
pub(crate) fn describe_chart(chart: &Path) -> Result<Chart> {
    let description = chart.join("Chart.yaml");
    let text = std::fs::read_to_string(&description).map_err(|error| {
        Invalid(format!("`{}` is no chart: cannot read `{}`: {error}", chart.display(), description.display()))
    })?;
    let path = chart.canonicalize().with_context(|| format!("resolve `{}`", chart.display()))?;
    chart_at(path, &text).map_err(|error| Invalid(format!("{}: {error}", description.display())).into())
}

/// What the text of a `Chart.yaml` says of the chart at a path.
pub(crate) fn chart_at(path: PathBuf, description: &str) -> Result<Chart> {
    let parsed = crate::yaml::value(description)?;
    let field = |name: &str| match &parsed[name] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    Ok(Chart {
        name: field("name").context("it has no `name`")?,
        version: field("version").unwrap_or_default(),
        app_version: field("appVersion"),
        has_dependencies: parsed["dependencies"].as_array().is_some_and(|all| !all.is_empty()),
        path,
        replaces: None,
    })
}
