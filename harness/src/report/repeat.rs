//! The command that runs one scenario alone once more, noted beside its evidence.

use std::path::Path;

use anyhow::Result;

use super::write;
use crate::plan::Plan;
use crate::run::Options;
use crate::scenario::Overrides;
use crate::tool::quoted;

/// File in a scenario's folder of evidence.
const NOTE: &str = "command.txt";

/// Notes for each plan how it is run alone: its file (or chart) among the paths, and the run's flags.
///
/// # Errors
/// If the folder cannot be written to.
pub fn note(plans: &[Plan], overrides: &Overrides, options: &Options, out: &Path) -> Result<()> {
    let flags = flags(overrides, options);
    for plan in plans {
        let file = plan.file.as_ref().unwrap_or(&plan.chart.path);
        let words = ["chartgate".to_owned(), "run".to_owned(), file.display().to_string()].into_iter();
        let line = words.chain(flags.iter().cloned()).map(|word| quoted(&word)).collect::<Vec<_>>().join(" ");
        write(&out.join(&plan.name), NOTE, &(line + "\n"))?;
    }
    Ok(())
}

/// The flags of a run that change what a scenario does, but for `--set`: there may be a secret among them.
fn flags(overrides: &Overrides, options: &Options) -> Vec<String> {
    let mut flags = Vec::new();
    let mut add = |flag: &str, value: String| flags.extend([flag.to_owned(), value]);
    if let Some(chart) = &overrides.chart {
        add("--chart", chart.display().to_string());
    }
    overrides.images.iter().for_each(|image| add("--image", image.to_string()));
    overrides.values_files.iter().for_each(|file| add("--values", file.display().to_string()));
    add("--helm", options.helm.clone());
    match &options.context {
        Some(context) => add("--context", context.name().to_owned()),
        None => add("--kubernetes", options.kubernetes.clone()),
    }
    flags.extend(overrides.no_waivers.then(|| "--no-waivers".to_owned()));
    flags
}

/// The noted command, with the plan's `--set` arguments: a secret among them is left out of the plan once it was learned.
pub(super) fn command(plan: &Plan, evidence: &Path) -> Option<String> {
    let line = std::fs::read_to_string(evidence.join(NOTE)).ok()?;
    let set = plan.set.iter().map(|pair| format!(" --set {}", quoted(pair)));
    Some(line.trim_end().to_owned() + &set.collect::<String>())
}
