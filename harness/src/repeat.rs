//! The command that runs one scenario, or checks one chart, alone once more: noted in the plan, and so in its recording.

use std::path::Path;

use chartgate_model::plan::{Plan, StubImages};
use chartgate_process::home;
use chartgate_process::tool::quoted;
use chartgate_runner::run::Options;
use chartgate_scenario::Overrides;

/// Notes in a plan how it is run alone: its file (or chart) as the path, and the run's flags.
pub fn note(plan: &mut Plan, overrides: &Overrides, options: &Options) {
    let file = plan.file.as_ref().unwrap_or(&plan.chart.path);
    plan.repeat = Some(command("run", file, of_overrides(overrides).chain(of_run(overrides, options))));
}

/// How a chart is checked alone: its path as the user gave it, and what else changes what is seen.
pub fn of_check(path: &Path, overrides: &Overrides, flags: &[String]) -> String {
    command("check", path, of_overrides(overrides).chain(flags.iter().cloned()))
}

fn command(name: &str, path: &Path, flags: impl Iterator<Item = String>) -> String {
    let words = ["chartgate".to_owned(), name.to_owned(), path.display().to_string()].into_iter();
    words.chain(flags).map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

/// What is put above the files, but for `--set`, which is the plan's: there may be a secret among them.
fn of_overrides(overrides: &Overrides) -> impl Iterator<Item = String> {
    let mut flags = Vec::new();
    overrides.values_files.iter().for_each(|file| flags.extend(["--values".to_owned(), file.display().to_string()]));
    overrides.from.iter().for_each(|version| flags.extend(["--from".to_owned(), version.clone()]));
    flags.extend(overrides.no_waivers.then(|| "--no-waivers".to_owned()));
    flags.into_iter()
}

/// The flags of a run that change what a scenario does.
fn of_run(overrides: &Overrides, options: &Options) -> Vec<String> {
    let mut flags = Vec::new();
    let mut add = |flag: &str, value: String| flags.extend([flag.to_owned(), value]);
    if let Some(chart) = &overrides.chart {
        add("--chart", chart.display().to_string());
    }
    overrides.images.iter().for_each(|image| add("--image", image.to_string()));
    add("--helm", options.helm.clone());
    match &options.context {
        Some(context) => add("--context", context.name().to_owned()),
        None => add("--kubernetes", options.kubernetes.clone()),
    }
    if let Some(registry) = home::image_registry() {
        add("--image-registry", registry.to_owned());
    }
    if let Some(secret) = &options.pull_secret {
        add("--image-pull-secret", secret.to_string());
    }
    if let Some(backing) = options.backing {
        add("--backing", backing.name().to_owned());
    }
    match overrides.stub_images {
        StubImages::Off => {}
        StubImages::All => flags.push("--stub-images".to_owned()),
        StubImages::Missing => flags.push("--stub-images=missing".to_owned()),
    }
    flags.extend(overrides.is_quick.then(|| "--quick".to_owned()));
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a report of a check names a command that checks something else.
    #[test]
    fn a_check_is_repeated_with_what_it_was_given() {
        let overrides = Overrides {
            values_files: vec!["my values.yaml".into()],
            from: vec!["previous".to_owned()],
            no_waivers: true,
            ..Overrides::default()
        };
        let flags = ["--explore=20".to_owned()];
        assert_eq!(
            of_check(Path::new("charts/a"), &overrides, &flags),
            "chartgate check charts/a --values 'my values.yaml' --from previous --no-waivers --explore=20"
        );
    }
}
