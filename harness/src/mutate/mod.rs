//! `chartgate mutate`: would the scenarios notice? Each operator puts one harm into what a chart renders, and its scenarios are run
//! against that mutant, the cheapest first, until a check that lists the operator is red.
//!
//! A subject is a chart with its scenarios; its base is what one of them shows of the unchanged chart, which must be green;
//! a trial is one way of running one scenario against one mutant; `fate` decides what became of an operator; [`MutationReport`] tells it.

mod base;
mod fate;
mod junit;
mod memory;
mod print;
mod report;
mod subject;
mod trial;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use chartgate_base::stdio;
use chartgate_model::plan::Plan;
use chartgate_mutate::{OPERATORS, Operator};
use chartgate_runner::run;
use chartgate_runner::stop::Stop;
use futures::{StreamExt, stream};
use tokio::sync::Semaphore;

use crate::gate;
use base::Base;
use fate::canary;
pub use report::{ChartReport, Fate, Killed, MutationReport, OperatorReport};
use subject::{Subject, subjects};

/// What mutants are tried with.
#[derive(Clone, Debug)]
pub struct Options {
    /// How scenarios are run.
    pub run: run::Options,
    /// How far it goes.
    pub reach: Reach,
    /// The operators that are tried; none: all.
    pub only: Vec<String>,
    /// After so long, nothing more is begun; `None`: everything is tried.
    pub budget: Option<Duration>,
    /// The least score that passes.
    pub least: f64,
    /// The directory of the reports and the recordings.
    pub out: PathBuf,
}

/// How far mutants are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// What they render, without a cluster.
    Renders,
    /// On a cluster, with stub images.
    Stubs,
    /// On a cluster, with their images where a check needs the application.
    #[default]
    Cluster,
}

/// What all trials share.
struct Shared {
    options: Options,
    began: Instant,
    /// Asks what runs to end, and to remove what it made.
    stop: Stop,
    /// Helm computes all the time that it runs.
    cores: Semaphore,
}

impl Shared {
    /// Whether something more may be begun.
    fn has_time(&self) -> bool {
        self.options.budget.is_none_or(|budget| self.began.elapsed() < budget)
    }
}

/// Scenarios that are on the cluster at the same time: a small node holds so many.
const AT_ONCE: usize = 4;

/// Tries the mutants of the charts of these plans, and writes the reports. What was decided before it is asked to stop is kept.
///
/// # Errors
/// [`Environment`](chartgate_process::home::Environment) if something is missing on the machine.
pub async fn run(mut plans: Vec<Plan>, options: Options, stop: &Stop) -> Result<MutationReport> {
    let _only = gate::take(&options.out)?;
    let _origins = stop.unless(gate::prepare(&mut plans, &options.run)).await?;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let shared = Arc::new(Shared { options, began: Instant::now(), stop: stop.clone(), cores: Semaphore::new(cores) });
    let mut charts = Vec::new();
    for subject in subjects(plans) {
        charts.push(chart(&subject, &shared).await?);
    }
    let report = MutationReport::new(charts, shared.options.least);
    report.write(&shared.options.out)?;
    Ok(report)
}

/// One chart: its unchanged self, the canary, and each operator.
async fn chart(subject: &Subject, shared: &Arc<Shared>) -> Result<ChartReport> {
    stdio::tell(format_args!("{}: rendering {} scenarios of the unchanged chart", subject.name, subject.plans.len()));
    let bases = Base::all(subject, shared).await?;
    if let Some(why) = bases.iter().find_map(Base::red) {
        return Ok(ChartReport::void(subject, format!("the unchanged chart is not green: {why}")));
    }
    if let Some(why) = canary(subject, &bases, shared).await? {
        return Ok(ChartReport::void(subject, why));
    }
    let only = &shared.options.only;
    let chosen: Vec<&'static Operator> =
        OPERATORS.iter().filter(|operator| only.is_empty() || only.iter().any(|name| name == operator.name)).collect();
    let decided = stream::iter(chosen.iter().enumerate().map(|(index, operator)| {
        let bases = &bases;
        async move {
            let told = fate::decide(operator, subject, bases, shared).await;
            told.inspect(|it| stdio::tell(format_args!("{}: {}", subject.name, print::line(it)))).map(|it| (index, it))
        }
    }));
    let decided: Vec<Result<(usize, OperatorReport)>> = decided.buffer_unordered(AT_ONCE).collect().await;
    let mut operators = decided.into_iter().collect::<Result<Vec<_>>>()?;
    operators.sort_by_key(|(index, _)| *index);
    Ok(ChartReport::of(subject, operators.into_iter().map(|(_, operator)| operator).collect()))
}
