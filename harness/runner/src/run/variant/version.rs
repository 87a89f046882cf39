//! A chart's next version: a copy of it that differs in nothing but `version` and `appVersion`, and so do the charts in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_process::tool::Tool;
use serde_json::{Value, json};

/// Where charts say which charts they depend on.
const DESCRIPTIONS: [&str; 2] = ["Chart.yaml", "requirements.yaml"];
/// Every version, also one before a release.
const ANY_VERSION: &str = ">=0.0.0-0";

/// A copy of a chart with raised versions.
pub struct Raised {
    pub path: PathBuf,
    pub version: String,
    pub app_version: Option<String>,
}

/// Copies a chart, or what its archive holds, into a folder, and raises its versions.
pub async fn raised(chart: &Path, into: &Path) -> Result<Raised> {
    let path = if chart.is_dir() {
        let path = into.join("chart");
        copy(chart, &path)?;
        path
    } else {
        unpack(chart, into).await?;
        charts_in(into).pop().with_context(|| format!("`{}` holds no chart", chart.display()))?
    };
    let mut charts = vec![path.clone()];
    while let Some(chart) = charts.pop() {
        let inner = chart.join("charts");
        for archive in archives_in(&inner) {
            unpack(&archive, &inner).await?;
            std::fs::remove_file(&archive).with_context(|| format!("remove `{}`", archive.display()))?;
        }
        charts.extend(charts_in(&inner));
        for description in DESCRIPTIONS {
            change(&chart.join(description), raise)?;
        }
    }
    let described = read(&path.join(DESCRIPTIONS[0]))?;
    let text = |key: &str| described[key].as_str().map(str::to_owned);
    Ok(Raised { version: text("version").unwrap_or_default(), app_version: text("appVersion"), path })
}

/// Raises what a description holds of versions. A chart in it has another one than was asked for, and is to be taken still.
fn raise(description: &mut Value) {
    for key in ["version", "appVersion"] {
        if let Some(version) = description[key].as_str() {
            description[key] = json!(next(version));
        }
    }
    for dependency in description["dependencies"].as_array_mut().into_iter().flatten() {
        dependency["version"] = json!(ANY_VERSION);
    }
}

/// The version after this one: the next patch, or the last number in it raised. What holds no number, such as `latest`, stays.
fn next(version: &str) -> String {
    let plain = version.strip_prefix('v').unwrap_or(version);
    if let Ok(mut semantic) = semver::Version::parse(plain) {
        semantic.patch += 1;
        return format!("{}{semantic}", &version[..version.len() - plain.len()]);
    }
    let Some(end) = version.rfind(|c: char| c.is_ascii_digit()).map(|last| last + 1) else { return version.to_owned() };
    let start = version[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |before| before + 1);
    let raised = version[start..end].parse::<u64>().map_or_else(|_| "0".to_owned(), |number| (number + 1).to_string());
    format!("{}{raised:0>width$}{}", &version[..start], &version[end..], width = end - start)
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read `{}`", path.display()))?;
    chartgate_yaml::value(&text).with_context(|| format!("read `{}`", path.display()))
}

fn change(path: &Path, change: impl Fn(&mut Value)) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let mut value = read(path)?;
    change(&mut value);
    // JSON is YAML, and leaves no doubt what is a text.
    std::fs::write(path, value.to_string()).with_context(|| format!("write `{}`", path.display()))
}

async fn unpack(archive: &Path, into: &Path) -> Result<()> {
    Tool::on_path("tar").args([Path::new("-xzf"), archive, Path::new("-C"), into]).run().await.map(drop)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn charts_in(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.join(DESCRIPTIONS[0]).exists()).collect()
}

fn archives_in(folder: &Path) -> Vec<PathBuf> {
    entries(folder).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "tgz")).collect()
}

/// Copies a folder; what a link in it leads to becomes part of it, as helm reads it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("make the folder `{}`", to.display()))?;
    for entry in entries(from) {
        let name = entry.file_name().unwrap_or_default();
        if entry.is_dir() && name != ".git" {
            copy(&entry, &to.join(name))?;
        } else if entry.is_file() {
            std::fs::copy(&entry, to.join(name)).with_context(|| format!("copy `{}`", entry.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a chart is said to survive its next version, though it was rendered with the same one.
    #[test]
    fn the_next_version_is_another_one() {
        let cases = [
            ("0.1.0", "0.1.1"),
            ("1.2.3-rc.1", "1.2.4-rc.1"),
            ("v2.0.0", "v2.0.1"),
            ("1.0", "1.1"),
            ("2024-01-09", "2024-01-10"),
            ("15", "16"),
            ("sha-4f", "sha-5f"),
            ("latest", "latest"),
        ];
        for (version, expected) in cases {
            assert_eq!(next(version), expected);
        }
    }

    /// A failure would mean that the original is changed, or that a chart in the chart keeps its version or is left out.
    #[tokio::test]
    async fn a_copy_has_raised_versions_through_all_its_charts() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().to_owned();
        let (chart, inner) = (folder.join("own"), folder.join("own/charts/db"));
        std::fs::create_dir_all(&inner).unwrap();
        let described = "name: own\nversion: 1.0.0\nappVersion: '7'\ndependencies: [{name: db, version: 2.0.0}]\n";
        std::fs::write(chart.join("Chart.yaml"), described).unwrap();
        std::fs::write(inner.join("Chart.yaml"), "name: db\nversion: 2.0.0\n").unwrap();
        let into = folder.join("into");
        let packed = folder.join("into/charts.tgz");
        std::fs::create_dir_all(&into).unwrap();
        Tool::on_path("tar")
            .args(["-czf"])
            .args([&packed])
            .args(["-C"])
            .args([chart.join("charts")])
            .args(["db"])
            .run()
            .await
            .unwrap();
        std::fs::rename(&packed, chart.join("charts/db-2.0.0.tgz")).unwrap();
        std::fs::remove_dir_all(&inner).unwrap();
        let raised = raised(&chart, &into).await.unwrap();
        assert_eq!((raised.version.as_str(), raised.app_version.as_deref()), ("1.0.1", Some("8")));
        assert_eq!(read(&raised.path.join("Chart.yaml")).unwrap()["dependencies"][0]["version"], ANY_VERSION);
        assert_eq!(read(&raised.path.join("charts/db/Chart.yaml")).unwrap()["version"], "2.0.1");
        assert_eq!(std::fs::read_to_string(chart.join("Chart.yaml")).unwrap(), described);
    }
}
