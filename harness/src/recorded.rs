//! What runs left in their directories, judged: recordings, and what a run's report says beside them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chartgate_base::parallel;
use chartgate_judge::Verdict;
use chartgate_model::recording::{FILES, PLAN, Recording};
use chartgate_report::{Report, ScenarioReport, evidence};
use chartgate_yaml::Invalid;

/// What a run says of itself has this name among the checks.
pub const RUN: &str = "run";

/// Judges one recording.
pub fn judge_folder(folder: &Path) -> Result<ScenarioReport> {
    Ok(ScenarioReport::of(&Recording::load(folder)?, folder))
}

/// Judges one recording, and writes its evidence as files that a person opens.
pub(crate) fn judge_and_show(folder: &Path) -> Result<ScenarioReport> {
    let recording = Recording::load(folder)?;
    evidence::write(&recording, folder)?;
    Ok(ScenarioReport::of(&recording, folder))
}

/// Judges every recording below a folder again, and writes the reports into it.
///
/// # Errors
/// [`Invalid`] if there is no such folder, or no recording below it.
pub fn judge_all(folder: &Path) -> Result<Report> {
    let refusal = |why: &str| {
        let hint = "hint: name the folder that a run wrote: its `--out`, or one scenario's below it";
        Invalid(format!("no recording at `{}`: {why}\n{hint}", folder.display()))
    };
    if !folder.is_dir() {
        return Err(refusal("no such folder").into());
    }
    let places = below(folder)?;
    if places.is_empty() {
        return Err(refusal("no `plan.json` in it or below it").into());
    }
    let judged = parallel::map(&places, |place| judge_and_show(&folder.join(place)));
    let report = Report::new(judged.into_iter().collect::<Result<_>>()?);
    report.write(folder)?;
    Ok(report)
}

/// The places of the recordings below a folder, relative to it.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut left, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(path) = left.pop() {
        if path.join(PLAN).exists() {
            found.push(path.strip_prefix(folder).unwrap_or(&path).to_owned());
            continue;
        }
        let entries = path.read_dir().with_context(|| format!("read the folder `{}`", path.display()))?;
        for entry in entries {
            let path = entry.context("read a folder")?.path();
            // A link would lead out of the folder, or around in it.
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The recordings of the scenarios that a run's report names: in its folder there may be those of another run, too.
pub(crate) fn of_report(folder: &Path, report: &Report) -> Result<Vec<PathBuf>> {
    let is_reported = |place: &PathBuf| report.scenarios.iter().any(|scenario| scenario.place() == *place);
    Ok(below(folder)?.into_iter().filter(is_reported).collect())
}

/// What a run's report says, with each recording judged anew.
pub fn judge_again(folder: &Path, report: &Report) -> Result<Vec<ScenarioReport>> {
    let places = of_report(folder, report)?;
    let judged = parallel::map(&places, |place| judge_folder(&folder.join(place)));
    Ok(beside(judged.into_iter().collect::<Result<_>>()?, report, folder))
}

/// The same, of copies of the recordings in another folder, with the evidence beside them.
pub(crate) fn take_over(folder: &Path, report: &Report, to: &Path) -> Result<Vec<ScenarioReport>> {
    let places = of_report(folder, report)?;
    let judged = parallel::map(&places, |place| {
        copy(&folder.join(place), &to.join(place))?;
        judge_and_show(&to.join(place))
    });
    Ok(beside(judged.into_iter().collect::<Result<_>>()?, report, to))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    Recording::remove(to)?;
    std::fs::create_dir_all(to).with_context(|| format!("make the folder `{}`", to.display()))?;
    for name in FILES {
        let file = from.join(name);
        // In a recording of somebody else's, a link would lead to a file of this machine.
        if file.is_file() && !file.is_symlink() {
            std::fs::copy(&file, to.join(name)).with_context(|| format!("copy `{}`", file.display()))?;
        }
    }
    Ok(())
}

/// What the recordings show, and what the run says of itself, such as that it was ended: no recording shows that.
fn beside(mut judged: Vec<ScenarioReport>, report: &Report, folder: &Path) -> Vec<ScenarioReport> {
    let of_one = |said: &ScenarioReport| {
        let own = judged.iter().position(|it| it.place() == said.place()).map(|at| judged.swap_remove(at));
        let evidence = folder.join(said.place());
        let Some(mut scenario) = own.filter(|_| said.not_run.is_none()) else {
            return ScenarioReport { evidence, ..said.clone() };
        };
        if let Some(trouble) = said.checks.iter().find(|finding| finding.check == RUN) {
            scenario.checks.insert(0, trouble.clone());
            scenario.verdict = scenario.verdict.max(Verdict::Void);
        }
        scenario
    };
    report.scenarios.iter().map(of_one).collect()
}
