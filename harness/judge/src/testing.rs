//! Recordings in memory for the checks' tests: a good run of a chart like codex-pooler (install v1, upgrade to v2, roll
//! back), and single changes to it.

mod chart;
mod examples;
mod renders;
mod tape;
mod traffic;

use std::collections::HashMap;

use chartgate_model::plan::{Action, Expect, Fault, Neighbour, Plan};
use chartgate_model::recording::hash_of;
use chartgate_model::recording::{Change, Entry, HookRun, Moment, Probe, Recording, StepOutcome, Variant};
use serde_json::{Value, json};

pub(super) use chart::{deployment, hook, pod};
pub(super) use examples::examples;
pub(super) use renders::{rendering, upgrading};

use super::view::View;
use super::{Check, Finding, Verdict};
use chart::running;
use tape::Tape;

/// A recording that tests change before they judge it.
#[derive(Clone)]
pub(super) struct Story(pub(super) Recording);

/// Judges a story by one check: the verdict, and what the message must say.
#[track_caller]
pub(super) fn check(check: &Check, story: &Story, expected: Verdict, says: &str) -> Finding {
    let finding = (check.judge)(&View::of(&story.0));
    let shown = format!("{}: {}\n{:#?}", check.name, finding.message, finding.evidence);
    assert_eq!(finding.verdict, expected, "{shown}");
    assert!(finding.message.contains(says), "`{says}` is not in the message of {shown}");
    finding
}

/// Picks objects by kind and the beginning of their name.
pub(super) fn named(kind: &str, name: &str) -> impl Fn(&Value) -> bool {
    move |object| object["kind"] == kind && object["metadata"]["name"].as_str().is_some_and(|own| own.starts_with(name))
}

/// Picks the beginning of a step.
pub(super) fn start_of(step: usize) -> impl Fn(&Moment) -> bool {
    move |moment| matches!(moment, Moment::StepStarted { step: other } if *other == step)
}

/// Picks the end of a step.
pub(super) fn end_of(step: usize) -> impl Fn(&Moment) -> bool {
    move |moment| matches!(moment, Moment::StepEnded { step: other, .. } if *other == step)
}

/// A gap in what was seen.
pub(super) fn gap(of: &str) -> Moment {
    Moment::Gap { of: of.to_owned(), why: "the watch was re-listed".to_owned() }
}

impl Story {
    /// Everything went well.
    pub(super) fn good() -> Self {
        let mut tape = Tape::new();
        tape.begin();
        tape.step(0, "v1", 1, true);
        tape.step(1, "v2", 2, true);
        tape.step(2, "v1", 3, false);
        tape.push(Moment::Ended);
        Self(tape.recording)
    }

    /// After the upgrade nothing but a fault: the pods of version 2 are replaced by others.
    pub(super) fn disrupted(fault: Fault, moment: Moment) -> Self {
        let mut tape = Tape::new();
        tape.begin();
        tape.step(0, "v1", 1, true);
        tape.step(1, "v2", 2, true);
        tape.step(2, "v2", 2, false);
        tape.push(Moment::Ended);
        let is_helm = |moment: &Moment| match moment {
            Moment::Helm(call) => call.step == 2,
            Moment::Release(release) => release.step == 2,
            _ => false,
        };
        let story = Self(tape.recording).without(is_helm).before(end_of(2), moment);
        story.plan(|plan| {
            plan.steps[2].action = Action::Disrupt;
            plan.steps[2].fault = Some(fault);
        })
    }

    /// A step ends in another way, and helm says why.
    pub(super) fn ending(self, of: usize, as_it: &StepOutcome, says: &str) -> Self {
        self.moments(|moment| match moment {
            Moment::StepEnded { step, outcome } if *step == of => *outcome = as_it.clone(),
            Moment::Helm(call) if call.step == of => (call.status, call.stderr) = (Some(1), says.to_owned()),
            _ => {}
        })
    }

    /// A step that fails as it is to.
    pub(super) fn failing(self, of: usize, why: &str) -> Self {
        let outcome = StepOutcome::HelmFailed { why: why.to_owned() };
        let story = self.ending(of, &outcome, why).status(of, "failed");
        story.plan(|plan| plan.steps[of].expect = Expect::Fails(why.to_owned()))
    }

    /// What helm says of the release after a step.
    pub(super) fn status(self, of: usize, status: &str) -> Self {
        self.moments(|moment| match moment {
            Moment::Release(release) if release.step == of => status.clone_into(&mut release.status),
            _ => {}
        })
    }

    /// Changes the plan.
    pub(super) fn plan(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        change(&mut self.0.plan);
        self
    }

    /// Changes every moment.
    pub(super) fn moments(mut self, mut change: impl FnMut(&mut Moment)) -> Self {
        self.0.entries.iter_mut().for_each(|entry| change(&mut entry.moment));
        self
    }

    /// Changes the samples.
    pub(super) fn probes(self, pick: impl Fn(&Probe) -> bool, change: impl Fn(&mut Probe)) -> Self {
        self.moments(|moment| match moment {
            Moment::Probe(probe) if pick(probe) => change(probe),
            _ => {}
        })
    }

    /// Changes objects wherever they stand: seen, rendered or in a release.
    pub(super) fn edit(mut self, pick: impl Fn(&Value) -> bool, change: impl Fn(&mut Value)) -> Self {
        let mut renamed = HashMap::new();
        for (hash, object) in self.0.objects.clone() {
            if pick(object.raw()) {
                let mut object = object.raw().clone();
                change(&mut object);
                let new = hash_of(&object);
                self.0.objects.insert(new.clone(), object.into());
                renamed.insert(hash, new);
            }
        }
        assert!(!renamed.is_empty(), "the test changes nothing");
        let rename = |hash: &mut String| *hash = renamed.get(hash).cloned().unwrap_or(hash.clone());
        self.moments(|moment| match moment {
            Moment::Object { hash, .. } => rename(hash),
            Moment::Rendered { objects, .. } | Moment::Variant { objects, .. } => objects.iter_mut().for_each(rename),
            Moment::Release(release) => {
                release.objects.iter_mut().for_each(rename);
                release.hooks.iter_mut().for_each(|hook| rename(&mut hook.object));
            }
            _ => {}
        })
    }

    /// Leaves moments out.
    pub(super) fn without(mut self, pick: impl Fn(&Moment) -> bool) -> Self {
        self.0.entries.retain(|entry| !pick(&entry.moment));
        self.renumbered()
    }

    /// Leaves every sighting of some objects out.
    pub(super) fn unseen(mut self, pick: impl Fn(&Value) -> bool) -> Self {
        let objects = self.0.objects.clone();
        let before = self.0.entries.len();
        self.0.entries.retain(|entry| match &entry.moment {
            Moment::Object { hash, .. } => !objects.get(hash).is_some_and(|object| pick(object.raw())),
            _ => true,
        });
        assert!(self.0.entries.len() < before, "the test hides nothing");
        self.renumbered()
    }

    /// Leaves some objects out of what was rendered and released.
    pub(super) fn unrendered(self, pick: impl Fn(&Value) -> bool) -> Self {
        let all = self.0.objects.clone();
        let keeps = |hash: &String| !all.get(hash).is_some_and(|object| pick(object.raw()));
        self.moments(|moment| match moment {
            Moment::Rendered { objects, .. } | Moment::Variant { objects, .. } => objects.retain(keeps),
            Moment::Release(release) => {
                release.objects.retain(keeps);
                release.hooks.retain(|hook| keeps(&hook.object));
            }
            _ => {}
        })
    }

    /// Leaves some objects out of what one step rendered and released.
    pub(super) fn unrendered_in(self, of: usize, pick: impl Fn(&Value) -> bool) -> Self {
        let all = self.0.objects.clone();
        let keeps = |hash: &String| !all.get(hash).is_some_and(|object| pick(object.raw()));
        self.moments(|moment| match moment {
            Moment::Rendered { step, objects, .. } if *step == of => objects.retain(keeps),
            Moment::Release(release) if release.step == of => {
                release.objects.retain(keeps);
                release.hooks.retain(|hook| keeps(&hook.object));
            }
            _ => {}
        })
    }

    /// Leaves some objects out of what the steps before this one rendered and released.
    pub(super) fn rendered_only_from(self, first: usize, pick: &impl Fn(&Value) -> bool) -> Self {
        let all = self.0.objects.clone();
        let keeps = |hash: &String| !all.get(hash).is_some_and(|object| pick(object.raw()));
        self.moments(|moment| match moment {
            Moment::Rendered { step, objects, .. } if *step < first => objects.retain(keeps),
            Moment::Release(release) if release.step < first => {
                release.objects.retain(keeps);
                release.hooks.retain(|hook| keeps(&hook.object));
            }
            _ => {}
        })
    }

    /// Renders what the first step renders once more, with one thing changed: the objects that differ by it are given.
    pub(super) fn varied(self, variant: Variant, change: impl Fn(&mut Value)) -> Self {
        let mut recording = self.0;
        let base = recording.entries.iter().find_map(|entry| match &entry.moment {
            Moment::Rendered { step: 0, objects, .. } => Some(objects.clone()),
            _ => None,
        });
        let mut objects = Vec::new();
        for hash in base.expect("the first step is rendered") {
            let mut object = recording.objects[&hash].raw().clone();
            change(&mut object);
            let hash = hash_of(&object);
            recording.objects.insert(hash.clone(), object.into());
            objects.push(hash);
        }
        // A recording of renders only has no step that starts.
        let first = |moment: &Moment| matches!(moment, Moment::StepStarted { step: 0 } | Moment::Ended);
        Self(recording).before(first, Moment::Variant { step: 0, variant, error: None, objects })
    }

    /// Adds a moment before another one.
    pub(super) fn before(mut self, pick: impl Fn(&Moment) -> bool, moment: Moment) -> Self {
        let index = self.0.entries.iter().position(|entry| pick(&entry.moment)).expect("the moment is there");
        let at = self.0.entries[index].at;
        self.0.entries.insert(index, Entry { seq: 0, at, moment });
        self.renumbered()
    }

    /// Adds a sighting of an object before a moment.
    pub(super) fn sighting(mut self, pick: impl Fn(&Moment) -> bool, change: Change, object: &Value) -> Self {
        let hash = hash_of(object);
        self.0.objects.insert(hash.clone(), object.clone().into());
        self.before(pick, Moment::Object { change, hash })
    }

    /// Adds objects to what a step rendered and released.
    pub(super) fn rendering(mut self, object: &Value) -> Self {
        let hash = hash_of(object);
        self.0.objects.insert(hash.clone(), object.clone().into());
        let hook = chartgate_k8s::object::hook_events(object).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let weight = &object["metadata"]["annotations"]["helm.sh/hook-weight"];
        let weight = weight.as_str().map_or(0, |weight| weight.parse().expect("a weight is a number"));
        self.moments(|moment| match moment {
            Moment::Rendered { objects, .. } => objects.push(hash.clone()),
            Moment::Release(release) if hook.is_empty() => release.objects.push(hash.clone()),
            Moment::Release(release) => {
                release.hooks.push(HookRun { object: hash.clone(), events: hook.clone(), weight });
            }
            _ => {}
        })
    }

    /// Objects that no sighting or manifest brought in.
    pub(super) fn knowing(mut self, object: &Value) -> Self {
        self.0.objects.insert(hash_of(object), object.clone().into());
        self
    }

    /// A second release stands in the namespace since before the first step, with the same labels.
    pub(super) fn with_neighbour(self) -> Self {
        let mut deployment = deployment("scheduler", "v1");
        deployment["metadata"]["name"] = json!("other-scheduler");
        deployment["metadata"]["uid"] = json!("other-deployment");
        let mut pod = pod("scheduler", 0, "v1");
        pod["metadata"]["name"] = json!("other-scheduler-0");
        pod["metadata"]["uid"] = json!("other-pod");
        pod["metadata"]["ownerReferences"] = json!([{"kind": "Deployment", "uid": "other-deployment"}]);
        pod["status"] = running("scheduler", 0, "v1");
        let neighbour = Neighbour { release: "other".to_owned(), values: json!({}) };
        let story = self.plan(|plan| plan.neighbour = Some(neighbour));
        // Its pod is replaced during the steps: what it goes back to was there before.
        let story = story.sighting(start_of(0), Change::Applied, &deployment);
        story.sighting(end_of(0), Change::Applied, &pod)
    }

    /// Cuts the recording off before a moment.
    pub(super) fn cut(mut self, pick: impl Fn(&Moment) -> bool) -> Self {
        let index = self.0.entries.iter().position(|entry| pick(&entry.moment)).expect("the moment is there");
        self.0.entries.truncate(index);
        self
    }

    /// The first step fails, and none follows.
    pub(super) fn failing_install(self, why: &str) -> Self {
        let story = self.cut(start_of(1)).moments(|moment| match moment {
            Moment::StepEnded { outcome, .. } => *outcome = StepOutcome::HelmFailed { why: why.to_owned() },
            Moment::Helm(call) => (call.status, call.stderr) = (Some(1), format!("Error: {why}")),
            Moment::Release(release) => "failed".clone_into(&mut release.status),
            _ => {}
        });
        let mut story = story.without(|moment| matches!(moment, Moment::Probe(_)));
        let at = story.0.entries.last().map_or(0, |entry| entry.at);
        story.0.entries.push(Entry { seq: 0, at, moment: Moment::Ended });
        story.renumbered()
    }

    fn renumbered(mut self) -> Self {
        for (seq, entry) in (0..).zip(&mut self.0.entries) {
            entry.seq = seq;
        }
        self
    }
}
