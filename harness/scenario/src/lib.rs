//! Scenario and contract files, and how the two become a [`Plan`].

mod again;
mod apply;
pub mod archive;
mod backing;
mod chart;
mod contract;
pub mod dependency;
mod discover;
mod fault;
mod file;
mod from;
mod given;
mod helm;
mod image;
mod links;
mod manifest;
mod names;
mod network;
mod renders;
mod scalar;
mod step;
mod template;
mod traffic;
mod values;
mod version;
mod within;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::Value;

use chartgate_model::plan::{Backing, Chart, Image, Origin, Plan, Step, StubImages, Waiver};
use chartgate_yaml::{Mistake, Spot, unknown};

use backing::check_backing;
use chart::chart_of;
use contract::SurvivorFile;
use fault::Means;
use file::NeighbourFile;
use image::{check_repository, first_versions, image_values};
use step::Steps;
use written::Written;

pub use chart::{CHART_SCENARIOS, chart_at, describe_chart};
pub use chartgate_model::values::merge;
pub use contract::ContractFile;
pub use discover::plans_of_files;
pub use discover::{discover, plans};
pub use file::ScenarioFile;
pub use image::ImageOverride;
pub use manifest::read_manifests;
pub use renders::render_plans;
pub use values::{fill, fill_and_tell, set_path};

/// File name of the contract beside the scenarios.
pub const CONTRACT: &str = "contract.yaml";

/// File name of the findings beside the scenarios that count as waived.
pub const BASELINE: &str = "baseline.yaml";

/// Helm's limit for a release's name.
const RELEASE_NAME_LIMIT: usize = 53;

/// What a user changes from outside: the chart under suspicion, its values.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// A chart that replaces the contract's.
    pub chart: Option<PathBuf>,
    /// Where the chart keeps its scenarios and `ci/*-values.yaml`, if not in `chart`: a package may be made without them.
    pub source: Option<PathBuf>,
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
    /// Which images are replaced by stubs.
    pub stub_images: StubImages,
    /// A chart without scenarios is installed and upgraded, and no more.
    pub is_quick: bool,
}

/// Reads a scenario and its contract, and merges them into a plan.
///
/// # Errors
/// [`chartgate_yaml::Mistakes`] with all that is wrong in the files, and [`chartgate_yaml::Invalid`] for the overrides.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Plan> {
    let written = Written::read(path, overrides)?;
    let chart = chart_of(path, &written, overrides)?;
    let (Some(scenario), Some(chart)) = (&written.scenario, chart) else {
        written.check()?;
        return Err(written.source.error("", "nothing of it can be read"));
    };
    let plan = plan(path, &written, scenario, chart, overrides)?;
    let from = origins(path, &written, scenario, &plan);
    written.check()?;
    from::begin_with(plan, from, overrides)
}

/// The plan, as far as the files are right; what is wrong in them is refused where it stands.
fn plan(path: &Path, written: &Written, scenario: &ScenarioFile, chart: Chart, overrides: &Overrides) -> Result<Plan> {
    let Written { source, contract, names, .. } = written;
    let root = source.root();
    let contract_root = written.contract_root();
    let release = scenario.release.clone().unwrap_or_else(|| chart.name.clone());
    check_release(root.child("release").unwrap_or(root), &release);
    if let Some(neighbour) = &scenario.neighbour {
        check_release(root.key("neighbour").key("release"), &neighbour.release);
    }
    for (index, name) in scenario.without.iter().enumerate() {
        names.check_part(root.key("without").item(index), name);
    }
    for (index, name) in scenario.proves.iter().enumerate() {
        names::check_check(source, root.key("proves").item(index), name);
    }
    check_backing(root.key("backing"), &scenario.backing);
    let servers = contract.backing.iter().chain(&scenario.backing);
    let backing: BTreeMap<String, Backing> =
        servers.filter_map(|(name, server)| Some((name.clone(), server.clone().plan(name)?))).collect();

    let mut images: BTreeMap<String, Image> =
        contract.images.iter().map(|(name, image)| (name.clone(), image.plan())).collect();
    for image in &overrides.images {
        image.apply(&mut images)?;
    }
    for (name, image) in &images {
        check_repository(contract_root.key("images").key(name).of_key(), name, image);
    }
    let mut values = image_values(root, names, &images, &first_versions(&images));
    merge(&mut values, image_values(root.key("images"), names, &images, &scenario.images));
    merge(&mut values, Value::Object(scenario.values.clone()));

    let means = Means {
        workers: scenario.workers,
        has_database: backing.values().any(|server| *server == Backing::Postgres),
        migrates: contract.hooks.values().any(|hook| hook.migrates.is_some()),
    };
    let context = Steps { names, images: &images, timeout: scenario.timeout, means };
    let at = |index| root.key("steps").item(index);
    let steps = scenario.steps.iter().enumerate().map(|(index, step)| context.step(at(index), step));
    let steps: Vec<Option<Step>> = steps.collect();
    let is_read = steps.iter().all(Option::is_some);
    let steps: Vec<Step> = steps.into_iter().flatten().collect();
    if is_read {
        again::check(root.key("steps"), &values, &steps);
    }
    check_templates(written, &backing);

    let own = scenario.requires.iter().enumerate();
    let own = own.filter_map(|(index, it)| it.clone().plan(root.key("requires").item(index)));
    let contracts = written.contract_source.iter().flat_map(|source| {
        let at = |index| source.root().key("requires").item(index);
        contract.requires.iter().enumerate().filter_map(move |(index, it)| it.clone().plan(at(index)))
    });
    Ok(Plan {
        name: name_of(path),
        file: Some(path.to_owned()),
        repeat: None,
        on: None,
        description: scenario.description.clone(),
        chart,
        values,
        base_files: values_files(root.key("values-files"), &scenario.values_files),
        values_files: overrides.values_files.clone(),
        set: overrides.set.clone(),
        backing,
        requires: contracts.chain(own).collect(),
        neighbour: scenario.neighbour.clone().map(NeighbourFile::plan),
        secrets: secrets(root.key("secrets"), contract, scenario),
        roles: contract.roles.clone().into_iter().map(|(name, role)| (name, role.plan(&release))).collect(),
        hooks: contract.hooks.clone().into_iter().map(|(name, hook)| (name, hook.plan(&release))).collect(),
        images,
        absent: scenario.without.clone(),
        proves: scenario.proves.clone(),
        strict: contract.strict,
        binding: contract.checks.clone(),
        leaves: contract.leaves.iter().map(|left| contract::for_release(left, &release)).collect(),
        discovery: contract.discovery.iter().map(|name| contract::for_release(name, &release)).collect(),
        routes: contract.routes.clone(),
        waivers: waivers(path, contract, overrides),
        traffic: traffic::traffic(source, names, scenario, contract),
        jobs: traffic::jobs(source, names, scenario, contract),
        workers: scenario.workers,
        namespace: namespace(root.key("namespace").key("name"), scenario),
        namespace_labels: scenario.namespace.labels.clone(),
        steps,
        from: Vec::new(),
        is_first_release: contract.first_release,
        next: None,
        is_own_name: false,
        stub_images: overrides.stub_images,
        mutant: None,
        survives: contract.survives.iter().map(SurvivorFile::plan).collect(),
        release,
    })
}

/// Refuses a name that helm would refuse on the cluster.
fn check_release(at: Spot, release: &str) {
    let is_part = |part: &str| {
        let ends = part.starts_with('-') || part.ends_with('-') || part.is_empty();
        !ends && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if release.len() > RELEASE_NAME_LIMIT {
        let what = format!("the release name `{release}` has {} characters", release.len());
        let hint = format!("helm allows {RELEASE_NAME_LIMIT}; set a shorter `release:`");
        at.refuse(Mistake::new(&what).with_hint(hint));
    } else if !release.split('.').all(is_part) {
        let hint = "helm allows lower-case letters, digits, `-` and `.` between them";
        at.refuse(Mistake::new(&format!("`{release}` is no name for a release")).with_hint(hint));
    }
}

/// The name of the release's namespace, if the scenario gives it one that is free in each cluster.
fn namespace(at: Spot, scenario: &ScenarioFile) -> Option<String> {
    let name = scenario.namespace.name.clone()?;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    // Beside it lies one whose name is longer by `-prober`.
    let is_valid =
        (1..=55).contains(&name.len()) && name.chars().all(is_name) && !name.starts_with('-') && !name.ends_with('-');
    if !is_valid {
        at.refuse(
            Mistake::new(&format!("`{name}` is no name for a namespace"))
                .with_hint("55 lower-case letters, digits and `-` at most"),
        );
    } else if name == "default" || name.starts_with("kube-") || name == "local-path-storage" {
        at.refuse(
            Mistake::new(&format!("`{name}` is there in each cluster"))
                .with_hint("leave the name out, or choose another"),
        );
    }
    Some(name)
}

/// Refuses templates that stand for nothing.
fn check_templates(written: &Written, backing: &BTreeMap<String, Backing>) {
    let known = template::known(backing.iter());
    let root = written.source.root();
    let steps = written.scenario.iter().flat_map(|scenario| 0..scenario.steps.len());
    let of_steps = steps.flat_map(|index| {
        let step = root.key("steps").item(index);
        let values = ["install", "upgrade", "run-hook"].map(|verb| (verb, "values"));
        let applied = ["objects", "until"].map(|key| ("apply", key));
        values.into_iter().chain(applied).filter_map(move |(verb, key)| step.child(verb)?.child(key))
    });
    let neighbours = root.child("neighbour").and_then(|neighbour| neighbour.child("values"));
    let own = [root.child("values"), root.child("secrets"), root.child("from"), neighbours];
    let contracts = written.contract_source.as_ref().and_then(|source| source.root().child("secrets"));
    own.into_iter().flatten().chain(of_steps).chain(contracts).for_each(|at| template::check(at, &known));
}

/// The contract's Secrets, with those that the scenario adds, replaces and leaves out.
fn secrets(at: Spot, contract: &ContractFile, scenario: &ScenarioFile) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut secrets = contract.secrets.clone();
    for (name, data) in &scenario.secrets {
        match data {
            Some(data) => drop(secrets.insert(name.clone(), data.clone())),
            None if secrets.remove(name).is_some() => {}
            None => at.key(name).of_key().refuse(unknown("Secret", name, secrets.keys().map(String::as_str))),
        }
    }
    secrets
}

fn waivers(path: &Path, contract: &ContractFile, overrides: &Overrides) -> Vec<Waiver> {
    let stem = path.file_stem().unwrap_or_default();
    let counting = contract.waivers.iter().filter(|waiver| *stem == *waiver.scenario && !overrides.no_waivers).cloned();
    counting.map(|waiver| Waiver { check: waiver.check, reason: waiver.reason, until: waiver.until }).collect()
}

/// The versions that the scenario is upgraded from.
fn origins(path: &Path, written: &Written, scenario: &ScenarioFile, plan: &Plan) -> Vec<Origin> {
    let at = written.source.root().key("from");
    let versions = &scenario.from.0;
    let asked = versions.iter().map(|version| version.chart.as_str());
    let origins = from::origins(asked, path.parent().unwrap_or(Path::new(".")));
    let mut origins = origins.unwrap_or_else(|wrong| {
        at.item(wrong.index).key("chart").refuse(Mistake::new(&wrong.why));
        Vec::new()
    });
    let install = scenario.steps.iter().find_map(|step| step.install.as_ref());
    let mut images = first_versions(&plan.images);
    images.extend(scenario.images.clone());
    images.extend(install.map(|install| install.images.clone()).unwrap_or_default());
    let values = versions.iter().enumerate();
    let values: Vec<Value> =
        values.map(|(index, version)| version.values(at.item(index), &written.names, &plan.images, &images)).collect();
    origins.iter_mut().zip(values).for_each(|(origin, values)| origin.values = values);
    if !origins.is_empty() && !plan.has_upgrade() {
        let hint = "add an `install` and an `upgrade` after it, or leave `from` out";
        let mistake = Mistake::new("`from` has no effect: no step upgrades what was installed");
        at.of_key().refuse(mistake.with_hint(hint));
    }
    origins
}

/// The scenario's values files, relative to it.
fn values_files(at: Spot, named: &[PathBuf]) -> Vec<PathBuf> {
    let find = |(index, path): (usize, &PathBuf)| within::resolve(at.item(index), path, "values file");
    named.iter().enumerate().filter_map(find).collect()
}

/// `<folder>/<file stem>`; of a chart's own scenario, the folder is the chart's.
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = full.parent();
    let chart = folder.filter(|folder| folder.ends_with(CHART_SCENARIOS)).and_then(|folder| folder.ancestors().nth(2));
    match chart.or(folder).and_then(Path::file_name) {
        Some(folder) => format!("{}/{stem}", folder.to_string_lossy()),
        None => stem,
    }
}

#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod tests;
