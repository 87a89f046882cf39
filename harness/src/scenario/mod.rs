//! Scenario and contract files, and how the two become a [`Plan`].

mod chart;
mod contract;
mod discover;
mod file;
mod image;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::plan::{Action, Backing, Expect, Image, Neighbour, Plan, Step, Waiver};
use crate::yaml::{Source, nearest};
use chart::chart_of;
use contract::{ContractFile, check_backing};
use file::{ScenarioFile, StepFile};
use image::{first_versions, image_values};

pub use discover::{discover, file_of, plans};
pub use image::ImageOverride;
pub use values::{fill, merge, set_path};

/// File name of the contract beside the scenarios.
const CONTRACT: &str = "contract.yaml";

/// Where a chart may carry scenarios and a contract of its own.
const CHART_SCENARIOS: &str = "ci/chartgate";

/// Helm's default, five minutes, is what users wait for; a scenario may change it.
const DEFAULT_TIMEOUT_SECONDS: u64 = 300;

/// Helm's limit for a release's name.
const RELEASE_NAME_LIMIT: usize = 53;

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
