//! What is checked: charts, and scenario files with their contracts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_model::plan::{Origin, Place, Plan};
use chartgate_model::recording::Moment;
use chartgate_runner::origin::{self, Origins, Pulled};
use chartgate_scenario::Overrides;
use chartgate_scenario::dependency;
use chartgate_yaml::Invalid;

use super::Program;

/// One chart, with the plans that are rendered of it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The chart's name, as reports show it.
    pub name: String,
    /// The chart's directory, as the user names it.
    pub path: PathBuf,
    /// Which values, and what is rendered with them; at least one, and the chart's defaults first where they are rendered.
    pub plans: Vec<(String, Plan)>,
    /// `kubeVersion` of `Chart.yaml`.
    pub kube_version: Option<String>,
    /// What changed in it, where that was asked for.
    pub changed: Option<Moment>,
    /// What is not judged of it, and why.
    pub notes: Vec<String>,
}

/// What a user gives, and what must stay there while it is checked.
pub struct Inputs {
    /// The subjects.
    pub subjects: Vec<Subject>,
    /// Their directories are there for as long as this.
    _pulled: Vec<Pulled>,
}

impl Subject {
    /// What is rendered, in words.
    pub fn description(&self) -> String {
        let values: Vec<&str> = self.plans.iter().map(|(values, _)| values.as_str()).collect();
        format!("What {} renders with {}.", self.name, values.join(", "))
    }

    /// Notes the command that checks it alone once more.
    pub fn repeated_by(&mut self, command: &str) {
        self.plans.iter_mut().for_each(|(_, plan)| plan.repeat = Some(command.to_owned()));
    }

    /// The plan that stands for the subject.
    pub fn first_plan(&self) -> &Plan {
        &self.plans[0].1
    }
}

/// The subjects that the paths lead to; without a path, the chart in the working directory, else those in `charts/`.
///
/// # Errors
/// [`Invalid`] for every mistake in the files or the overrides, and for a path that leads to nothing.
pub async fn subjects(paths: &[PathBuf], overrides: &Overrides, helm: &Program) -> Result<Inputs> {
    let default = if Path::new("Chart.yaml").exists() { "." } else { "charts" };
    let paths = if paths.is_empty() { vec![PathBuf::from(default)] } else { paths.to_vec() };
    let (mut plans, mut pulled) = (Vec::new(), Vec::new());
    for path in &paths {
        if let Some(chart) = Pulled::with(path, &helm.path).await? {
            plans.extend(chart_plans(chart.chart(), overrides)?.into_iter().map(|plan| (path.clone(), plan)));
            pulled.push(chart);
        } else if path.join("Chart.yaml").exists() {
            plans.extend(chart_plans(path, overrides)?.into_iter().map(|plan| (path.clone(), plan)));
        } else if let Some(charts) = charts_below(path)? {
            for chart in charts {
                plans.extend(chart_plans(&chart, overrides)?.into_iter().map(|plan| (chart.clone(), plan)));
            }
        } else {
            let all = chartgate_scenario::plans(std::slice::from_ref(path), overrides)?;
            plans.extend(
                all.into_iter().map(|plan| (plan.chart.path.clone(), (format!("scenario {}", plan.name), plan))),
            );
        }
    }
    Ok(Inputs { subjects: grouped(plans)?, _pulled: pulled })
}

/// The charts in a directory of charts; `None`: it holds none. A library chart is none: it cannot be installed.
fn charts_below(path: &Path) -> Result<Option<Vec<PathBuf>>> {
    if !path.is_dir() {
        return Ok(None);
    }
    let entries = path.read_dir().with_context(|| format!("read the directory `{}`", path.display()))?;
    let mut charts: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|it| it.join("Chart.yaml").exists()).collect();
    if charts.is_empty() {
        return Ok(None);
    }
    charts.retain(|chart| description(chart)["type"] != "library");
    charts.sort();
    Ok(Some(charts))
}

/// What is rendered of a chart: its defaults and each of its values files, or the user's values; and the chart's own scenarios.
fn chart_plans(chart: &Path, overrides: &Overrides) -> Result<Vec<(String, Plan)>> {
    let mut plans = chartgate_scenario::render_plans(chart, overrides)?;
    let own = Overrides { chart: Some(chart.to_owned()), ..overrides.clone() };
    let carried = chart.join(chartgate_scenario::CHART_SCENARIOS);
    if carried.is_dir() {
        let scenarios = chartgate_scenario::plans_of_files(&[carried], &own)?;
        plans.extend(scenarios.into_iter().map(|plan| (format!("scenario {}", plan.name), plan)));
    }
    Ok(plans)
}

/// The plans by chart.
fn grouped(plans: Vec<(PathBuf, (String, Plan))>) -> Result<Vec<Subject>> {
    let mut order: Vec<PathBuf> = Vec::new();
    let mut by_chart: BTreeMap<PathBuf, Subject> = BTreeMap::new();
    for (path, (values, plan)) in plans {
        let chart = plan.chart.path.clone();
        if !by_chart.contains_key(&chart) {
            order.push(chart.clone());
            let kube_version = description(&chart)["kubeVersion"].as_str().map(str::to_owned);
            let name = plan.chart.name.clone();
            let subject = Subject { name, path, plans: Vec::new(), kube_version, changed: None, notes: Vec::new() };
            by_chart.insert(chart.clone(), subject);
        }
        if let Some(subject) = by_chart.get_mut(&chart)
            && !subject.plans.iter().any(|(known, _)| *known == values)
        {
            subject.plans.push((values, plan));
        }
    }
    let mut subjects: Vec<Subject> = order.iter().filter_map(|chart| by_chart.remove(chart)).collect();
    if subjects.is_empty() {
        let hint = "hint: name a chart, which is a directory with a `Chart.yaml`, or a directory that holds some";
        return Err(Invalid(format!("no chart to check\n{hint}")).into());
    }
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for subject in &mut subjects {
        let count = names.entry(subject.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            subject.name = format!("{}-{count}", subject.name);
        }
    }
    Ok(subjects)
}

/// What `Chart.yaml` says; nothing where it cannot be read, which helm says better.
fn description(chart: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(chart.join("Chart.yaml")).unwrap_or_default();
    chartgate_yaml::value(&text).unwrap_or_default()
}

/// Finds the versions that the subjects are upgraded from, and the charts that they depend on.
///
/// # Errors
/// If a chart that another one depends on cannot be had.
pub async fn prepare(subjects: &mut [Subject], helm: &Program) -> Result<Origins> {
    for subject in subjects.iter() {
        let chart = &subject.first_plan().chart;
        if chart.has_dependencies {
            dependency::build(&helm.path, &chart.path).await?;
        }
    }
    let mut plans: Vec<Plan> =
        subjects.iter().flat_map(|subject| subject.plans.iter().map(|(_, plan)| plan.clone())).collect();
    let origins = origin::resolve(&mut plans, &helm.path, None).await?;
    let mut resolved = plans.into_iter();
    for subject in subjects {
        for (_, plan) in &mut subject.plans {
            *plan = resolved.next().context("a plan was lost")?;
            let note = without_version_before(plan);
            subject.notes.extend(note.filter(|note| !subject.notes.contains(note)));
        }
    }
    Ok(origins)
}

/// Where there is no version before a chart, no upgrade from it is judged; gives what is said of that.
fn without_version_before(plan: &mut Plan) -> Option<String> {
    let is_missing = |origin: &Origin| origin.place == Place::Previous && origin.missing.is_some();
    if !plan.from.iter().all(is_missing) {
        return None;
    }
    let why = plan.from.first()?.missing.clone().unwrap_or_default();
    plan.begin_with_itself();
    plan.from.clear();
    Some(format!("no upgrade from a version before it was judged: {}", why.lines().next().unwrap_or_default()))
}
