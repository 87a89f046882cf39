//! `chartgate merge`: the shards of a set as one report, judged from their recordings as one run's are. What keeps them from being one whole
//! set is void, by the shard's name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_judge::{Finding, Problem, Verdict};
use chartgate_model::recording::Recording;
use chartgate_report::{Report, ScenarioReport, Shard};
use chartgate_yaml::Invalid;

use crate::gate;
use crate::recorded;

/// A directory that a shard's run wrote.
struct Piece {
    directory: PathBuf,
    shard: Shard,
    report: Report,
    /// Of what took part: `helm`, `kubernetes`, `chartgate`.
    versions: BTreeMap<String, BTreeSet<String>>,
}

/// Judges the recordings of the shards, copied to a directory, and writes the reports there.
///
/// # Errors
/// [`Invalid`] if a directory is none, or was not written by a shard's run.
pub fn merge(directories: &[PathBuf], out: &Path) -> Result<Report> {
    let _only = gate::take(out)?;
    refuse_within(directories, out)?;
    let (mut pieces, mut cut) = (Vec::new(), Vec::new());
    for directory in directories {
        match read(directory)? {
            Some(piece) => pieces.push(piece),
            None => cut.push(directory.clone()),
        }
    }
    let mut wrong = Wrong::default();
    for directory in &cut {
        wrong.ended_early(directory);
    }
    let pieces = one_of_each(pieces, &mut wrong);
    let Some(first) = pieces.first() else {
        return write(wrong.into_scenarios(), out);
    };
    for other in &pieces[1..] {
        wrong.compare(first, other);
    }
    let mut scenarios = Vec::new();
    for piece in pieces.iter().filter(|piece| piece.shard.is_of(&first.shard)) {
        scenarios.extend(recorded::take_over(&piece.directory, &piece.report, out)?);
    }
    wrong.complete(&first.shard, &pieces, &mut scenarios);
    scenarios.extend(wrong.into_scenarios());
    write(scenarios, out)
}

fn write(scenarios: Vec<ScenarioReport>, out: &Path) -> Result<Report> {
    let report = Report::new(scenarios);
    report.write(out)?;
    Ok(report)
}

/// What is copied must not be found again when the shards are merged once more.
fn refuse_within(directories: &[PathBuf], out: &Path) -> Result<()> {
    let full = out.canonicalize().with_context(|| format!("find `{}`", out.display()))?;
    let is_around = |directory: &&PathBuf| directory.canonicalize().is_ok_and(|it| full.starts_with(it));
    let Some(around) = directories.iter().find(is_around) else { return Ok(()) };
    let hint = "hint: choose a directory beside the shards' with `--out`";
    Err(Invalid(format!("`{}` is in `{}`, which is to be merged\n{hint}", out.display(), around.display())).into())
}

/// What a shard's run wrote; `None`: it ended before its report.
fn read(directory: &Path) -> Result<Option<Piece>> {
    if !directory.is_dir() {
        let hint = "hint: name the directories that the shards' runs wrote: their `--out`";
        return Err(Invalid(format!("no directory at `{}`\n{hint}", directory.display())).into());
    }
    if !directory.join(chartgate_report::VERDICT).exists() && !recorded::below(directory)?.is_empty() {
        return Ok(None);
    }
    let report = Report::read(directory)?;
    let Some(shard) = report.shard.clone() else {
        let hint = "hint: merge takes what `chartgate run --shard K/N` wrote; this one is whole already";
        return Err(Invalid(format!("`{}` was not written by a shard's run\n{hint}", directory.display())).into());
    };
    let versions = versions(directory, &report)?;
    Ok(Some(Piece { directory: directory.to_owned(), shard, report, versions }))
}

/// What took part in a shard's runs, as their recordings say.
fn versions(directory: &Path, report: &Report) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for place in recorded::of_report(directory, report)? {
        let versions = Recording::versions(&directory.join(place));
        for name in ["chartgate", "helm", "kubernetes"] {
            all.entry(name.to_owned()).or_default().extend(versions.get(name).cloned());
        }
    }
    Ok(all)
}

/// The pieces in the order of their numbers, each number once.
fn one_of_each(mut pieces: Vec<Piece>, wrong: &mut Wrong) -> Vec<Piece> {
    // Stable: of those with one number, the first that the user names stays.
    pieces.sort_by_key(|piece| piece.shard.number);
    let mut kept: Vec<Piece> = Vec::new();
    for piece in pieces {
        match kept.iter().find(|known| known.shard == piece.shard) {
            Some(known) => wrong.twice(known, &piece),
            None => kept.push(piece),
        }
    }
    kept
}

/// What keeps shards from being one whole set, by the shard's name.
#[derive(Default)]
struct Wrong(BTreeMap<String, Vec<Finding>>);

impl Wrong {
    fn add(&mut self, shard: String, check: &str, what: String, hint: &str) {
        let problem = Problem { what, hint: Some(hint.to_owned()) };
        let finding = Finding::of_problems(check, Verdict::Void, vec![problem], Vec::new());
        self.0.entry(shard).or_default().push(finding);
    }

    fn ended_early(&mut self, directory: &Path) {
        let what = format!("the run that wrote `{}` ended before it could say what it found", directory.display());
        self.add(directory.display().to_string(), "shard-ended", what, "run that shard again, and merge again");
    }

    fn twice(&mut self, known: &Piece, again: &Piece) {
        let (one, other) = (known.directory.display(), again.directory.display());
        let what = format!("{} was given twice: `{one}` and `{other}`", known.shard);
        self.add(known.shard.to_string(), "shard-once", what, "leave one of the two out");
    }

    /// Notes what of another shard is not as in the first one.
    fn compare(&mut self, first: &Piece, other: &Piece) {
        let (one, another) = (first.directory.display(), other.directory.display());
        if !other.shard.is_of(&first.shard) {
            let what = format!(
                "`{another}` is {}, and not of the set that `{one}` is {} of: {}",
                other.shard,
                first.shard,
                other.shard.differs(&first.shard)
            );
            let hint = "run each shard from the same commit with the same arguments, and the same `--durations`";
            self.add(other.shard.to_string(), "shard-of-same-set", what, hint);
            return;
        }
        for (name, known) in &first.versions {
            let own = other.versions.get(name).filter(|own| !own.is_empty() && !known.is_empty());
            let Some(own) = own.filter(|own| own.is_disjoint(known)) else { continue };
            let said = |versions: &BTreeSet<String>| versions.iter().cloned().collect::<Vec<_>>().join(", ");
            let what = format!("`{another}` ran with {name} {}, `{one}` with {}", said(own), said(known));
            self.add(other.shard.to_string(), "shard-of-same-versions", what, "run each shard with the same versions");
        }
    }

    /// Notes the shards that are missing, and each scenario that ran in none or in two.
    fn complete(&mut self, set: &Shard, pieces: &[Piece], scenarios: &mut Vec<ScenarioReport>) {
        let is_there =
            |number: &usize| pieces.iter().any(|piece| piece.shard.number == *number && piece.shard.is_of(set));
        let missing: Vec<usize> = (1..=set.of).filter(|number| !is_there(number)).collect();
        for number in &missing {
            let shard = Shard { number: *number, ..set.clone() };
            let hint = format!("run it with `--shard {number}/{}`, and merge again with its directory", set.of);
            self.add(shard.to_string(), "shard-given", format!("{shard} is missing"), &hint);
        }
        let shards_of = |name: &str| {
            let own =
                |piece: &&Piece| piece.shard.is_of(set) && piece.report.scenarios.iter().any(|it| it.name == name);
            pieces.iter().filter(own).map(|piece| piece.shard.number.to_string()).collect::<Vec<_>>()
        };
        for name in &set.set {
            let shards = shards_of(name);
            let (what, hint) = match shards.len() {
                1 => continue,
                0 if missing.is_empty() => ("no shard ran it".to_owned(), SAME_DURATIONS),
                0 => ("not run: it belongs to a shard that is missing".to_owned(), "run that shard, and merge again"),
                _ => (format!("it ran in the shards {}", shards.join(" and ")), SAME_DURATIONS),
            };
            let problem = Problem { what, hint: Some(hint.to_owned()) };
            let finding = Finding::of_problems(recorded::RUN, Verdict::Void, vec![problem], Vec::new());
            match scenarios.iter_mut().find(|scenario| scenario.name == *name) {
                Some(scenario) => {
                    scenario.verdict = scenario.verdict.max(Verdict::Void);
                    scenario.checks.insert(0, finding);
                }
                None => scenarios.push(ScenarioReport::unproven(name.clone(), "", vec![finding])),
            }
        }
    }

    fn into_scenarios(self) -> Vec<ScenarioReport> {
        let about = "The shards are one whole set: each is there once, and is of the same files and versions.";
        self.0.into_iter().map(|(shard, findings)| ScenarioReport::unproven(shard, about, findings)).collect()
    }
}

const SAME_DURATIONS: &str = "give each shard the same `--durations`, or none";

#[cfg(test)]
mod tests;
