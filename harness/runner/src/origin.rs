//! The versions of a chart that scenarios upgrade from: looked for once, before anything runs.
//!
//! One that cannot be had is no error: the plan says why, its scenario is not run, and the judge calls that void.

mod git;
mod next;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_model::plan::{Chart, Origin, Place, Plan};
use chartgate_process::home::{self, Environment};
use chartgate_process::tool::Tool;
use chartgate_scenario::{archive, chart_at, dependency, describe_chart};
use chartgate_yaml::Invalid;
use tempfile::TempDir;

use git::History;

/// An archive is small, but it may come from far away.
const LIMIT: Duration = Duration::from_secs(300);

/// The versions that were fetched; they are there for as long as this is.
#[derive(Debug)]
pub struct Origins {
    directory: TempDir,
    helm: PathBuf,
    ca_file: Option<PathBuf>,
    /// What was found for a place and a chart. The inner error is the reason why there is nothing.
    known: BTreeMap<(Place, PathBuf), Result<Found, String>>,
    /// The charts under their next version numbers, by their paths.
    next: BTreeMap<PathBuf, Chart>,
}

/// A version that was found.
#[derive(Clone, Debug)]
struct Found {
    chart: Chart,
    /// Which state of its place it is, where the place alone does not say it.
    state: Option<String>,
}

/// Looks for every version that a plan is upgraded from, with this helm, and notes in the plan what it found. `ca_file` holds certificates of
/// registries.
///
/// # Errors
/// If no folder can be made for what is fetched.
pub async fn resolve(plans: &mut [Plan], helm: &Path, ca_file: Option<&Path>) -> Result<Origins> {
    let directory = TempDir::with_prefix("chartgate-from-").context("make a directory for versions to upgrade from")?;
    let (helm, ca_file) = (helm.to_owned(), ca_file.map(Path::to_owned));
    let mut origins = Origins { directory, helm, ca_file, known: BTreeMap::new(), next: BTreeMap::new() };
    for plan in plans {
        let chart = plan.chart.clone();
        for origin in &mut plan.from {
            match origins.find(&origin.place, &chart).await? {
                Ok(found) => (origin.chart, origin.found) = (Some(found.chart), found.state),
                Err(why) => origin.missing = Some(why),
            }
        }
        expire_first_release(plan).await;
        if plan.steps.iter().any(|step| step.is_next_version) {
            plan.next = Some(origins.next(&plan.chart)?);
        }
    }
    Ok(origins)
}

/// A first release has no version before it, so its scenarios begin with itself; the chart's first tag ends that.
async fn expire_first_release(plan: &mut Plan) {
    let is_lacking = |origin: &Origin| origin.place == Place::Previous && origin.missing.is_some();
    if !plan.is_first_release || !plan.from.iter().any(is_lacking) {
        return;
    }
    let tag = match History::of_chart(&plan.chart).await {
        Ok(history) => history.tag_of(&plan.chart.name).await,
        // No git, no tag.
        Err(_) => None,
    };
    let Some(tag) = tag else { return plan.begin_with_itself() };
    plan.is_first_release = false;
    for origin in plan.from.iter_mut().filter(|origin| is_lacking(origin)) {
        let why = origin.missing.take().unwrap_or_default();
        origin.missing = Some(format!("{why}\nthe contract's `first-release` ended with the tag `{tag}`"));
    }
}

impl Origins {
    /// The chart under its next version number. What it depends on is in its place already.
    fn next(&mut self, chart: &Chart) -> Result<Chart> {
        if let Some(known) = self.next.get(&chart.path) {
            return Ok(known.clone());
        }
        let made = next::make(chart, &self.directory.path().join(format!("next-{}", self.next.len())))?;
        self.next.insert(chart.path.clone(), made.clone());
        Ok(made)
    }

    async fn find(&mut self, place: &Place, chart: &Chart) -> Result<Result<Found, String>> {
        let key = (place.clone(), chart.path.clone());
        if let Some(found) = self.known.get(&key) {
            return Ok(found.clone());
        }
        let folder = self.directory.path().join(self.known.len().to_string());
        std::fs::create_dir_all(&folder).with_context(|| format!("make the folder `{}`", folder.display()))?;
        let found = self.fetch(place, chart, &folder).await.map_err(|error| format!("{error:#}"));
        self.known.insert(key, found.clone());
        Ok(found)
    }

    async fn fetch(&self, place: &Place, chart: &Chart, folder: &Path) -> Result<Found> {
        let found = match place {
            Place::Previous => {
                let history = History::of_chart(chart).await?;
                let commit = history.previous(chart).await?;
                let state = Some(format!("git {}", short(&commit)));
                Found { chart: history.extract(&commit, folder).await?, state }
            }
            Place::Git(reference) => {
                let history = History::of_chart(chart).await?;
                let commit = history.commit(reference).await?;
                let state = (!commit.starts_with(reference.as_str())).then(|| short(&commit).to_owned());
                Found { chart: history.extract(&commit, folder).await?, state }
            }
            Place::Registry(reference) => Found { chart: self.pull(reference, folder).await?, state: None },
            Place::Path(path) => Found { chart: self.describe(path).await?, state: None },
        };
        if found.chart.has_dependencies {
            dependency::build(&self.helm, &found.chart.path).await?;
        }
        Ok(found)
    }

    /// Fetches a chart from a registry.
    async fn pull(&self, reference: &str, folder: &Path) -> Result<Chart> {
        pull(&self.helm, reference, folder, &[], self.ca_file.as_deref()).await?;
        let mut files = folder.read_dir().context("read what was pulled")?.flatten().map(|entry| entry.path());
        let archive = files.find(|path| path.extension().is_some_and(|ending| ending == "tgz"));
        self.describe(&archive.with_context(|| format!("`helm pull` left no archive of `{reference}`"))?).await
    }

    /// What a folder or an archive says of itself.
    async fn describe(&self, path: &Path) -> Result<Chart> {
        if path.is_dir() {
            return describe_chart(path);
        }
        anyhow::ensure!(path.exists(), "there is no `{}`", path.display());
        let shown = Tool::new("helm", &self.helm).args(["show", "chart"]).args([path]).run().await?;
        // An archive holds the charts that it depends on.
        Ok(Chart { has_dependencies: false, ..chart_at(path.canonicalize()?, &shown.stdout)? })
    }
}

/// A chart under test that was pulled from a registry; it is there for as long as this is.
#[derive(Debug)]
pub struct Pulled {
    _directory: TempDir,
    chart: PathBuf,
}

impl Pulled {
    /// Pulls the chart that an `oci://` reference names, with this major version of helm; `None` for what is a path.
    ///
    /// # Errors
    /// [`Environment`] if it cannot be had.
    pub async fn of(chart: Option<&Path>, helm: &str) -> Result<Option<Self>> {
        let Some(chart) = chart.filter(|chart| is_reference(chart)) else { return Ok(None) };
        let program = home::helm(helm)?;
        Self::with(chart, &program).await
    }

    /// Fetches or unpacks a chart that is no directory, with this helm: an `oci://` reference or an archive; `None` for what is a path
    /// of another kind.
    ///
    /// # Errors
    /// [`Environment`] if it cannot be had.
    pub async fn with(chart: &Path, program: &Path) -> Result<Option<Self>> {
        let is_archive = chart.extension().is_some_and(|ending| ending == "tgz") && chart.is_file();
        if !is_archive && !is_reference(chart) {
            return Ok(None);
        }
        let reference = &chart.display().to_string();
        let directory = TempDir::with_prefix("chartgate-chart-").context("make a directory for the chart")?;
        let missing = || Environment::new(format!("cannot pull `{reference}`"));
        if is_archive {
            let package = std::fs::read(chart).with_context(|| Invalid(format!("cannot read `{reference}`")))?;
            archive::unpack(&package, reference, directory.path())?;
        } else {
            pull(program, reference, directory.path(), &["--untar"], None).await.with_context(missing)?;
        }
        let entries = directory.path().read_dir().context("read what was pulled")?.flatten().map(|entry| entry.path());
        let chart = entries.into_iter().find(|path| path.join("Chart.yaml").exists());
        let chart = chart.with_context(|| Invalid(format!("`{reference}` holds no chart")))?;
        Ok(Some(Self { _directory: directory, chart }))
    }

    /// The chart's folder.
    pub fn chart(&self) -> &Path {
        &self.chart
    }
}

fn is_reference(chart: &Path) -> bool {
    chart.to_str().is_some_and(|text| text.starts_with("oci://"))
}

/// Fetches a chart from a registry into a folder, with the user's own logins.
async fn pull(helm: &Path, reference: &str, folder: &Path, options: &[&str], ca_file: Option<&Path>) -> Result<()> {
    let (name, version) = split_version(reference);
    let destination = folder.display().to_string();
    let mut args = vec!["pull", name, "--destination", &destination, "--untardir", &destination];
    args.extend(options);
    if let Some(version) = version {
        args.extend(["--version", version]);
    }
    // As Docker does it: a registry on this machine needs no certificate.
    if ca_file.is_none() && ["localhost", "127.0.0.1"].contains(&host(name)) {
        args.push("--plain-http");
    }
    let call = Tool::new("helm", helm).args(args);
    let call = ca_file.iter().fold(call, |call, file| call.args(["--ca-file"]).args([file]));
    call.deadline(LIMIT).run().await.map(drop)
}

fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}

/// The reference without its `:VERSION`, and that. A port is no version, nor is a digest.
fn split_version(reference: &str) -> (&str, Option<&str>) {
    let is_digest = reference.contains('@');
    match reference.rsplit_once(':') {
        Some((name, version)) if !is_digest && !version.contains('/') => (name, Some(version)),
        _ => (reference, None),
    }
}

/// The host of an `oci://` reference, without its port.
fn host(reference: &str) -> &str {
    let rest = reference.trim_start_matches("oci://");
    rest.split(['/', ':']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests;
