//! The charts that a chart depends on: put into its `charts/` before it is rendered, as its own users do it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_k8s::typed::decode;
use chartgate_process::home::{Environment, unless_environment};
use chartgate_process::tool::Tool;
use chartgate_yaml::Invalid;
use serde::Deserialize;

/// Charts are small, but they may come from far away.
const LIMIT: Duration = Duration::from_secs(300);
/// Where Helm 2 kept what `Chart.yaml` now holds; charts of `apiVersion: v1` still have it.
const REQUIREMENTS: &str = "requirements.yaml";
/// What helm notes of the versions that it chose, by the file that asks for them.
const LOCKS: [(&str, &str); 2] = [("Chart.yaml", "Chart.lock"), (REQUIREMENTS, "requirements.lock")];

/// The part of `Chart.yaml` or `requirements.yaml` that names other charts.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Dependent {
    dependencies: Vec<Dependency>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Dependency {
    name: Option<String>,
    /// Where the chart comes from; empty where that is not said.
    repository: String,
}

/// Whether a chart's folder names charts besides those of its `Chart.yaml`.
pub fn has_requirements(chart: &Path) -> bool {
    !declared(chart, REQUIREMENTS).is_empty()
}

/// Puts the charts that a chart depends on into its `charts/`, as its lock file says, or as its `Chart.yaml` does without one.
/// Charts beside it (`file://`) get theirs first. What is there already needs no network, and what is unpacked there is the author's:
/// it stays as it is.
///
/// # Errors
/// [`Environment`] if one of them could not be fetched, [`Invalid`] if one is to be beside the chart and is not.
pub async fn build(helm: &Path, chart: &Path) -> Result<()> {
    for chart in in_order(chart) {
        build_one(helm, &chart).await?;
    }
    Ok(())
}

/// A chart and those beside it that it depends on, each after its own. One that depends on itself is helm's to refuse.
fn in_order(chart: &Path) -> Vec<PathBuf> {
    fn visit(chart: &Path, known: &mut BTreeSet<PathBuf>, ordered: &mut Vec<PathBuf>) {
        if !known.insert(chart.to_owned()) {
            return;
        }
        let all = dependencies(chart);
        // One that is not there is helm's to name.
        let beside = all.iter().filter(|it| !is_unpacked(chart, it)).filter_map(|it| beside(chart, it));
        beside.for_each(|chart| visit(&chart, known, ordered));
        if !all.is_empty() {
            ordered.push(chart.to_owned());
        }
    }
    let mut ordered = Vec::new();
    visit(chart, &mut BTreeSet::new(), &mut ordered);
    ordered
}

async fn build_one(helm: &Path, chart: &Path) -> Result<()> {
    let dependencies = dependencies(chart);
    // A chart beside it may have changed since it was packed; one that came from elsewhere has a version.
    let may_be_old = dependencies.iter().any(|it| !is_unpacked(chart, it) && beside(chart, it).is_some());
    if !may_be_old && is_complete(helm, chart).await? {
        return Ok(());
    }
    let lock = LOCKS.iter().find(|(asks, _)| !declared(chart, asks).is_empty()).map(|(_, lock)| chart.join(lock));
    let is_locked = lock.as_ref().is_some_and(|lock| lock.exists());
    let verb = if is_locked { "build" } else { "update" };
    let is_remote = dependencies.iter().any(|it| !it.repository.is_empty() && !it.repository.starts_with("file://"));
    let refresh = (!is_remote).then_some("--skip-refresh");
    let call = Tool::new("helm", helm).args(["dependency", verb]).args([chart]).args(refresh).deadline(LIMIT);
    let explained = |error: &anyhow::Error| {
        let what = format!("the charts that `{}` depends on could not be fetched: {error:#}", chart.display());
        if is_remote {
            let hint = "`helm dependency build` must work here; an archive in the chart's `charts/` needs no network";
            anyhow::Error::from(Environment::hinted(what, hint))
        } else {
            Invalid(format!("{what}\nhint: put what `file://` names beside the chart, or into its `charts/`")).into()
        }
    };
    call.run().await.map_err(|error| unless_environment(error, explained))?;
    // The chart's author keeps none, and one that chartgate made would hold on to versions that the author has changed since.
    if let Some(lock) = lock.filter(|_| !is_locked) {
        std::fs::remove_file(&lock).with_context(|| format!("remove `{}`, which helm made", lock.display()))?;
    }
    Ok(())
}

/// Whether `charts/` holds all that the chart asks for, in versions that fit.
async fn is_complete(helm: &Path, chart: &Path) -> Result<bool> {
    let listed = Tool::new("helm", helm).args(["dependency", "list"]).args([chart]).run().await?;
    let mut states = listed.stdout.lines().skip(1).filter_map(|line| line.split_whitespace().last());
    Ok(states.all(|state| ["ok", "unpacked"].contains(&state)))
}

/// The charts that a chart depends on, as it names them.
fn dependencies(chart: &Path) -> Vec<Dependency> {
    LOCKS.iter().flat_map(|(asks, _)| declared(chart, asks)).collect()
}

/// The folder of a chart that is to be beside the one which depends on it; `None`: it comes from elsewhere, or is not there.
fn beside(chart: &Path, dependency: &Dependency) -> Option<PathBuf> {
    chart.join(dependency.repository.strip_prefix("file://")?).canonicalize().ok()
}

/// Whether the author keeps a dependency as a folder in `charts/`.
fn is_unpacked(chart: &Path, dependency: &Dependency) -> bool {
    let name = dependency.name.as_ref();
    name.is_some_and(|name| chart.join("charts").join(name).join("Chart.yaml").exists())
}

/// The dependencies that a file of a chart names.
fn declared(chart: &Path, file: &str) -> Vec<Dependency> {
    let text = std::fs::read_to_string(chart.join(file)).unwrap_or_default();
    // A `Chart.yaml` that does not parse is named when the chart is described.
    decode::<Dependent>(&chartgate_yaml::value(&text).unwrap_or_default()).dependencies
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// Charts beside each other.
    struct Charts(TempDir);

    impl Charts {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        /// A chart's directory with one text in it.
        fn chart(&self, name: &str, file: &str, text: &str) -> PathBuf {
            let directory = self.0.path().join(name);
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join(file), text).unwrap();
            directory.canonicalize().unwrap()
        }
    }

    /// A failure would mean that an umbrella chart does not render, because a chart under it lacks the templates that it shares.
    #[test]
    fn a_chart_beside_another_gets_its_own_first() {
        let charts = Charts::new();
        let on = |name: &str| format!("dependencies: [{{name: {name}, repository: \"file://../{name}\"}}]\n");
        let (part, roof) =
            (charts.chart("part", "Chart.yaml", &on("shared")), charts.chart("roof", "Chart.yaml", &on("part")));
        charts.chart("shared", "Chart.yaml", "name: shared\n");
        assert_eq!(in_order(&roof), [part.clone(), roof]);
        // A circle has an end.
        charts.chart("shared", "Chart.yaml", &on("part"));
        assert_eq!(in_order(&part).len(), 2);
    }

    /// A failure would mean that what an author keeps in `charts/` is replaced, or missed where its origin is elsewhere.
    #[test]
    fn an_unpacked_chart_is_the_authors() {
        let charts = Charts::new();
        let on = "dependencies: [{name: kept, repository: \"file://../gone\"}]\n";
        let holder = charts.chart("holder", "Chart.yaml", on);
        assert!(!is_unpacked(&holder, &dependencies(&holder)[0]));
        charts.chart("holder/charts/kept", "Chart.yaml", "name: kept\n");
        assert!(is_unpacked(&holder, &dependencies(&holder)[0]));
        assert_eq!(in_order(&holder), std::slice::from_ref(&holder));
    }

    /// A failure would mean that a chart of Helm 2's time is rendered without what it depends on.
    #[test]
    fn an_old_chart_names_its_dependencies_elsewhere() {
        let charts = Charts::new();
        let old =
            charts.chart("old", REQUIREMENTS, "dependencies: [{name: a, repository: \"https://charts.example\"}]\n");
        assert!(has_requirements(&old));
        assert!(!has_requirements(&charts.chart("new", "Chart.yaml", "dependencies: [{name: a}]\n")));
        assert_eq!(
            dependencies(&old).iter().map(|it| it.repository.as_str()).collect::<Vec<_>>(),
            ["https://charts.example"]
        );
    }
}
