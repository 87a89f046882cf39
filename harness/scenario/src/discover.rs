//! Which scenarios a run consists of: files, folders of them, or what a chart carries itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_model::plan::{Action, Chart, Plan, Step, StubImages};
use chartgate_yaml::{Invalid, Mistakes};
use serde_json::json;

use super::{BASELINE, CHART_SCENARIOS, CONTRACT, Overrides, from, load};
use crate::chart::describe_chart;

/// The plans of a whole run: the scenarios under the paths; without a path, the chart's own if one is given or is the working
/// directory, else those below `scenarios/`. A path that is a chart stands for the chart's own, and so does each chart below a
/// path.
///
/// # Errors
/// [`Invalid`] for every mistake in the files or the overrides.
pub fn plans(paths: &[PathBuf], overrides: &Overrides) -> Result<Vec<Plan>> {
    let mut plans = Vec::new();
    match (&overrides.chart, paths) {
        (Some(chart), []) => plans.extend(chart_plans(chart, overrides)?),
        (None, []) if is_chart(Path::new(".")) => plans.extend(plans_under(Path::new("."), overrides)?),
        (None, []) => plans.extend(plans_under(Path::new("scenarios"), overrides)?),
        _ => {
            for path in paths {
                plans.extend(plans_under(path, overrides)?);
            }
        }
    }
    for plan in &mut plans {
        plan.stub_images = overrides.stub_images;
    }
    Ok(told_apart(plans))
}

fn is_chart(path: &Path) -> bool {
    path.join("Chart.yaml").exists()
}

/// The plans of the scenario files under a path, and of the charts.
fn plans_under(path: &Path, overrides: &Overrides) -> Result<Vec<Plan>> {
    let found = Found::under(path)?;
    let mut plans = plans_of_files(&found.files, overrides)?;
    for chart in found.charts {
        let own = Overrides { chart: Some(chart.clone()), ..overrides.clone() };
        plans.extend(chart_plans(&chart, &own)?);
    }
    Ok(plans)
}

/// The plans of all files, or the mistakes of all of them.
pub fn plans_of_files(paths: &[PathBuf], overrides: &Overrides) -> Result<Vec<Plan>> {
    let mut plans = Vec::new();
    let mut mistakes = Vec::new();
    for file in discover(paths)? {
        match load(&file, overrides).map_err(anyhow::Error::downcast::<Mistakes>) {
            Ok(plan) => plans.push(plan),
            Err(Ok(found)) => mistakes.extend(found),
            Err(Err(other)) => return Err(other),
        }
    }
    Mistakes::check(mistakes)?;
    Ok(plans)
}

/// A chart's own scenarios; without any, one for each `ci/*-values.yaml` (chart-testing's convention), else for its defaults.
fn chart_plans(chart: &Path, overrides: &Overrides) -> Result<Vec<Plan>> {
    let source = overrides.source.as_deref().unwrap_or(chart);
    let scenarios = source.join(CHART_SCENARIOS);
    if scenarios.is_dir() {
        let plans = plans_of_files(&[scenarios], overrides)?;
        if !plans.is_empty() {
            return Ok(plans);
        }
    }
    let files = values_files_of(source);
    let described = describe_chart(chart)?;
    if files.is_empty() {
        return Ok(with_own_name(vec![plain(&described, "defaults", None, overrides)?], overrides));
    }
    let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().replace("-values.yaml", "");
    let plans = files.into_iter().map(|file| {
        let absolute = file.canonicalize().with_context(|| format!("resolve `{}`", file.display()))?;
        plain(&described, &name(&file), Some(absolute), overrides)
    });
    Ok(with_own_name(plans.collect::<Result<_>>()?, overrides))
}

/// The plans, and a short install under the chart's own name: Services that are called like the application set variables of its pods.
///
/// It has the values of the first plan, which went through a release's life with them: what fails here is due to the name alone, and
/// defaults that need values of their user are no part of a plain run where `ci/` has some.
fn with_own_name(mut plans: Vec<Plan>, overrides: &Overrides) -> Vec<Plan> {
    let first = plans.first().filter(|_| !overrides.is_quick).cloned();
    plans.extend(first.map(|first| Plan {
        name: format!("{}/own-name", first.chart.name),
        description: format!("{} installs as a release of its own name.", first.chart.name),
        release: first.chart.name.chars().take(super::RELEASE_NAME_LIMIT).collect(),
        is_own_name: true,
        from: Vec::new(),
        steps: vec![Step::new(Action::Install)],
        ..first
    }));
    plans
}

/// A chart's `ci/*-values.yaml`.
pub(super) fn values_files_of(chart: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        chart.join("ci").read_dir().into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.retain(|file| file.file_name().is_some_and(|name| name.to_string_lossy().ends_with("-values.yaml")));
    files.sort();
    files
}

/// What can be proven of a chart that promises nothing: it installs, takes the same again without breaking, and passes its own tests.
fn plain(chart: &Chart, name: &str, values: Option<PathBuf>, overrides: &Overrides) -> Result<Plan> {
    let steps = plain_steps(chart, overrides);
    let description = if overrides.is_quick {
        format!("{} installs with its {name} values, and upgrades.", chart.name)
    } else {
        format!("{} goes through a release's life with its {name} values.", chart.name)
    };
    let plan = Plan {
        name: format!("{}/{name}", chart.name),
        description,
        release: users_release(&chart.name),
        chart: chart.clone(),
        values: json!({}),
        base_files: values.into_iter().collect(),
        values_files: overrides.values_files.clone(),
        set: overrides.set.clone(),
        steps,
        ..Plan::default()
    };
    from::begin_with(plan, Vec::new(), overrides)
}

/// A release's life: install, the same again, upgrade, rollback, upgrade, uninstall, and an install over what stayed. Where it begins
/// with an earlier version, the same again comes last: it is the chart under test that is to change nothing.
fn plain_steps(chart: &Chart, overrides: &Overrides) -> Vec<Step> {
    let again = || Step { is_again: true, ..Step::new(Action::Upgrade) };
    let is_from_earlier = overrides.from.iter().any(|from| from != "self");
    let upgrade = || Step { is_next_version: !is_from_earlier, ..Step::new(Action::Upgrade) };
    let install = || Step::new(Action::Install);
    if overrides.is_quick {
        return vec![install(), upgrade()];
    }
    let back_and_forth = [upgrade(), Step::new(Action::Rollback { to: None }), upgrade()];
    // A stub ends every test well, which proves nothing.
    let is_tested = overrides.stub_images == StubImages::Off && has_tests(&chart.path);
    let test = is_tested.then(|| Step::new(Action::Test));
    let end = [Step::new(Action::Uninstall), install()];
    let mut steps = vec![install()];
    if is_from_earlier {
        steps.extend(back_and_forth.into_iter().chain([again()]).chain(test));
    } else {
        steps.extend(std::iter::once(again()).chain(test).chain(back_and_forth));
    }
    steps.extend(end);
    steps
}

/// A release's name as a user gives it: another one than the chart's, so that a name which is the same for all releases shows.
pub(super) fn users_release(chart: &str) -> String {
    // A chart's name may hold what a release's may not.
    let plain = chart.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
    let name: String = format!("my-{plain}").chars().take(super::RELEASE_NAME_LIMIT).collect();
    name.trim_end_matches(['-', '.']).to_owned()
}

/// Whether a chart brings tests of its own (`helm test`). Its templates are text before helm reads them.
fn has_tests(chart: &Path) -> bool {
    let is_test = |line: &str| {
        let event = line
            .split_once("helm.sh/hook")
            .and_then(|(_, rest)| rest.trim_start_matches(['"', '\'']).strip_prefix(':'));
        event.is_some_and(|events| {
            events
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                .any(|word| ["test", "test-success"].contains(&word))
        })
    };
    let mut folders = vec![chart.join("templates")];
    while let Some(folder) = folders.pop() {
        for path in folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).is_ok_and(|text| text.lines().any(is_test)) {
                return true;
            }
        }
    }
    false
}

/// The plans with a name of its own for each: evidence lies under it. What two paths lead to is run once.
fn told_apart(plans: Vec<Plan>) -> Vec<Plan> {
    let identity = |plan: &Plan| {
        let place = plan.file.as_ref().unwrap_or(&plan.chart.path);
        let place = place.canonicalize().unwrap_or_else(|_| place.clone());
        (
            place,
            plan.is_own_name,
            if plan.file.is_some() { Vec::new() } else { [&plan.base_files[..], &plan.values_files].concat() },
        )
    };
    let (mut known, mut names, mut unique) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for mut plan in plans.into_iter().filter(|plan| known.insert(identity(plan))) {
        let numbered = (2..).map(|number| format!("{}-{number}", plan.name));
        let free = std::iter::once(plan.name.clone()).chain(numbered).find(|name| names.insert(name.clone()));
        plan.name = free.unwrap_or_default();
        unique.push(plan);
    }
    unique
}

/// A folder of this name beside scenarios holds what they apply or require: no file in it is a scenario.
const MANIFESTS: &str = "manifests";

/// The scenario files under the paths, sorted: a file stands for itself, a folder for all that is below it, but for `manifests` and
/// charts.
///
/// # Errors
/// [`Invalid`] if a path does not exist.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        found.extend(Found::under(path)?.files);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// What a path stands for.
#[derive(Default)]
struct Found {
    /// Scenario files.
    files: Vec<PathBuf>,
    /// Charts; what is below one belongs to it.
    charts: Vec<PathBuf>,
}

impl Found {
    /// All that is below a path, in the order of the names.
    fn under(path: &Path) -> Result<Self> {
        if !path.exists() {
            let hint = "hint: name a scenario file, a chart, or a directory that holds some";
            return Err(
                Invalid(format!("no scenario at `{}`: no such file or directory\n{hint}", path.display())).into()
            );
        }
        if path.is_file() && path.file_name() == Some("Chart.yaml".as_ref()) {
            let chart = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let hint = format!("hint: name its directory, `{}`", chart.display());
            return Err(Invalid(format!("`{}` is a part of a chart, and no scenario\n{hint}", path.display())).into());
        }
        let mut found = Self::default();
        found.collect(path)?;
        found.files.sort();
        found.charts.sort();
        Ok(found)
    }

    fn collect(&mut self, path: &Path) -> Result<()> {
        if !path.is_dir() {
            self.files.push(path.to_owned());
            return Ok(());
        }
        if is_chart(path) {
            self.charts.push(path.to_owned());
            return Ok(());
        }
        for entry in path.read_dir().with_context(|| format!("read the folder `{}`", path.display()))? {
            let entry = entry?.path();
            let is_scenario = entry.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
            if entry.is_dir() && entry.file_name() == Some(MANIFESTS.as_ref()) {
                continue;
            }
            let is_other = [CONTRACT, BASELINE].iter().any(|name| entry.file_name() == Some(name.as_ref()));
            if entry.is_dir() || (is_scenario && !is_other) {
                self.collect(&entry)?;
            }
        }
        Ok(())
    }
}
