//! Parts of a set of scenarios, for as many machines as there are: the same command with the same files divides it the same way anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use chartgate_model::plan::Plan;
use chartgate_report::{Report, Shard};
use chartgate_scenario::CONTRACT;
use chartgate_yaml::Invalid;
use serde_json::json;
use sha2::{Digest, Sha256};

/// One of how many parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    number: usize,
    of: usize,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err("expected K/N, where K counts from 1 to N, such as `2/3`".to_owned()),
        }
    }
}

/// How long each scenario of an earlier run took, in seconds.
///
/// # Errors
/// [`Invalid`] if there is no report of a run in the directory.
pub fn durations(directory: &Path) -> Result<BTreeMap<String, f64>> {
    let mut seconds = BTreeMap::new();
    for scenario in Report::read(directory)?.scenarios {
        *seconds.entry(scenario.name).or_default() += scenario.seconds;
    }
    Ok(seconds)
}

/// The plans of one part, and what its report says of the set.
///
/// # Errors
/// [`Invalid`] if there are fewer plans than parts: one of them would prove nothing.
pub fn select(plans: Vec<Plan>, part: Part, durations: &BTreeMap<String, f64>) -> Result<(Vec<Plan>, Shard)> {
    let set: BTreeSet<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    if set.len() < part.of {
        let (scenarios, of) = (set.len(), part.of);
        let hint = "hint: ask for as many shards as there are scenarios, at most";
        return Err(Invalid(format!("{of} shards of {scenarios} scenarios: one would have none\n{hint}")).into());
    }
    let chosen: BTreeSet<String> =
        divide(&set, part.of, durations).swap_remove(part.number - 1).into_iter().map(str::to_owned).collect();
    let shard = Shard {
        number: part.number,
        of: part.of,
        digest: digest(&plans)?,
        set: set.into_iter().map(str::to_owned).collect(),
    };
    Ok((plans.into_iter().filter(|plan| chosen.contains(&plan.name)).collect(), shard))
}

/// The longest first, each to the part that has least to do: at most a third longer than the best division. A scenario of which no
/// duration is known counts as the median of the others.
fn divide<'a>(set: &BTreeSet<&'a str>, parts: usize, durations: &BTreeMap<String, f64>) -> Vec<Vec<&'a str>> {
    let mut known: Vec<f64> = set.iter().filter_map(|name| durations.get(*name).copied()).collect();
    known.sort_by(f64::total_cmp);
    let usual = known.get(known.len() / 2).copied().unwrap_or(1.0);
    let mut longest_first: Vec<(&str, f64)> =
        set.iter().map(|name| (*name, durations.get(*name).copied().unwrap_or(usual))).collect();
    longest_first.sort_by(|(one, first), (other, second)| second.total_cmp(first).then(one.cmp(other)));
    let mut divided: Vec<(f64, Vec<&str>)> = vec![(0.0, Vec::new()); parts];
    for (name, seconds) in longest_first {
        // Of those that have as little, the one with the fewest: a scenario of no length must not leave a part empty.
        let least = divided
            .iter_mut()
            .min_by(|(one, of_one), (other, of_other)| one.total_cmp(other).then(of_one.len().cmp(&of_other.len())));
        if let Some((load, names)) = least {
            *load += seconds;
            names.push(name);
        }
    }
    divided.into_iter().map(|(_, names)| names).collect()
}

/// What the set consists of, wherever it lies.
fn digest(plans: &[Plan]) -> Result<String> {
    let mut digests = BTreeSet::new();
    for plan in plans {
        let mut hasher = Sha256::new();
        // A value of `--set` may be a secret's: a digest of it could be searched for.
        let set: Vec<&str> = plan.set.iter().filter_map(|pair| pair.split('=').next()).collect();
        hasher.update(json!([plan.name, set, plan.stub_images, plan.waivers]).to_string());
        let scenario = plan.file.iter().flat_map(|file| [file.clone(), file.with_file_name(CONTRACT)]);
        let values = plan.base_files.iter().chain(&plan.values_files).cloned();
        let mut files: Vec<PathBuf> = scenario.chain(values).filter(|file| file.is_file()).collect();
        files.extend(files_of(&plan.chart.path)?);
        for file in files {
            let bytes = std::fs::read(&file).with_context(|| format!("read `{}`", file.display()))?;
            hasher.update(Sha256::digest(bytes));
        }
        digests.insert(chartgate_base::hex(&hasher.finalize()[..12]));
    }
    Ok(chartgate_base::hex(&Sha256::digest(json!(digests).to_string())[..12]))
}

/// The files of a chart that are the same on each machine: what it depends on is fetched, and beside it there may be anything.
fn files_of(chart: &Path) -> Result<Vec<PathBuf>> {
    if chart.is_file() {
        return Ok(vec![chart.to_owned()]);
    }
    let own = ["Chart.yaml", "values.yaml", "values.schema.json", "templates", "crds", "files"];
    let mut left: Vec<PathBuf> = own.iter().map(|name| chart.join(name)).filter(|path| path.exists()).collect();
    let mut files = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = path.read_dir().with_context(|| format!("read the folder `{}`", path.display()))?;
            left.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(name: &str) -> Plan {
        Plan { name: name.to_owned(), ..Plan::default() }
    }

    fn seconds(of: &[(&str, f64)]) -> BTreeMap<String, f64> {
        of.iter().map(|(name, seconds)| ((*name).to_owned(), *seconds)).collect()
    }

    fn names(part: &str, plans: &[&str], durations: &[(&str, f64)]) -> Vec<String> {
        let plans = plans.iter().map(|name| plan(name)).collect();
        let (plans, _) = select(plans, part.parse().unwrap(), &seconds(durations)).unwrap();
        plans.into_iter().map(|plan| plan.name).collect()
    }

    /// A failure would mean that a scenario runs on no machine, or on two.
    #[test]
    fn each_scenario_is_in_one_shard_in_whatever_order_they_are_found() {
        let (found, otherwise) = (["a", "b", "c", "d", "e"], ["e", "c", "a", "b", "d"]);
        let parts = ["1/2", "2/2"];
        let mut all: Vec<String> = parts.iter().flat_map(|part| names(part, &found, &[])).collect();
        all.sort();
        assert_eq!(all, found);
        for part in parts {
            let mut other = names(part, &otherwise, &[]);
            other.sort();
            assert_eq!(names(part, &found, &[]), other);
        }
    }

    /// A failure would mean that one machine works while the others have ended.
    #[test]
    fn the_longest_scenario_has_a_shard_of_its_own() {
        let took = [("a", 10.0), ("b", 60.0), ("c", 20.0), ("d", 30.0)];
        assert_eq!(names("1/2", &["a", "b", "c", "d"], &took), ["b"]);
        // One that is new is taken for one of the usual length.
        assert_eq!(names("2/2", &["a", "b", "c", "d", "new"], &took), ["a", "d", "new"]);
    }

    /// A failure would mean that a shard without a scenario is void on each push, and nobody knows why.
    #[test]
    fn more_shards_than_scenarios_are_refused() {
        let refused = select(vec![plan("a")], "2/2".parse().unwrap(), &BTreeMap::new()).unwrap_err();
        assert!(refused.to_string().starts_with("2 shards of 1 scenarios"), "{refused:#}");
        for wrong in ["0/3", "4/3", "1", "a/b", "1/0"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }

    /// A failure would mean that shards of two commits are merged into a verdict on neither.
    #[test]
    fn a_set_whose_chart_differs_has_another_digest() {
        let chart = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(chart.path().join(name), text).unwrap();
        let mut plan = plan("a");
        plan.chart.path = chart.path().to_owned();
        let digest = || digest(std::slice::from_ref(&plan)).unwrap();
        write("Chart.yaml", "name: a");
        let before = digest();
        write("chartgate-out", "what a run leaves beside it");
        assert_eq!(digest(), before);
        write("values.yaml", "replicas: 2");
        assert_ne!(digest(), before);
    }
}
