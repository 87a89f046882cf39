//! Which scenarios a run consists of: files, folders of them, or what a chart carries itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::{CHART_SCENARIOS, CONTRACT, Overrides, from, load};
use crate::plan::{Action, Chart, Plan, Step};
use crate::scenario::chart::describe_chart;
use crate::yaml::Invalid;

/// The plans of a whole run: the scenarios under the paths; without a path, the chart's own if one is given, else those below
/// `scenarios/`. A path that is a chart stands for the chart's own.
///
/// # Errors
/// [`Invalid`] for every mistake in the files or the overrides.
pub fn plans(paths: &[PathBuf], overrides: &Overrides) -> Result<Vec<Plan>> {
    let mut plans = Vec::new();
    match (&overrides.chart, paths) {
        (Some(chart), []) => plans.extend(chart_plans(chart, overrides)?),
        (None, []) => plans.extend(plans_of_files(&[PathBuf::from("scenarios")], overrides)?),
        _ => {
            for path in paths {
                if path.join("Chart.yaml").exists() {
                    let own = Overrides { chart: Some(path.clone()), ..overrides.clone() };
                    plans.extend(chart_plans(path, &own)?);
                } else {
                    plans.extend(plans_of_files(std::slice::from_ref(path), overrides)?);
                }
            }
        }
    }
    Ok(plans)
}

fn plans_of_files(paths: &[PathBuf], overrides: &Overrides) -> Result<Vec<Plan>> {
    discover(paths)?.iter().map(|file| load(file, overrides)).collect()
}

/// A chart's own scenarios; without any, one for each `ci/*-values.yaml` (chart-testing's convention), else for its defaults.
fn chart_plans(chart: &Path, overrides: &Overrides) -> Result<Vec<Plan>> {
    let scenarios = chart.join(CHART_SCENARIOS);
    if scenarios.is_dir() {
        let plans = plans_of_files(&[scenarios], overrides)?;
        if !plans.is_empty() {
            return Ok(plans);
        }
    }
    let mut files: Vec<PathBuf> =
        chart.join("ci").read_dir().into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.retain(|file| file.file_name().is_some_and(|name| name.to_string_lossy().ends_with("-values.yaml")));
    files.sort();
    let described = describe_chart(chart)?;
    if files.is_empty() {
        return Ok(vec![plain(&described, "defaults", None, overrides)?]);
    }
    let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().replace("-values.yaml", "");
    files
        .into_iter()
        .map(|file| {
            let absolute = file.canonicalize().with_context(|| format!("resolve `{}`", file.display()))?;
            plain(&described, &name(&file), Some(absolute), overrides)
        })
        .collect()
}

/// What can be proven of a chart that promises nothing: it installs, and takes the same again without breaking.
fn plain(chart: &Chart, name: &str, values: Option<PathBuf>, overrides: &Overrides) -> Result<Plan> {
    let again = Step { is_again: true, ..Step::new(Action::Upgrade) };
    let mut steps = vec![Step::new(Action::Install), again];
    if !overrides.from.is_empty() {
        steps.insert(1, Step::new(Action::Upgrade));
    }
    let plan = Plan {
        name: format!("{}/{name}", chart.name),
        description: format!("{} installs with its {name} values, and takes the same again as an upgrade.", chart.name),
        release: chart.name.clone(),
        chart: chart.clone(),
        values: json!({}),
        values_files: values.into_iter().chain(overrides.values_files.iter().cloned()).collect(),
        set: overrides.set.clone(),
        steps,
        ..Plan::default()
    };
    from::begin_with(plan, Vec::new(), overrides)
}

/// The file that a plan of [`plans`] was read from; `None`: it comes from a chart that has none.
pub fn file_of(plan: &Plan, paths: &[PathBuf]) -> Option<PathBuf> {
    let default = [PathBuf::from("scenarios")];
    let paths = if paths.is_empty() { &default[..] } else { paths };
    let of_chart = |chart: &Path| chart.join(CHART_SCENARIOS);
    let place = |path: &PathBuf| if path.join("Chart.yaml").exists() { of_chart(path) } else { path.clone() };
    let places = paths.iter().map(place).chain([of_chart(&plan.chart.path)]).filter(|place| place.exists());
    places.flat_map(|place| discover(&[place]).unwrap_or_default()).find(|file| super::name_of(file) == plan.name)
}

/// The scenario files under the paths, sorted: a file stands for itself, a folder for all that is below it.
///
/// # Errors
/// [`Invalid`] if a path does not exist.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if !path.exists() {
            let hint = "hint: name a scenario file, or a folder that holds some";
            return Err(Invalid(format!("no scenario at `{}`: no such file or folder\n{hint}", path.display())).into());
        }
        collect(path, &mut found)?;
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in path.read_dir().with_context(|| format!("read the folder `{}`", path.display()))? {
        let entry = entry?.path();
        let is_scenario = entry.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if entry.is_dir() || (is_scenario && entry.file_name() != Some(CONTRACT.as_ref())) {
            collect(&entry, found)?;
        }
    }
    Ok(())
}
