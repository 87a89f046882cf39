//! Scenario and contract files, and how the two become a [`Plan`].

mod backing;
mod chart;
mod contract;
mod discover;
mod fault;
mod file;
mod from;
mod image;
mod traffic;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::plan::{Action, DEFAULT_TIMEOUT_SECONDS, Expect, Fault, Image, Neighbour, Plan, Step, Waiver};
use crate::yaml::{Source, nearest};
use backing::check_backing;
use chart::chart_of;
use contract::ContractFile;
use file::{Options, ScenarioFile, StepFile};
use image::{first_versions, image_values};

pub(crate) use chart::{chart_at, describe_chart};
pub use discover::{discover, file_of, plans};
pub use image::ImageOverride;
pub use values::{fill, merge, set_path};

/// File name of the contract beside the scenarios.
const CONTRACT: &str = "contract.yaml";

/// Where a chart may carry scenarios and a contract of its own.
const CHART_SCENARIOS: &str = "ci/chartgate";

/// Helm's limit for a release's name.
const RELEASE_NAME_LIMIT: usize = 53;

/// What a user changes from outside: the chart under suspicion, its values.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// A chart that replaces the contract's.
    pub chart: Option<PathBuf>,
    /// What upgrades start from, in place of what scenarios say.
    pub from: Vec<String>,
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
    let roles: Vec<String> = contract.roles.keys().cloned().collect();
    let context = StepContext { source: &source, images: &images, roles: &roles, timeout };
    let steps: Vec<Step> = scenario.steps.iter().map(|step| context.step(step)).collect::<Result<_>>()?;
    fault::check(&source, &steps, &scenario, &contract)?;
    let traffic = traffic::traffic(&source, &scenario, &contract)?;
    let from = from::origins(&scenario.from, path.parent().unwrap_or(Path::new(".")));
    let from = from.map_err(|wrong| source.error(&wrong.asked, &wrong.why))?;

    let own = scenario.requires.into_iter().map(|requirement| requirement.plan(&source));
    let contracts = contract_source.as_ref().map(|source| contract.requires.into_iter().map(|it| it.plan(source)));
    let requires = contracts.into_iter().flatten().chain(own).collect::<Result<_>>()?;
    let stem = path.file_stem().unwrap_or_default();
    let waivers = contract.waivers.into_iter().filter(|waiver| *stem == *waiver.scenario);
    let waivers = waivers.filter(|_| !overrides.no_waivers);
    let waivers = waivers.map(|waiver| Waiver { check: waiver.check, reason: waiver.reason, until: waiver.until });
    let waivers = waivers.collect();
    let backing = contract.backing.into_iter().chain(scenario.backing);
    let mut secrets = contract.secrets;
    for (name, data) in scenario.secrets {
        match data {
            Some(data) => drop(secrets.insert(name, data)),
            None if secrets.remove(&name).is_some() => {}
            None => return Err(unknown(&source, "Secret", &name, secrets.keys())),
        }
    }

    let plan = Plan {
        name: name_of(path),
        description: scenario.description,
        chart,
        values,
        values_files: overrides.values_files.clone(),
        set: overrides.set.clone(),
        backing: backing.map(|(name, server)| (name.clone(), server.plan(&name))).collect(),
        requires,
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
        traffic,
        workers: scenario.workers,
        namespace_labels: scenario.namespace.labels,
        steps,
        from: Vec::new(),
        is_first_release: contract.first_release,
    };
    if !from.is_empty() && !plan.has_upgrade() {
        let hint = "hint: add an `install` and an `upgrade` after it, or leave `from` out";
        return Err(source.error("from", &format!("`from` has no effect: no step upgrades what was installed\n{hint}")));
    }
    from::begin_with(plan, from, overrides)
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

/// What a step of the file is read against.
struct StepContext<'a> {
    source: &'a Source,
    images: &'a BTreeMap<String, Image>,
    roles: &'a [String],
    timeout: Option<u64>,
}

impl StepContext<'_> {
    fn step(&self, step: &StepFile) -> Result<Step> {
        let (action, options) = self.verb(step)?;
        let fault =
            options.fault.as_ref().map(|fault| fault::parse(self.source, fault, self.roles.iter())).transpose()?;
        if let Some(fault) = &fault
            && fault.is_disruption() != (action == Action::Disrupt)
        {
            let hint = if fault.is_disruption() { "it is a step of its own" } else { "it belongs to a step of helm" };
            return Err(self.source.error(fault.name(), &format!("`{}` cannot stand here: {hint}", fault.name())));
        }
        if options.reuse_values && action != Action::Upgrade {
            return Err(self.source.error("reuse-values", "only an upgrade has values to reuse"));
        }
        let mut values = image_values(self.source, self.images, &options.images)?;
        merge(
            &mut values,
            fault.as_ref().map_or(Ok(serde_json::json!({})), |fault| fault::values(self.source, fault, self.images))?,
        );
        merge(&mut values, options.values);
        let expect = match step.expect.as_ref().and_then(|expect| expect.fails.clone()) {
            Some(text) => Expect::Fails(text),
            None if fault == Some(Fault::ClientKilled) => Expect::Interrupted,
            None => Expect::Succeeds,
        };
        let own = options.timeout.as_ref().map(|text| seconds(self.source, text)).transpose()?;
        Ok(Step {
            values,
            expect,
            timeout_seconds: own.or(self.timeout).unwrap_or(DEFAULT_TIMEOUT_SECONDS),
            is_again: options.again,
            fault,
            rolls_back: options.atomic,
            reuses_values: options.reuse_values,
            ..Step::new(action)
        })
    }

    fn verb(&self, step: &StepFile) -> Result<(Action, Options)> {
        let scale = step.scale.as_ref().map(|scale| self.scale(scale)).transpose()?;
        let verbs = [
            step.install.clone().map(|install| (Action::Install, install)),
            step.upgrade.clone().map(|upgrade| (Action::Upgrade, upgrade)),
            step.rollback.as_ref().map(|rollback| {
                (
                    Action::Rollback { to: rollback.to },
                    Options::only(rollback.timeout.as_ref(), rollback.fault.as_ref()),
                )
            }),
            step.uninstall.as_ref().map(|gone| (Action::Uninstall, Options::only(gone.timeout.as_ref(), None))),
            step.run_hook.as_ref().map(|run| (Action::RunHook { hook: run.hook.clone() }, run.options())),
            step.fault.as_ref().map(|fault| (Action::Disrupt, Options::only(None, Some(fault)))),
            scale.map(|scale| (scale, Options::only(None, None))),
            step.test.as_ref().map(|test| (Action::Test, Options::only(test.timeout.as_ref(), None))),
        ];
        let mut verbs = verbs.into_iter().flatten();
        let (Some(verb), None) = (verbs.next(), verbs.next()) else {
            let known = "`install`, `upgrade`, `rollback`, `uninstall`, `run-hook`, `fault`, `scale`, `test`";
            return Err(self.source.error("steps", &format!("a step has exactly one of {known}")));
        };
        Ok(verb)
    }

    fn scale(&self, scale: &BTreeMap<String, u32>) -> Result<Action> {
        let mut sizes = scale.iter();
        let (Some((role, replicas)), None) = (sizes.next(), sizes.next()) else {
            return Err(self.source.error("scale", "`scale` names one role and its number of pods: `{app: 3}`"));
        };
        if !self.roles.contains(role) {
            return Err(unknown(self.source, "role", role, self.roles.iter()));
        }
        Ok(Action::Scale { role: role.clone(), replicas: *replicas })
    }
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
