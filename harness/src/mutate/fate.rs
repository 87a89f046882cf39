//! What becomes of an operator: the cheapest scenarios that can notice it are run, until a check that lists it is red.

use std::collections::BTreeSet;

use anyhow::Result;
use chartgate_judge::{Check, Level};
use chartgate_model::plan::Plan;
use chartgate_mutate::{CANARY, Counts, Operator, Sees};

use super::base::{Base, way_for};
use super::report::{Fate, Killed, OperatorReport};
use super::subject::Subject;
use super::trial::{Trial, Way, directory};
use super::{Reach, Shared};

/// So many scenarios are asked for each check, the cheapest first: more of the same would say the same.
const EACH: usize = 2;

/// One scenario, and how it is run.
struct Attempt<'a> {
    base: &'a Base,
    way: Way,
}

/// Tries an operator.
///
/// # Errors
/// [`Environment`](chartgate_process::home::Environment) if something is missing on the machine.
pub(super) async fn decide(
    operator: &'static Operator,
    subject: &Subject,
    bases: &[Base],
    shared: &Shared,
) -> Result<OperatorReport> {
    let helm = &shared.options.run.helm;
    let mut report = OperatorReport::new(operator);
    let having: Vec<&Base> = bases.iter().filter(|base| base.has(operator, helm)).collect();
    if having.is_empty() {
        let is_hidden = operator.sees == Sees::Hooks && helm == "3";
        let why = if is_hidden { "Helm 3 shows no hooks to a post-renderer" } else { "nothing of the chart has it" };
        return Ok(report.ended(Fate::NotApplied, why));
    }
    let is_judged = |base: &&&Base| !base.checks(operator).is_empty();
    let judging: Vec<&Base> = having.iter().filter(is_judged).copied().collect();
    if judging.is_empty() && operator.counts == Counts::WherePromised {
        return Ok(report.ended(Fate::NotApplied, "the contract promises nothing of it"));
    }
    if judging.is_empty() && only_advises(operator) {
        return Ok(report.ended(Fate::AdviceOnly, "the contract does not make its checks binding"));
    }
    let mut has_skipped = false;
    for attempt in attempts(operator, &judging) {
        // Renders cost nothing of a budget that is meant for clusters.
        let is_late = attempt.way != Way::Renders && !shared.has_time();
        if !is_within(attempt.way, shared.options.reach) || is_late {
            has_skipped = true;
            continue;
        }
        let plan = &attempt.base.plan;
        let shown = attempt.base.shown(subject, attempt.way, shared).await?;
        if let Some(red) = shown.red.first() {
            let (name, way) = (&plan.name, attempt.way.name());
            report
                .notes
                .push(format!("{name} is red with the unchanged chart ({way}): {}: {}", red.check, red.message));
            continue;
        }
        let trial = tried(operator, subject, plan, attempt.way, shared).await?;
        report.tried.push(format!("{} ({})", plan.name, attempt.way.name()));
        if let Some(red) = trial.red_of(operator.checks) {
            report.killed = Some(Killed {
                check: red.check.clone(),
                scenario: plan.name.clone(),
                way: attempt.way,
                seconds: trial.seconds,
                message: red.message.clone(),
            });
            return Ok(report.ended(Fate::Killed, ""));
        }
        if let Some(other) = trial.red.first() {
            let name = &plan.name;
            report
                .notes
                .push(format!("{name} is red, but by {}, which does not list it: {}", other.check, other.message));
        }
    }
    let accepted = subject.survives().iter().find(|it| it.operator == operator.name);
    Ok(match accepted {
        Some(accepted) => report.ended(Fate::Accepted, &accepted.reason),
        None if has_skipped && shared.options.reach == Reach::Renders => {
            report.ended(Fate::NotTried, "only a run on a cluster can notice it")
        }
        None if has_skipped && !shared.has_time() => report.ended(Fate::NotTried, "the budget was used up"),
        None if has_skipped => report.ended(Fate::NotTried, "only a run with the chart's images can notice it"),
        None if judging.is_empty() => report.ended(Fate::Survived, "no check that may notice it applies to a scenario"),
        None => report.ended(Fate::Survived, "no check that may notice it was red"),
    })
}

async fn tried(operator: &Operator, subject: &Subject, plan: &Plan, way: Way, shared: &Shared) -> Result<Trial> {
    let mutant = Plan { mutant: Some(operator.name.to_owned()), ..plan.clone() };
    let into = directory(&shared.options.out, subject, Some(operator), plan, way);
    Trial::of(&mutant, way, &into, shared).await
}

/// Whether its harm is a bad habit by its nature: no check that lists it fails by itself.
fn only_advises(operator: &Operator) -> bool {
    operator.checks.iter().filter_map(|name| chartgate_judge::named(name)).all(|check| check.level == Level::Advice)
}

/// Whether a run of this reach goes that way.
fn is_within(way: Way, reach: Reach) -> bool {
    match reach {
        Reach::Renders => way == Way::Renders,
        Reach::Stubs => way <= Way::Stubs,
        Reach::Cluster => true,
    }
}

/// What is tried, the cheapest first: for each check, the scenarios that exist to prove it, or else the others.
fn attempts<'a>(operator: &Operator, bases: &[&'a Base]) -> Vec<Attempt<'a>> {
    let checks: BTreeSet<&str> = bases.iter().flat_map(|base| base.checks(operator)).map(|check| check.name).collect();
    let mut chosen: Vec<(u64, Way, &'a Base)> = Vec::new();
    for check in checks.iter().filter_map(|name| chartgate_judge::named(name)) {
        for way in ways(check) {
            let mut able: Vec<&&Base> =
                bases.iter().filter(|base| base.checks(operator).iter().any(|it| it.name == check.name)).collect();
            able.sort_by_key(|base| (!base.proves(check), !base.is_to_succeed(), base.cost()));
            // Renders are cheap: each scenario that renders something else is asked.
            let most = if way == Way::Renders { able.len() } else { EACH };
            let mut seen: Vec<&Vec<Vec<serde_json::Value>>> = Vec::new();
            for base in able.into_iter().copied() {
                if way == Way::Renders && seen.contains(&&base.renders) {
                    continue;
                }
                seen.push(&base.renders);
                if seen.len() <= most && !chosen.iter().any(|(_, by, known)| *by == way && std::ptr::eq(*known, base)) {
                    chosen.push((base.cost(), way, base));
                }
            }
        }
    }
    chosen.sort_by_key(|(cost, way, _)| (*way != Way::Renders, cost + if *way == Way::Cluster { 10 } else { 0 }));
    chosen.into_iter().map(|(_, way, base)| Attempt { base, way }).collect()
}

/// The ways in which a check is asked: by renders first, where they show a part of what it judges.
fn ways(check: &Check) -> Vec<Way> {
    let mut ways = vec![way_for(check)];
    if check.needs == chartgate_judge::Needs::Render && ways[0] != Way::Renders {
        ways.insert(0, Way::Renders);
    }
    ways
}

/// Why the canary lives, or is not there; `None`: it died, as it must.
///
/// # Errors
/// [`Environment`](chartgate_process::home::Environment) if something is missing on the machine.
pub(super) async fn canary(subject: &Subject, bases: &[Base], shared: &Shared) -> Result<Option<String>> {
    let helm = &shared.options.run.helm;
    let able = bases.iter().filter(|base| base.has(&CANARY, helm));
    let Some(base) = able.min_by_key(|base| (!base.is_to_succeed(), base.cost())) else {
        return Ok(Some("the chart renders no workload, so no harm was put into it".to_owned()));
    };
    // The API server refuses what a render only shows: so far do mutants of a cluster have to come.
    let ways = [(Way::Renders, "schema-valid"), (Way::Stubs, "release-outcome")];
    for (way, check) in ways.into_iter().filter(|(way, _)| is_within(*way, shared.options.reach)) {
        let trial = tried(&CANARY, subject, &base.plan, way, shared).await?;
        if trial.red_of(&[check]).is_none() {
            let (name, way) = (&base.plan.name, way.name());
            return Ok(Some(format!(
                "the canary lives: `{check}` is not red in {name} ({way}), so mutants do not reach the judge"
            )));
        }
    }
    Ok(None)
}
