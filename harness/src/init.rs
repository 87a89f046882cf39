//! `chartgate init`: a contract and scenarios for a chart, from what it renders. A start that runs, with comments on what only its
//! maintainer knows.

mod contract;
mod found;
mod image;
mod label;
mod render;
mod role;
mod scenario;
mod secret;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_scenario::Overrides;
use chartgate_yaml::Invalid;
use serde_json::{Value, json};

use crate::applicable::applicable;
use found::Found;

/// Writes `contract.yaml` and a scenario for each of the chart's `ci/*-values.yaml` (or for its defaults) to its `ci/chartgate/`, and
/// gives the files that were written.
///
/// # Errors
/// [`Invalid`] if the chart is none, does not render, or has such files already.
pub async fn init(chart: &Path, helm: &str) -> Result<Vec<PathBuf>> {
    let folder = chart.join("ci/chartgate");
    let contract = folder.join("contract.yaml");
    if contract.exists() {
        let hint = "hint: edit it, or remove it for a new start";
        return Err(Invalid(format!("`{}` is there already\n{hint}", contract.display())).into());
    }
    let renders = render::all(chart, helm).await?;
    let values = std::fs::read_to_string(chart.join("values.yaml")).unwrap_or_default();
    let values: Value = chartgate_yaml::value(&values).unwrap_or_else(|_| json!({}));
    let found = Found::of(&renders, &values);
    std::fs::create_dir_all(&folder).with_context(|| format!("make the folder `{}`", folder.display()))?;
    let mut files = vec![(contract, contract::text(&found))];
    files.extend(
        renders
            .iter()
            .enumerate()
            .map(|(index, render)| (folder.join(scenario::file_name(render)), scenario::text(&found, index, render))),
    );
    let write =
        |path: &Path, text: &str| std::fs::write(path, text).with_context(|| format!("write `{}`", path.display()));
    files.iter().try_for_each(|(path, text)| write(path, text))?;
    // What applies is known once there is a plan: of the scenario as it was just written.
    for (path, text) in files.iter().skip(1) {
        let overrides = Overrides { chart: Some(chart.to_owned()), ..Overrides::default() };
        let plan = chartgate_scenario::load(path, &overrides)?;
        write(path, &scenario::proving(text, &applicable(&plan, helm).await?))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

#[cfg(test)]
mod tests;
