//! The charts that a chart depends on: put into its `charts/` before it is rendered, as its own users do it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::tool::Tool;
use crate::yaml;

/// Charts are small, but they may come from far away.
const LIMIT: Duration = Duration::from_secs(300);
/// Where Helm 2 kept what `Chart.yaml` now holds; charts of `apiVersion: v1` still have it.
const REQUIREMENTS: &str = "requirements.yaml";
/// What helm notes of the versions that it chose, by the file that asks for them.
const LOCKS: [(&str, &str); 2] = [("Chart.yaml", "Chart.lock"), (REQUIREMENTS, "requirements.lock")];

/// Whether a chart's folder names charts besides those of its `Chart.yaml`.
pub fn has_requirements(chart: &Path) -> bool {
    !declared(chart, REQUIREMENTS).is_empty()
}

/// Puts the charts that a chart depends on into its `charts/`, as its lock file says, or as its `Chart.yaml` does without one.
/// Charts beside it (`file://`) get theirs first. What is there already needs no network.
///
/// # Errors
/// If helm cannot get one of them.
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
        let all = repositories(chart);
        // One that is not there is helm's to name.
        let beside =
            all.iter().filter_map(|repository| chart.join(repository.strip_prefix("file://")?).canonicalize().ok());
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
    let repositories = repositories(chart);
    let has_beside = repositories.iter().any(|repository| repository.starts_with("file://"));
    // A chart beside it may have changed; one that came from elsewhere has a version.
    if !has_beside && is_complete(helm, chart).await? {
        return Ok(());
    }
    let lock = LOCKS.iter().find(|(asks, _)| !declared(chart, asks).is_empty()).map(|(_, lock)| chart.join(lock));
    let is_locked = lock.as_ref().is_some_and(|lock| lock.exists());
    let verb = if is_locked { "build" } else { "update" };
    let is_remote = |repository: &String| !repository.is_empty() && !repository.starts_with("file://");
    let refresh = (!repositories.iter().any(is_remote)).then_some("--skip-refresh");
    let call = Tool::new("helm", helm).args(["dependency", verb]).args([chart]).args(refresh).deadline(LIMIT);
    let name = chart.display();
    call.run().await.with_context(|| format!("get the charts that `{name}` depends on"))?;
    // The chart's author keeps none, and one of ours would hold on to versions that the author has changed since.
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

/// Where each chart comes from that a chart depends on.
fn repositories(chart: &Path) -> Vec<String> {
    let all = LOCKS.iter().flat_map(|(asks, _)| declared(chart, asks));
    all.map(|dependency| dependency["repository"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The dependencies that a file of a chart names.
fn declared(chart: &Path, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(chart.join(file)).unwrap_or_default();
    // A `Chart.yaml` that does not parse is named when the chart is described.
    let parsed = yaml::value(&text).unwrap_or_default();
    parsed["dependencies"].as_array().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chart's folder with one text in it.
    fn chart(name: &str, file: &str, text: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("chartgate-dependency-{}", std::process::id())).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(file), text).unwrap();
        folder.canonicalize().unwrap()
    }

    /// A failure would mean that an umbrella chart does not render, because a chart under it lacks the templates that it shares.
    #[test]
    fn a_chart_beside_another_gets_its_own_first() {
        let on = |name: &str| format!("dependencies: [{{name: {name}, repository: \"file://../{name}\"}}]\n");
        let (part, roof) = (chart("part", "Chart.yaml", &on("shared")), chart("roof", "Chart.yaml", &on("part")));
        chart("shared", "Chart.yaml", "name: shared\n");
        assert_eq!(in_order(&roof), [part.clone(), roof]);
        // A circle has an end.
        chart("shared", "Chart.yaml", &on("part"));
        assert_eq!(in_order(&part).len(), 2);
    }

    /// A failure would mean that a chart of Helm 2's time is rendered without what it depends on.
    #[test]
    fn an_old_chart_names_its_dependencies_elsewhere() {
        let old = chart("old", REQUIREMENTS, "dependencies: [{name: a, repository: \"https://charts.example\"}]\n");
        assert!(has_requirements(&old));
        assert!(!has_requirements(&chart("new", "Chart.yaml", "dependencies: [{name: a}]\n")));
        assert_eq!(repositories(&old), ["https://charts.example"]);
    }
}
