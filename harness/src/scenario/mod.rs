//! Scenario and contract files, and how the two become a [`Plan`].

mod contract;
mod file;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::plan::{Action, Backing, Chart, Expect, Image, Neighbour, Plan, Step, Waiver};
use crate::yaml::{Invalid, Source, nearest};
use contract::{ContractFile, check_backing};
use file::{ScenarioFile, StepFile};

pub use values::{fill, merge, set_path};

/// File name of the contract beside the scenarios.
const CONTRACT: &str = "contract.yaml";

/// Where a chart may carry scenarios and a contract of its own.
const CHART_SCENARIOS: &str = "ci/chartgate";

/// Helm's default, five minutes, is what users wait for; a scenario may change it.
const DEFAULT_TIMEOUT_SECONDS: u64 = 300;

/// Helm's limit for a release's name.
const RELEASE_NAME_LIMIT: usize = 53;

/// An image of the user's in place of one that the contract names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageOverride {
    /// The contract's name of the image.
    pub name: String,
    /// The contract's name of the version; `None`: every version.
    pub version: Option<String>,
    /// Repository.
    pub repository: String,
    /// Tag; `None`: the versions keep the contract's.
    pub tag: Option<String>,
}

impl std::str::FromStr for ImageOverride {
    type Err = String;

    /// `NAME[@VERSION]=REPOSITORY[:TAG]`
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').filter(|(name, image)| !name.is_empty() && !image.is_empty());
        let (name, image) = parts.ok_or("expected NAME=REPOSITORY:TAG or NAME@VERSION=REPOSITORY:TAG")?;
        let (name, version) = name.split_once('@').map_or((name, None), |(name, version)| (name, Some(version)));
        // A colon before the last slash belongs to the registry's port.
        let start = image.rfind('/').map_or(0, |slash| slash + 1);
        let (repository, tag) = match image[start..].split_once(':') {
            Some((last, tag)) => (format!("{}{last}", &image[..start]), Some(tag.to_owned())),
            None => (image.to_owned(), None),
        };
        Ok(Self { name: name.to_owned(), version: version.map(str::to_owned), repository, tag })
    }
}

impl ImageOverride {
    fn apply(&self, images: &mut BTreeMap<String, Image>) -> Result<()> {
        let known = images.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let Some(image) = images.get_mut(&self.name) else {
            return Err(Invalid(format!(
                "`--image {}=…` names no image of the contract; known are {known}",
                self.name
            ))
            .into());
        };
        image.repository = Some(self.repository.clone());
        for (version, tag) in &mut image.versions {
            if let Some(own) =
                self.tag.as_ref().filter(|_| self.version.as_ref().is_none_or(|chosen| chosen == version))
            {
                tag.clone_from(own);
            }
        }
        match self.version.as_ref().filter(|chosen| !image.versions.contains_key(*chosen)) {
            Some(chosen) => Err(Invalid(format!("the image `{}` has no version `{chosen}`", self.name)).into()),
            None => Ok(()),
        }
    }
}

/// What a user changes from outside: the chart under suspicion, its values.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// A chart that replaces the contract's.
    pub chart: Option<PathBuf>,
    /// Values files above all of the scenario's.
    pub values_files: Vec<PathBuf>,
    /// `--set` arguments above everything.
    pub set: Vec<String>,
    /// Images in place of the contract's.
    pub images: Vec<ImageOverride>,
    /// Waivers do not count.
    pub no_waivers: bool,
}

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
        return Ok(vec![plain(&described, "defaults", None, overrides)]);
    }
    let name = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().replace("-values.yaml", "");
    files
        .into_iter()
        .map(|file| {
            let absolute = file.canonicalize().with_context(|| format!("resolve `{}`", file.display()))?;
            Ok(plain(&described, &name(&file), Some(absolute), overrides))
        })
        .collect()
}

/// What can be proven of a chart that promises nothing: it installs, and the same again changes nothing and breaks nothing.
fn plain(chart: &Chart, name: &str, values: Option<PathBuf>, overrides: &Overrides) -> Plan {
    let step = |action, is_again| Step {
        action,
        values: json!({}),
        expect: Expect::Succeeds,
        timeout_seconds: DEFAULT_TIMEOUT_SECONDS,
        is_again,
    };
    Plan {
        name: format!("{}/{name}", chart.name),
        description: format!(
            "{} installs with its {name} values, and the same upgrade again changes nothing.",
            chart.name
        ),
        release: chart.name.clone(),
        chart: chart.clone(),
        values: json!({}),
        values_files: values.into_iter().chain(overrides.values_files.iter().cloned()).collect(),
        set: overrides.set.clone(),
        backing: BTreeMap::new(),
        neighbour: None,
        secrets: BTreeMap::new(),
        roles: BTreeMap::new(),
        hooks: BTreeMap::new(),
        images: BTreeMap::new(),
        absent: Vec::new(),
        strict: false,
        binding: Vec::new(),
        waivers: Vec::new(),
        steps: vec![step(Action::Install, false), step(Action::Upgrade, true)],
    }
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

/// Reads a scenario and its contract, and merges them into a plan.
///
/// # Errors
/// [`Invalid`] for every mistake in the files or the overrides.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Plan> {
    let source = Source::read(path)?;
    let scenario: ScenarioFile = source.parse()?;
    let in_chart = overrides.chart.as_ref().map(|chart| chart.join(CHART_SCENARIOS).join(CONTRACT));
    let mut contracts = [Some(path.with_file_name(CONTRACT)), in_chart].into_iter().flatten();
    let contract_path = contracts.find(|path| path.exists());
    let contract_source = contract_path.map(|path| Source::read(&path)).transpose()?;
    let contract: ContractFile = contract_source.as_ref().map(Source::parse).transpose()?.unwrap_or_default();
    if let Some(contract_source) = &contract_source {
        contract.check(contract_source)?;
    }

    let chart = chart_of(path, &source, &scenario, &contract, overrides)?;
    let release = scenario.release.clone().unwrap_or_else(|| chart.name.clone());
    if release.len() > RELEASE_NAME_LIMIT {
        let message = format!("the release name `{release}` has {} characters", release.len());
        let hint = format!("hint: helm allows {RELEASE_NAME_LIMIT}; set a shorter `release:`");
        return Err(source.error("release", &format!("{message}\n{hint}")));
    }
    for name in &scenario.without {
        if !contract.roles.contains_key(name) && !contract.hooks.contains_key(name) {
            let known = contract.roles.keys().chain(contract.hooks.keys());
            return Err(unknown(&source, "role or hook", name, known));
        }
    }
    check_backing(&scenario.backing, &source)?;
    for hook in scenario.steps.iter().filter_map(|step| step.run_hook.as_ref()).map(|options| &options.hook) {
        if !contract.hooks.contains_key(hook) {
            return Err(unknown(&source, "hook", hook, contract.hooks.keys()));
        }
    }
    let mut images: BTreeMap<String, Image> =
        contract.images.iter().map(|(name, image)| (name.clone(), image.plan())).collect();
    for image in &overrides.images {
        image.apply(&mut images)?;
    }
    let mut values = image_values(&source, &images, &first_versions(&images))?;
    merge(&mut values, image_values(&source, &images, &scenario.images)?);
    merge(&mut values, scenario.values.clone());
    let timeout = scenario.timeout.as_ref().map(|text| seconds(&source, text)).transpose()?;
    let steps = scenario.steps.iter().map(|step| plan_step(&source, step, &images, timeout)).collect::<Result<_>>()?;

    let stem = path.file_stem().unwrap_or_default();
    let waivers = contract.waivers.into_iter().filter(|waiver| *stem == *waiver.scenario);
    let waivers = waivers.filter(|_| !overrides.no_waivers);
    let waivers = waivers.map(|waiver| Waiver { check: waiver.check, reason: waiver.reason, until: waiver.until });
    let waivers = waivers.collect();
    let backing = contract.backing.into_keys().chain(scenario.backing.into_keys());
    let mut secrets = contract.secrets;
    for (name, data) in scenario.secrets {
        match data {
            Some(data) => drop(secrets.insert(name, data)),
            None if secrets.remove(&name).is_some() => {}
            None => return Err(unknown(&source, "Secret", &name, secrets.keys())),
        }
    }

    Ok(Plan {
        name: name_of(path),
        description: scenario.description,
        chart,
        values,
        values_files: overrides.values_files.clone(),
        set: overrides.set.clone(),
        backing: backing.map(|name| (name, Backing::Postgres)).collect(),
        neighbour: scenario.neighbour.map(|other| Neighbour { release: other.release, values: other.values }),
        secrets,
        roles: contract.roles.into_iter().map(|(name, role)| (name, role.plan(&release))).collect(),
        hooks: contract.hooks.into_iter().map(|(name, hook)| (name, hook.plan(&release))).collect(),
        release,
        images,
        absent: scenario.without,
        strict: contract.strict,
        binding: contract.checks,
        waivers,
        steps,
    })
}

/// `<folder>/<file stem>`.
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match full.parent().and_then(Path::file_name) {
        Some(folder) => format!("{}/{stem}", folder.to_string_lossy()),
        None => stem,
    }
}

fn chart_of(
    path: &Path,
    source: &Source,
    scenario: &ScenarioFile,
    contract: &ContractFile,
    overrides: &Overrides,
) -> Result<Chart> {
    let beside = |relative: &PathBuf| path.parent().unwrap_or(Path::new(".")).join(relative);
    let chart = overrides.chart.clone();
    let chart = chart.or_else(|| scenario.chart.as_ref().map(beside)).or_else(|| contract.chart.as_ref().map(beside));
    let Some(chart) = chart else {
        let message = "no chart: neither the scenario nor a contract beside it names one\nhint: add `chart: PATH`, or pass `--chart PATH`";
        return Err(source.error("", message));
    };
    describe_chart(&chart)
}

/// What a chart's `Chart.yaml` says of it.
fn describe_chart(chart: &Path) -> Result<Chart> {
    let description = chart.join("Chart.yaml");
    let text = std::fs::read_to_string(&description).map_err(|error| {
        Invalid(format!("`{}` is no chart: cannot read `{}`: {error}", chart.display(), description.display()))
    })?;
    let parsed = crate::yaml::value(&text).map_err(|error| Invalid(format!("{}: {error}", description.display())))?;
    let field = |name: &str| match &parsed[name] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let path = chart.canonicalize().with_context(|| format!("resolve `{}`", chart.display()))?;
    Ok(Chart {
        name: field("name").ok_or_else(|| Invalid(format!("`{}` has no `name`", description.display())))?,
        version: field("version").unwrap_or_default(),
        app_version: field("appVersion"),
        path,
    })
}

fn plan_step(source: &Source, step: &StepFile, images: &BTreeMap<String, Image>, timeout: Option<u64>) -> Result<Step> {
    let verbs = [
        step.install.clone().map(|install| (Action::Install, install)),
        step.upgrade.clone().map(|upgrade| (Action::Upgrade, upgrade)),
        step.rollback.as_ref().map(|rollback| (Action::Rollback { to: rollback.to }, rollback.options())),
        step.uninstall.as_ref().map(|uninstall| (Action::Uninstall, uninstall.options())),
        step.run_hook.as_ref().map(|run| (Action::RunHook { hook: run.hook.clone() }, run.options())),
    ];
    let mut verbs = verbs.into_iter().flatten();
    let (Some((action, options)), None) = (verbs.next(), verbs.next()) else {
        let message = "a step has exactly one of `install`, `upgrade`, `rollback`, `uninstall`, `run-hook`";
        return Err(source.error("steps", message));
    };
    let mut values = image_values(source, images, &options.images)?;
    merge(&mut values, options.values);
    let expect = match step.expect.as_ref().and_then(|expect| expect.fails.clone()) {
        Some(text) => Expect::Fails(text),
        None => Expect::Succeeds,
    };
    let own = options.timeout.as_ref().map(|text| seconds(source, text)).transpose()?;
    let timeout_seconds = own.or(timeout).unwrap_or(DEFAULT_TIMEOUT_SECONDS);
    Ok(Step { action, values, expect, timeout_seconds, is_again: options.again })
}

fn first_versions(images: &BTreeMap<String, Image>) -> BTreeMap<String, String> {
    let first = |image: &Image| image.versions.keys().next().cloned();
    images.iter().filter_map(|(name, image)| Some((name.clone(), first(image)?))).collect()
}

/// The values that select a version of each image.
fn image_values(source: &Source, images: &BTreeMap<String, Image>, chosen: &BTreeMap<String, String>) -> Result<Value> {
    let mut values = json!({});
    for (name, version) in chosen {
        let image = images.get(name).ok_or_else(|| unknown(source, "image", name, images.keys()))?;
        let tag =
            image.versions.get(version).ok_or_else(|| unknown(source, "version", version, image.versions.keys()))?;
        match (&image.tag_path, &image.repository) {
            (Some(path), _) => set_path(&mut values, path, json!(tag)),
            (None, Some(repository)) => {
                set_path(&mut values, &image.repository_path, json!(format!("{repository}:{tag}")));
            }
            (None, None) => {
                let message = format!("the image `{name}` is set by one value, so its `use:` must name the repository");
                return Err(source.error(name, &message));
            }
        }
        if let (Some(_), Some(repository)) = (&image.tag_path, &image.repository) {
            set_path(&mut values, &image.repository_path, json!(repository));
        }
    }
    Ok(values)
}

/// An [`Invalid`] for a name that is not among the known ones.
pub(crate) fn unknown<'a>(
    source: &Source,
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a String>,
) -> anyhow::Error {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let listed = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let hint = nearest(name, known.into_iter()).map_or(String::new(), |near| format!("\nhint: did you mean `{near}`?"));
    let possible = if listed.is_empty() { "the contract names none".to_owned() } else { format!("known are {listed}") };
    source.error(name, &format!("unknown {what} `{name}`; {possible}{hint}"))
}

/// `90`, `90s`, `5m` or `1h` in seconds.
fn seconds(source: &Source, text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let parsed = digits.parse::<u64>().ok().zip(factor).map(|(number, factor)| number * factor);
    parsed.filter(|seconds| *seconds > 0).ok_or_else(|| {
        source.error(
            text,
            &format!("`{text}` is no duration\nhint: write seconds, or a number with s, m or h: `90s`, `5m`"),
        )
    })
}

#[cfg(test)]
mod tests;
