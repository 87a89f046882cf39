//! A step of the plan, and what a recording says of it.

use chartgate_k8s::typed::Object;
use chartgate_model::plan::{Action, EffectOnRelease, Excuse, Expect, Hook, Plan, Step};
use chartgate_model::recording::{Entry, HelmCall, Release, StepOutcome};
use chartgate_model::refusal::Refusal;

use super::cause::Cause;
use super::track::{Sighting, Track};

/// A step of the plan, and what came of it.
pub(super) struct StepRun<'a> {
    pub(super) index: usize,
    pub(super) step: &'a Step,
    pub(super) started: Option<&'a Entry>,
    pub(super) ended: Option<(&'a Entry, &'a StepOutcome)>,
    pub(super) rendered: Option<Rendered<'a>>,
    pub(super) helm: Option<(&'a Entry, &'a HelmCall)>,
    pub(super) release: Option<&'a Release>,
    /// When nobody waited any longer, and why.
    pub(super) ended_early: Option<(&'a Entry, &'a str)>,
}

/// What helm made of a step: what the release holds; where the step made none, what `helm template` gave.
pub(super) struct Rendered<'a> {
    pub(super) entry: &'a Entry,
    pub(super) error: Option<&'a str>,
    pub(super) objects: Vec<&'a Object>,
    /// The values that the refusal names.
    pub(super) needs: &'a [String],
    /// On a cluster helm may render what `helm template` refused.
    pub(super) asks_cluster: bool,
}

impl StepRun<'_> {
    /// Number and verb, as messages show them; people count from 1.
    pub(super) fn label(&self) -> String {
        format!("step {} ({})", self.index + 1, self.step.title())
    }

    pub(super) fn is_succeeded(&self) -> bool {
        self.ended.is_some_and(|(_, outcome)| *outcome == StepOutcome::Succeeded)
    }

    pub(super) fn is_to_succeed(&self) -> bool {
        self.step.expect == Expect::Succeeds
    }

    /// Whether the step is judged; one of an earlier version only leads up to what is.
    pub(super) fn is_tested(&self) -> bool {
        self.step.from.is_none()
    }

    /// Whether the step leaves the release as it is, and only disturbs what runs of it, or changes what is beside it.
    pub(super) fn is_disruption(&self) -> bool {
        self.step.action.effect() == EffectOnRelease::Disturbed
    }

    /// Whether helm is to go back by itself, because the step is to fail.
    pub(super) fn is_to_roll_back(&self) -> bool {
        self.step.rolls_back && self.step.action == Action::Upgrade && matches!(self.step.expect, Expect::Fails(_))
    }

    /// Whether a release is there after the step: it was not removed, nor was the step outside helm.
    pub(super) fn leaves_release(&self) -> bool {
        self.step.action.effect().is_revision()
    }

    /// Whether the step is the run of this hook outside helm.
    pub(super) fn is_run_of(&self, name: &str) -> bool {
        matches!(&self.step.action, Action::RunHook { hook } if hook == name)
    }

    /// Whether the step's fault brings something with it, so that no check blames the chart for it.
    pub(super) fn excuses(&self, excuse: Excuse) -> bool {
        self.step.fault.as_ref().is_some_and(|fault| fault.kind().excuses.contains(&excuse))
    }

    /// The first and the last moment of the step; a step that did not end goes on to the recording's end.
    pub(super) fn window(&self) -> Option<(u64, u64)> {
        let start = self.started?.seq;
        Some((start, self.ended.map_or(u64::MAX, |(entry, _)| entry.seq)))
    }

    pub(super) fn contains(&self, seq: u64) -> bool {
        self.window().is_some_and(|(start, end)| (start..=end).contains(&seq))
    }

    /// The last that was seen of an object in the step.
    pub(super) fn last_of<'o>(&self, track: &Track<'o>) -> Option<Sighting<'o>> {
        track.sightings.iter().rev().find(|sighting| self.contains(sighting.seq)).copied()
    }

    /// What was rendered for the step.
    pub(super) fn rendered_objects(&self) -> impl Iterator<Item = &Object> {
        self.rendered.iter().flat_map(|rendered| rendered.objects.iter().copied())
    }

    /// The hook events that Helm runs in this step.
    pub(super) fn events(&self) -> Vec<&'static str> {
        let mut events = self.step.action.verb().events.to_vec();
        if self.is_to_roll_back() {
            events.extend(["pre-rollback", "post-rollback"]);
        }
        events
    }

    /// How often a hook is to run in this step.
    pub(super) fn runs_of(&self, hook: &Hook) -> usize {
        self.events().into_iter().filter(|event| hook.events.iter().any(|other| other == event)).count()
    }

    /// How often a hook of the plan is to run in this step: never where its values switch it off.
    pub(super) fn due(&self, plan: &Plan, name: &str, hook: &Hook) -> usize {
        if plan.is_absent_in(self.index, name) { 0 } else { self.runs_of(hook) }
    }

    /// What helm was refused, where it failed.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let Some((_, StepOutcome::HelmFailed { why })) = self.ended else { return None };
        let printed = self.helm.map(|(_, call)| call.stderr.as_str()).filter(|printed| !printed.trim().is_empty());
        Some(Refusal::of(printed.unwrap_or(why)))
    }

    /// Why the step proves nothing of a running release; `None`: it succeeded.
    pub(super) fn unfinished(&self) -> Option<Cause> {
        let label = self.label();
        let refused = self.rendered.as_ref().and_then(|rendered| rendered.error).filter(|_| self.started.is_none());
        let cause = match (self.ended, refused.map(Refusal::of)) {
            (_, Some(refusal)) => {
                Cause::new(format!("{label} never ran, because the chart does not render"), refusal.sentence)
            }
            _ if self.started.is_none() => format!("{label} never ran").into(),
            (None, _) => format!("the recording ends in {label}").into(),
            (Some((_, StepOutcome::Succeeded)), _) => return None,
            (Some((_, StepOutcome::HelmFailed { why })), _) => {
                let sentence = self.refusal().map_or_else(|| why.clone(), |refusal| refusal.sentence);
                Cause::new(format!("{label} failed"), sentence)
            }
            (Some((_, StepOutcome::NotReady { why })), _) => Cause::new(format!("{label} did not become ready"), why),
            (Some((_, StepOutcome::Interrupted)), _) => format!("helm was killed in {label}").into(),
            (Some((_, StepOutcome::NotExamined { why })), _) => Cause::new(format!("{label} was not examined"), why),
        };
        let is_at_fault = self.is_tested() || (self.ended.is_none() && refused.is_none());
        Some(if is_at_fault { cause } else { Cause::of("the version to upgrade from does not install", &cause) })
    }
}
