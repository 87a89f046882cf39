//! The command that runs one scenario alone once more, noted in its plan, and so in its recording.

use chartgate_model::plan::{Plan, StubImages};
use chartgate_process::home;
use chartgate_process::tool::quoted;
use chartgate_runner::run::Options;
use chartgate_scenario::Overrides;

/// Notes in a plan how it is run alone: its file (or chart) as the path, and the run's flags.
pub fn note(plan: &mut Plan, overrides: &Overrides, options: &Options) {
    let file = plan.file.as_ref().unwrap_or(&plan.chart.path);
    let words = ["chartgate".to_owned(), "run".to_owned(), file.display().to_string()].into_iter();
    let words = words.chain(flags(overrides, options)).map(|word| quoted(&word));
    plan.repeat = Some(words.collect::<Vec<_>>().join(" "));
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
    flags.extend(overrides.no_waivers.then(|| "--no-waivers".to_owned()));
    flags
}
