//! A release: packages a chart, lets that package be judged, and publishes it with the verdict if it is a pass.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_process::home;
use chartgate_release::{
    Attestation, Judged, Package, PrivateKey, Published, Registry, Standing, Statement, publish, source, standing,
};
use chartgate_report::Report;
use chartgate_scenario::{archive, dependency, describe_chart};
use tempfile::TempDir;

/// What is asked of a release.
#[derive(Debug)]
pub struct Wanted {
    /// The chart's directory.
    pub chart: PathBuf,
    /// In place of its own.
    pub version: Option<String>,
    /// In place of its own.
    pub app_version: Option<String>,
    /// Also from a tree that has changes which are in no commit.
    pub allow_dirty: bool,
    /// Helm's major version.
    pub helm: String,
}

/// A package that is about to be judged. Its directory is there for as long as this.
pub struct Prepared {
    /// It itself.
    pub package: Package,
    /// What the registry knows of its version.
    pub standing: Standing,
    directory: TempDir,
    chart: PathBuf,
}

/// What became of it.
#[derive(Debug)]
pub enum Released {
    /// The verdict is red: nothing was published.
    Refused,
    /// It would have been published.
    Rehearsed,
    /// It is published.
    Published(Published),
}

/// Packages a chart and looks whether its version is free.
///
/// # Errors
/// [`Invalid`](chartgate_yaml::Invalid) if this chart, or this version of it, is not to be released.
pub async fn prepare(wanted: &Wanted, registry: &Registry) -> Result<Prepared> {
    let helm = home::helm(&wanted.helm)?;
    let described = describe_chart(&wanted.chart)?;
    let version = wanted.version.as_deref().unwrap_or(&described.version);
    source::check(&wanted.chart, &described.name, version, wanted.allow_dirty).await?;
    dependency::build(&helm, &wanted.chart).await?;
    let package = Package::make(&helm, &wanted.chart, wanted.version.as_deref(), wanted.app_version.as_deref()).await?;
    let standing = standing(registry, &package).await?;
    let directory = TempDir::with_prefix("chartgate-release-").context("make a directory for the package")?;
    let chart = archive::unpack(&package.bytes, &package.file_name(), directory.path())?;
    Ok(Prepared { package, standing, directory, chart })
}

impl Prepared {
    /// The chart as the package holds it: what is to be judged.
    pub fn chart(&self) -> &Path {
        &self.chart
    }

    /// Where it is for a while.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Publishes the package if its verdict is a pass, and leaves it with its attestation in a directory. Without a key nobody signs.
    ///
    /// # Errors
    /// That the registry refuses something, or a file cannot be written.
    pub async fn finish(
        &self,
        report: Report,
        key: Option<&PrivateKey>,
        registry: &Registry,
        out: &Path,
        is_rehearsal: bool,
    ) -> Result<Released> {
        if report.verdict.is_red() {
            return Ok(Released::Refused);
        }
        let result = Judged::of(report)?.test_result()?;
        let statement = Statement::new(self.standing.subjects(registry, &self.package), result);
        let attestation = Attestation::of(&statement, key)?;
        self.write(&attestation, out)?;
        if is_rehearsal {
            return Ok(Released::Rehearsed);
        }
        publish(registry, &self.package, &self.standing, &attestation).await.map(Released::Published)
    }

    /// The package and its attestation as files.
    fn write(&self, attestation: &Attestation, out: &Path) -> Result<()> {
        let package = self.package.file_name();
        let beside = format!("{package}{}", attestation.form.file_ending());
        for (name, bytes) in [(package, &self.package.bytes), (beside, &attestation.bytes)] {
            let path = out.join(name);
            std::fs::write(&path, bytes).with_context(|| format!("write `{}`", path.display()))?;
        }
        Ok(())
    }
}
