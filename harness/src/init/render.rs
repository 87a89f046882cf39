//! What a chart renders with each set of values that its author keeps for tests.

use std::path::{Path, PathBuf};

use anyhow::Result;
use chartgate_k8s::typed::Object;
use chartgate_model::plan::{Action, Plan, Step};
use chartgate_process::home;
use chartgate_redact::Redactor;
use chartgate_runner::helm::Helm;
use chartgate_scenario::Overrides;
use chartgate_scenario::dependency;
use chartgate_yaml::Invalid;
use serde_json::json;

use chartgate_model::refusal::Refusal;

/// Where the release would be: a word that shows where the chart puts the namespace's name.
pub const NAMESPACE: &str = "chartgate-init";

/// A chart, rendered with one set of values.
pub struct Render {
    /// The chart's name.
    pub chart: String,
    /// The release's name.
    pub release: String,
    /// What the values are called: the file's name without `-values.yaml`, or `defaults`.
    pub name: String,
    /// The values file; `None`: the chart's defaults.
    pub file: Option<PathBuf>,
    /// The rendered objects, hooks and definitions included.
    pub objects: Vec<Object>,
}

/// Renders a chart with each of its `ci/*-values.yaml`, or with its defaults, as a first install.
///
/// # Errors
/// [`Invalid`] if the chart is none, or does not render with one of them.
pub async fn all(chart: &Path, helm: &str) -> Result<Vec<Render>> {
    let overrides = Overrides { chart: Some(chart.to_owned()), ..Overrides::default() };
    let plans = chartgate_scenario::plans(&[], &overrides)?;
    let version = home::helm_version(helm)?;
    if plans.iter().any(|plan| plan.chart.has_dependencies) {
        dependency::build(&home::tool("helm", version)?, chart).await?;
    }
    let helm = Helm::new(version, &home::kubernetes_release(&home::kubernetes()?), NAMESPACE, Redactor::default())?;
    let mut renders = Vec::new();
    // What the chart is called in one more scenario is no set of values.
    for plan in plans.into_iter().filter(|plan| !plan.is_own_name) {
        let rendered = helm.template(&plan, &Step::new(Action::Install), &json!({})).await?;
        let manifest = rendered.map_err(|refusal| Invalid(refused(&plan, &refusal)))?;
        let name = plan.name.rsplit('/').next().unwrap_or_default().to_owned();
        let file = plan.base_files.into_iter().next();
        let objects = manifest.objects.into_iter().map(Object::from).collect();
        renders.push(Render { chart: plan.chart.name, release: plan.release, name, file, objects });
    }
    Ok(renders)
}

fn refused(plan: &Plan, refusal: &str) -> String {
    if let Some(file) = plan.base_files.first() {
        format!("the chart does not render with `{}`: {}", file.display(), Refusal::of(refusal).sentence)
    } else {
        let hint = "hint: give the chart a `ci/NAME-values.yaml` with what a user must set";
        format!("the chart does not render with its defaults: {}\n{hint}", Refusal::of(refusal).sentence)
    }
}
