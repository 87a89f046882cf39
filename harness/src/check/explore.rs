//! `--explore`: the values around a chart's defaults, one switch at a time.
//!
//! A chart that refuses a variation has done right. What is told is a template that breaks, and a check that is red there and not without
//! the variation, with the smallest values file that shows it.

mod space;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use chartgate_judge::{Problem, Verdict, is_refusal_on_purpose};
use chartgate_model::plan::{Action, Step};
use chartgate_runner::run::Beside;
use chartgate_scenario::merge;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::merge::Judged;
use super::setting::DEFAULTS;
use super::{Options, Setting};
pub use space::Variation;

/// How far the values are explored.
#[derive(Clone, Debug)]
pub struct Exploration {
    /// At most so many variations are rendered.
    pub most: usize,
    /// The same one chooses the same variations.
    pub seed: u64,
}

/// What came of it.
pub struct Explored {
    /// What is red under a variation alone.
    pub judged: Vec<Judged>,
    /// Whether every variation was tried.
    pub is_whole: bool,
    /// How much was tried, in words.
    pub note: String,
}

impl Explored {
    /// What is red, each with its check.
    pub fn problems(&self) -> Vec<(String, Problem)> {
        let all = self.judged.iter().flat_map(Judged::problems);
        all.map(|(check, problem)| (check.to_owned(), problem.clone())).collect()
    }
}

/// Renders the variations of the values that the subject renders with, and keeps what is red in none of `before`.
pub async fn explore(
    options: &Options,
    exploration: &Exploration,
    before: &[Judged],
    out: &Path,
    cores: &Arc<Semaphore>,
) -> Result<Explored> {
    let Some(base) = before.iter().find(|judged| judged.renders()) else {
        return Ok(Explored {
            judged: Vec::new(),
            is_whole: false,
            note: "nothing was explored: no values render".to_owned(),
        });
    };
    let chart = &base.setting.plan.chart.path;
    let all = space::variations(&read(&chart.join("values.yaml")), &read(&chart.join("values.schema.json")));
    let (possible, chosen) = (all.len(), space::chosen(all, exploration));
    let tried = chosen.len();
    let mut rendering = JoinSet::new();
    for (index, variation) in chosen.into_iter().enumerate() {
        let setting = varied(&base.setting, &variation, options);
        let (directory, cores) = (out.join("explored").join(setting.directory()), cores.clone());
        rendering.spawn(async move {
            let _core = cores.acquire_owned().await.context("wait for a core")?;
            let judged = Judged::of(&setting, &directory, Beside::default()).await?;
            anyhow::Ok((index, directory, judged))
        });
    }
    let known: Vec<(&str, &Problem)> = before.iter().flat_map(Judged::problems).collect();
    let (mut refused, mut told) = (0, Vec::new());
    while let Some(ended) = rendering.join_next().await {
        let (index, directory, mut judged) = ended.context("join a render")??;
        let is_refused = judged.error.as_deref().is_some_and(is_refusal_on_purpose);
        refused += usize::from(is_refused);
        judged.keep_new(&known);
        if is_refused || judged.examined.findings.is_empty() {
            // Nothing in it is told; without it nothing is lost.
            drop(std::fs::remove_dir_all(&directory));
        } else {
            told.push((index, judged));
        }
    }
    told.sort_by_key(|(index, _)| *index);
    let note = format!(
        "explored {tried} of {possible} variations of the values, one at a time; the chart refuses {refused} of them"
    );
    Ok(Explored { judged: told.into_iter().map(|(_, judged)| judged).collect(), is_whole: tried == possible, note })
}

/// The setting with one value changed; an install shows it.
fn varied(base: &Setting, variation: &Variation, options: &Options) -> Setting {
    let mut plan = base.plan.clone();
    merge(&mut plan.values, variation.values());
    plan.from = Vec::new();
    plan.steps = vec![Step::new(Action::Install)];
    let values =
        if base.values == DEFAULTS { variation.label() } else { format!("{} with {}", base.values, variation.label()) };
    Setting {
        plan,
        values,
        program: options.helms.first().clone(),
        kubernetes: base.kubernetes.clone(),
        smallest: Some(variation.values()),
        server: None,
    }
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    chartgate_yaml::value(&text).unwrap_or_default()
}

/// Writes the smallest values file of each variation under which something is red, and gives how many.
///
/// # Errors
/// If the directory cannot be written to.
pub fn write(judged: &[Judged], subject: &str, directory: &Path) -> Result<usize> {
    std::fs::create_dir_all(directory).with_context(|| format!("make the directory `{}`", directory.display()))?;
    let mut written = 0;
    for (setting, values) in judged.iter().filter_map(|one| Some((&one.setting, one.setting.smallest.as_ref()?))) {
        let checks: Vec<&str> = judged_red(judged, &setting.values);
        let name: String = setting.values.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = directory.join(format!("{subject}-{}-values.yaml", name.trim_matches('-')));
        let text = format!("# Red with these values: {}\n{}", checks.join(", "), chartgate_yaml::text(values));
        std::fs::write(&path, text).with_context(|| format!("write `{}`", path.display()))?;
        written += 1;
    }
    Ok(written)
}

fn judged_red<'a>(judged: &'a [Judged], values: &str) -> Vec<&'a str> {
    let of = judged.iter().filter(|one| one.setting.values == values).flat_map(|one| &one.examined.findings);
    of.filter(|finding| finding.verdict == Verdict::Fail).map(|finding| finding.check.as_str()).collect()
}
