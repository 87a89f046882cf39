//! One call of helm that changes the release: made, ended early where it is in vain, followed until everything has settled.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_cluster::error;
use chartgate_k8s::object::kind;
use chartgate_model::obstacle::Obstacle;
use chartgate_model::plan::{Action, Expect, Plan, Step};
use chartgate_process::tool::Interrupt;
use chartgate_process::wait::seconds;
use chartgate_yaml::Manifest;
use futures::FutureExt;
use serde_json::Value;
use tokio::time::Instant;

use super::early::{self, Early, Release};
use super::stage::Stage;
use super::words::{at_step, tail};
use super::{awaited, compare, fault, release, sample, unreachable};
use crate::helm::Helm;
use crate::record::{HelmCall, Moment, StepOutcome, Timeline};

/// Helm has already waited; what it did not wait for may take this much longer, within the step's own time.
pub(super) const SETTLE_LIMIT: Duration = Duration::from_secs(120);
/// What is ready when helm ends at the last moment is seen by then.
const SETTLE_FLOOR: Duration = Duration::from_secs(5);

pub(super) async fn carry_out(
    plan: &Plan,
    index: usize,
    step: &Step,
    helm: &Helm,
    stage: &Stage,
    timeline: &Timeline,
) -> Result<StepOutcome> {
    let values = plan.values_of(step);
    let helm = &helm.of_step(step)?;
    let args = helm.args(plan, step);
    let began = Instant::now();
    let interrupt = Interrupt::default();
    let call = helm.act(step, args.clone(), &values, &interrupt);
    let early = Early::of(step, stage, Release::Helm { plan, helm });
    let activity = at_step(plan, index, &step.describe());
    let mut ended_early = None;
    let output = {
        let mut during = pin!(fault::during(plan, index, stage, timeline, call));
        tokio::select! {
            output = &mut during => output?,
            obstacle = early::certain(early.as_ref()) => {
                let why = ended_early.insert(in_vain(&obstacle?, began)).clone();
                timeline.append(Moment::EndedEarly { step: index, why });
                interrupt.send();
                during.await?
            }
            never = awaited::tell(stage, &activity) => match never {},
        }
    };
    timeline.append(Moment::Helm(HelmCall {
        step: index,
        version: helm.version().to_owned(),
        args,
        status: output.as_ref().and_then(|output| output.status?.code()),
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        stderr: output.as_ref().map(|output| tail(&output.stderr, timeline)).unwrap_or_default(),
    }));
    match &output {
        Some(output) if !output.is_success() => unreachable::check(&output.stderr, &stage.kubeconfig)?,
        Some(_) => {}
        None => fault::rest(stage).await,
    }
    stage.until_seen().await?;
    let status = helm.status(&plan.release).await?;
    if step.action == Action::Test && ended_early.is_none() {
        return release::tested(output, status.as_ref(), stage, timeline).await;
    }
    let manifest = status.as_ref().map(|status| Manifest::read(&status.manifest)).transpose()?.unwrap_or_default();
    if let Some(status) = &status {
        timeline.append(Moment::Release(release::describe(index, status, &manifest, timeline)?));
    }
    let objects = manifest.objects;
    let Some(output) = output else { return Ok(StepOutcome::Interrupted) };
    if !output.is_success() {
        let why = ended_early.into_iter().chain([tail(&output.stderr, timeline), stage.troubles()]);
        let why = why.collect::<Vec<_>>().join("\n");
        let outcome = StepOutcome::HelmFailed { why: why.trim().to_owned() };
        if let Some(early) = &early {
            early.check_machine().await?;
        }
        // What ran before is to go on: it is asked as after a step that succeeds.
        let ran_before = matches!(step.action, Action::Upgrade | Action::Rollback { .. }) && status.is_some();
        if ran_before && is_expected(step, &outcome) && sample::is_possible(plan, index, stage) {
            stage.progress.works(at_step(plan, index, "sampling what ran before"));
            sample::take(plan, index, stage, timeline).await.context("sample what ran before")?;
        }
        return Ok(outcome);
    }
    if step.action == Action::Uninstall {
        return Ok(StepOutcome::Succeeded);
    }
    let deadline = settled_by(&objects, step, began);
    let settle = || {
        let settled = stage.settle(&objects, deadline);
        let early = early.as_ref();
        async move {
            tokio::select! {
                settled = settled => settled,
                obstacle = early::certain(early) => {
                    let why = obstacle.map_or_else(|error| error::message(&error), |obstacle| in_vain(&obstacle, began));
                    timeline.append(Moment::EndedEarly { step: index, why: why.clone() });
                    Err(why)
                }
            }
        }
        .boxed()
    };
    let outcome = sample::of_settled(plan, index, &objects, stage, timeline, settle).await?;
    if let (StepOutcome::NotReady { .. }, Some(early)) = (&outcome, &early) {
        early.check_machine().await?;
    }
    if outcome == StepOutcome::Succeeded {
        compare::note(index, &plan.release, &objects, stage, timeline)
            .await
            .context("compare the manifest with what is live")?;
    }
    Ok(outcome)
}

/// Why a step was ended before its time.
fn in_vain(obstacle: &Obstacle, began: Instant) -> String {
    format!("{} (ended after {}, since that does not pass by itself)", obstacle.why, seconds(began.elapsed()))
}

/// When everything is to be ready: within the step's own time, as helm was given it. Helm waits for no Job, and a user gives one as
/// long as the rest.
fn settled_by(objects: &[Value], step: &Step, began: Instant) -> Instant {
    let has_job = objects.iter().any(|object| kind(object) == "Job");
    let rest = Duration::from_secs(step.timeout_seconds).saturating_sub(began.elapsed());
    let limit = if has_job { rest } else { rest.min(SETTLE_LIMIT) };
    Instant::now() + limit.max(SETTLE_FLOOR)
}

pub(super) fn is_expected(step: &Step, outcome: &StepOutcome) -> bool {
    match (&step.expect, outcome) {
        (Expect::Fails(text), StepOutcome::HelmFailed { why }) => why.contains(text.as_str()),
        (Expect::Succeeds, StepOutcome::Succeeded) | (Expect::Interrupted, StepOutcome::Interrupted) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failure would mean that a scenario's `timeout` does not bound the wait for readiness, or that a Job gets less of it than the user.
    #[test]
    fn the_steps_own_time_bounds_the_wait() {
        let left = |kind: &str, timeout_seconds: u64, gone: u64| {
            let (now, step) = (Instant::now(), Step { timeout_seconds, ..Step::new(Action::Install) });
            let until = settled_by(&[serde_json::json!({"kind": kind})], &step, now - Duration::from_secs(gone));
            until.saturating_duration_since(now).as_secs()
        };
        assert_eq!((left("Deployment", 60, 20), left("Deployment", 60, 59)), (40, 5));
        assert_eq!((left("Deployment", 600, 0), left("Job", 600, 0)), (120, 600));
    }
}
