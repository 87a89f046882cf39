//! The chart under test, as its `Chart.yaml` describes it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chartgate_model::plan::Chart;
use chartgate_yaml::{Invalid, Mistake};
use serde_json::Value;

use super::Overrides;
use super::written::Written;
use crate::{dependency, links};

/// Where a chart may carry scenarios and a contract of its own.
pub const CHART_SCENARIOS: &str = "ci/chartgate";

/// The chart of a scenario: the user's, else the scenario's own, else the contract's, else the one that carries the scenario.
/// `None`: there is none, and that is refused.
///
/// # Errors
/// [`Invalid`] if the user's is none.
pub(super) fn chart_of(path: &Path, written: &Written, overrides: &Overrides) -> Result<Option<Chart>> {
    let own =
        written.scenario.as_ref().and_then(|scenario| scenario.chart.as_ref()).or(written.contract.chart.as_ref());
    let own = own.map(|relative| path.parent().unwrap_or(Path::new(".")).join(relative));
    if let Some(users) = &overrides.chart {
        let replaces = own.as_ref().and_then(|own| own.canonicalize().ok());
        return Ok(Some(Chart { replaces, ..describe_chart(users)? }));
    }
    let at = written.chart_spot();
    let Some(chart) = own.or_else(|| carrying(path)) else {
        if written.scenario.is_some() {
            let mistake = Mistake::new("no chart: neither the scenario nor a contract beside it names one");
            at.refuse(mistake.with_hint("add `chart: PATH`, or pass `--chart PATH`"));
        }
        return Ok(None);
    };
    match describe_chart(&chart).map_err(anyhow::Error::downcast::<Invalid>) {
        Ok(chart) => Ok(Some(chart)),
        Err(Ok(Invalid(why))) => {
            at.refuse(Mistake::new(&why));
            Ok(None)
        }
        Err(Err(other)) => Err(other),
    }
}

/// The chart in whose folder for scenarios a file is.
pub(crate) fn carrying(path: &Path) -> Option<PathBuf> {
    let file = path.canonicalize().ok()?;
    holding(file.parent()?)
}

/// The chart that has this directory, without links, for its scenarios.
pub(crate) fn holding(folder: &Path) -> Option<PathBuf> {
    if !folder.ends_with(CHART_SCENARIOS) {
        return None;
    }
    let chart = folder.ancestors().nth(Path::new(CHART_SCENARIOS).components().count())?;
    chart.join("Chart.yaml").exists().then(|| chart.to_owned())
}

/// What a chart's `Chart.yaml` says of it.
pub fn describe_chart(chart: &Path) -> Result<Chart> {
    let description = chart.join("Chart.yaml");
    let text = std::fs::read_to_string(&description).map_err(|error| {
        Invalid(format!("`{}` is no chart: cannot read `{}`: {error}", chart.display(), description.display()))
    })?;
    let path = chart.canonicalize().with_context(|| format!("resolve `{}`", chart.display()))?;
    links::check(&path)?;
    let described = chart_at(path, &text).map_err(|error| Invalid(format!("{}: {error}", description.display())))?;
    Ok(Chart { has_dependencies: described.has_dependencies || dependency::has_requirements(chart), ..described })
}

/// What the text of a `Chart.yaml` says of the chart at a path.
pub fn chart_at(path: PathBuf, description: &str) -> Result<Chart> {
    let parsed = chartgate_yaml::value(description)?;
    let field = |name: &str| match &parsed[name] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    if parsed["type"] == "library" {
        let hint = "hint: give a chart that uses it, for example one of its tests";
        bail!("it is a library chart, which cannot be installed\n{hint}");
    }
    Ok(Chart {
        name: field("name").context("it has no `name`")?,
        version: field("version").unwrap_or_default(),
        app_version: field("appVersion"),
        has_dependencies: parsed["dependencies"].as_array().is_some_and(|all| !all.is_empty()),
        path,
        replaces: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that the command which repeats one scenario of a chart's own asks for the chart.
    #[test]
    fn a_scenario_that_a_chart_carries_needs_no_chart_named() {
        let chart = std::env::temp_dir().join(format!("chartgate-carried-{}", std::process::id()));
        let file = chart.join("ci/chartgate/case.yaml");
        std::fs::create_dir_all(chart.join("ci/chartgate")).unwrap();
        std::fs::write(&file, "description: x\nsteps: [{install: {}}]\n").unwrap();
        let unnamed = crate::load(&file, &Overrides::default()).map(|plan| plan.chart.name);
        std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: carried\nversion: 1.0.0\n").unwrap();
        let named = crate::load(&file, &Overrides::default()).map(|plan| plan.chart.name);
        std::fs::remove_dir_all(&chart).unwrap();
        assert_eq!(named.unwrap(), "carried");
        assert!(format!("{:#}", unnamed.unwrap_err()).contains("no chart"));
    }
}
