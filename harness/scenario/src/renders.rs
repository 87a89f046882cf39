//! What is rendered of a chart without a scenario: its defaults, and each of its values files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_model::plan::{Action, Chart, Plan, Step};
use chartgate_yaml::{Mistakes, Source};
use serde_json::json;

use super::discover::{users_release, values_files_of};
use super::{CHART_SCENARIOS, CONTRACT, ContractFile, Overrides, chart, contract, from};

/// The plans of a chart that are only rendered, and which values each has: the chart's defaults and each `ci/*-values.yaml`
/// (chart-testing's convention), or the user's values alone. Of the chart's contract counts what holds for each release.
///
/// # Errors
/// [`Mistakes`] in the contract, and [`Invalid`](chartgate_yaml::Invalid) for the overrides.
pub fn render_plans(path: &Path, overrides: &Overrides) -> Result<Vec<(String, Plan)>> {
    let described = chart::describe_chart(path)?;
    let of = |values: Option<&PathBuf>| plan(path, &described, values, overrides);
    if !overrides.values_files.is_empty() || !overrides.set.is_empty() {
        return Ok(vec![("the values given".to_owned(), of(None)?)]);
    }
    let mut plans = vec![("defaults".to_owned(), of(None)?)];
    for file in values_files_of(path) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let absolute = file.canonicalize().with_context(|| format!("resolve `{}`", file.display()))?;
        plans.push((format!("ci/{name}"), of(Some(&absolute))?));
    }
    Ok(plans)
}

fn plan(path: &Path, chart: &Chart, values: Option<&PathBuf>, overrides: &Overrides) -> Result<Plan> {
    let mut actions = vec![Action::Install, Action::Upgrade];
    // The first install becomes the earlier version's, and helm may refuse the upgrade without a cluster: the chart's own install is
    // judged in any case.
    actions.extend((!overrides.from.is_empty()).then_some(Action::Install));
    let plan = Plan {
        name: chart.name.clone(),
        description: format!("{} renders.", chart.name),
        release: users_release(&chart.name),
        chart: chart.clone(),
        values: json!({}),
        base_files: values.into_iter().cloned().collect(),
        values_files: overrides.values_files.clone(),
        set: overrides.set.clone(),
        steps: actions.into_iter().map(Step::new).collect(),
        ..Plan::default()
    };
    let file = path.join(CHART_SCENARIOS).join(CONTRACT);
    let plan = if file.exists() { under_contract(plan, &file)? } else { plan };
    from::begin_with(plan, Vec::new(), overrides)
}

/// What a contract says of each release, whatever its values.
fn under_contract(plan: Plan, file: &Path) -> Result<Plan> {
    let (source, contract) = Source::read::<ContractFile>(file)?;
    let contract = contract.unwrap_or_default();
    let requires = contract.requires.iter().enumerate();
    let at = |index| source.root().key("requires").item(index);
    let requires = requires.filter_map(|(index, it)| it.clone().plan(at(index))).collect();
    Mistakes::check(source.mistakes())?;
    Ok(Plan {
        requires,
        is_first_release: contract.first_release,
        strict: contract.strict,
        binding: contract.checks.clone(),
        leaves: contract.leaves.iter().map(|left| contract::for_release(left, &plan.release)).collect(),
        ..plan
    })
}
