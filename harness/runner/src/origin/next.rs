//! The chart as it is, under the version number that would come after its own.

use std::path::Path;

use anyhow::{Context, Result};
use chartgate_model::plan::Chart;
use chartgate_scenario::describe_chart;

/// Copies a chart into a directory, and raises the version in its `Chart.yaml`: all that an upgrade to it changes is what the chart
/// makes of that number.
pub(super) fn make(chart: &Chart, directory: &Path) -> Result<Chart> {
    let copy = directory.join(&chart.name);
    copy_all(&chart.path, &copy).with_context(|| format!("copy `{}`", chart.path.display()))?;
    let description = copy.join("Chart.yaml");
    let text = std::fs::read_to_string(&description).context("read the copy's `Chart.yaml`")?;
    let version = next(&chart.version);
    let lines = text
        .lines()
        .map(|line| if line.starts_with("version:") { format!("version: {version}") } else { line.to_owned() });
    std::fs::write(&description, lines.collect::<Vec<_>>().join("\n") + "\n")
        .context("write the copy's `Chart.yaml`")?;
    let described = describe_chart(&copy)?;
    anyhow::ensure!(described.version == version, "cannot change the version in `{}`", description.display());
    Ok(Chart { has_dependencies: false, ..described })
}

/// The patch version after this one (Semantic Versioning).
fn next(version: &str) -> String {
    let core = version.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    let mut numbers = core.split('.').map(|number| number.parse::<u64>().unwrap_or_default());
    let mut number = || numbers.next().unwrap_or_default();
    let (major, minor, patch) = (number(), number(), number());
    format!("{major}.{minor}.{}", patch + 1)
}

/// Copies a directory with what links in it lead to.
fn copy_all(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in from.read_dir()? {
        let path = entry?.path();
        let copy = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_all(&path, &copy)?;
        } else if path.exists() {
            std::fs::copy(&path, &copy)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a plain run upgrades to a version that helm refuses, or to the same one.
    #[test]
    fn the_next_version_is_a_patch_higher() {
        for (version, expected) in [("1.2.3", "1.2.4"), ("v0.9.0-rc.1+x", "0.9.1"), ("7", "7.0.1"), ("", "0.0.1")] {
            assert_eq!(next(version), expected);
        }
    }

    /// A failure would mean that the copy is another chart, or that the chart itself is changed.
    #[test]
    fn the_copy_differs_in_its_version_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path();
        let own = directory.join("own");
        std::fs::create_dir_all(own.join("templates")).unwrap();
        std::fs::write(
            own.join("Chart.yaml"),
            "apiVersion: v2\nname: shop\nversion: \"1.2.3\" # ours\nappVersion: v7\n",
        )
        .unwrap();
        std::fs::write(own.join("templates/a.yaml"), "a: b\n").unwrap();
        let made = make(&describe_chart(&own).unwrap(), &directory.join("next")).unwrap();
        let copied = std::fs::read_to_string(made.path.join("templates/a.yaml")).unwrap();
        let before = describe_chart(&own).unwrap();
        assert_eq!((made.version.as_str(), made.app_version.as_deref()), ("1.2.4", Some("v7")));
        assert_eq!((copied.as_str(), before.version.as_str()), ("a: b\n", "1.2.3"));
    }
}
