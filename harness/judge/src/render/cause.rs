//! Why a step of helm failed: the refusal itself, or the hook that helm waited for.

use chartgate_model::plan::Action;

use crate::Evidence;
use crate::view::{StepRun, Track, View, warning};
use chartgate_k8s::trouble::{Trouble, creation_failure, creation_message, trouble};
use chartgate_k8s::typed::Object;
use chartgate_model::refusal::{Ground, Refusal};

const SERVER_HINT: &str = "correct the object that the API server refuses";
const IMMUTABLE_HINT: &str =
    "Kubernetes lets no one change this field: keep its value, or give the object another name";
const TIMEOUT_HINT: &str = "helm waited for a workload: `ready` names it, or its pods are below";
const TEST_HINT: &str = "the end of the test's log says what it missed";

/// What made a step fail.
pub(super) struct Cause {
    /// In one line.
    pub(super) message: String,
    pub(super) evidence: Vec<Evidence>,
    pub(super) hint: String,
}

/// The cause of a step that helm failed.
pub(super) fn of(view: &View, run: &StepRun, refusal: &Refusal) -> Cause {
    let of_hook = || of_hook(view, run).filter(|_| matches!(refusal.ground, Ground::Hook | Ground::Timeout));
    let is_test = run.step.action == Action::Test;
    if let Some((_, why)) = run.ended_early {
        return Cause {
            message: format!("helm was interrupted: {why}"),
            evidence: Vec::new(),
            hint: "`pods-start` tells what to do".to_owned(),
        };
    }
    match refusal.ground {
        Ground::Server => Cause {
            message: format!("the API server refused it: {}", refusal.sentence),
            evidence: Vec::new(),
            hint: if refusal.sentence.contains("immutable") || refusal.sentence.contains("may not change") {
                IMMUTABLE_HINT.to_owned()
            } else {
                SERVER_HINT.to_owned()
            },
        },
        _ if let Some(cause) = of_hook() => cause,
        _ => Cause {
            message: format!("helm failed: {}", refusal.sentence),
            evidence: Vec::new(),
            hint: if is_test { TEST_HINT } else { TIMEOUT_HINT }.to_owned(),
        },
    }
}

/// The hook that failed in a step; else the one that helm still waited for when it gave up.
fn of_hook(view: &View, run: &StepRun) -> Option<Cause> {
    let (_, end) = run.window()?;
    let events = run.events();
    let is_of_step = |track: &&Track| {
        track
            .last()
            .hook_events()
            .iter()
            .any(|event| events.contains(event) || *event == "test-success" && events.contains(&"test"))
            && track.sightings.iter().any(|sighting| run.contains(sighting.seq))
    };
    let hooks: Vec<&Track> = view.all_tracks().filter(is_of_step).collect();
    let failed = hooks.iter().find(|track| state_before(track, end).is_some_and(has_failed));
    let waited = || hooks.iter().find(|track| track.at(end).is_some_and(is_awaited));
    let hook = failed.copied().or_else(|| waited().copied())?;
    Some(describe(view, run, hook, state_before(hook, end)?, end))
}

/// The last state until a moment; one that its delete policy removed is as it was before.
fn state_before<'a>(track: &Track<'a>, end: u64) -> Option<&'a Object> {
    track.sightings.iter().rev().find(|sighting| sighting.seq <= end).map(|sighting| sighting.object)
}

fn has_failed(hook: &Object) -> bool {
    hook.has_condition("Failed") || hook.phase() == "Failed"
}

/// Whether helm waits for the hook: for its end, or for it to be gone before it is made again.
fn is_awaited(hook: &Object) -> bool {
    let is_done = hook.has_condition("Complete") || hook.phase() == "Succeeded";
    hook.is_terminating() || (matches!(hook.kind(), "Job" | "Pod") && !is_done)
}

fn describe(view: &View, run: &StepRun, hook: &Track, state: &Object, end: u64) -> Cause {
    let named = state.slashed();
    if state.is_terminating() && !has_failed(state) {
        let kept = state.metadata().finalizers.as_deref().unwrap_or_default();
        let kept = if kept.is_empty() { String::new() } else { format!(", which {} keeps", kept.join(" and ")) };
        return Cause {
            message: format!("helm waits for its hook {named} to be gone{kept}"),
            evidence: hook.sightings.last().map(|sighting| sighting.evidence("is being deleted")).into_iter().collect(),
            hint: "make no hook of what pods use: helm deletes a hook before it makes it again".to_owned(),
        };
    }
    let pods = match state.kind() {
        "Pod" => vec![hook],
        _ => view.tracks("Pod").filter(|pod| pod.last().is_owned_by(hook.uid())).collect(),
    };
    let pod = pods.iter().rev().find(|pod| run.contains(pod.first().seq)).or(pods.last());
    let pod_state = pod.and_then(|pod| pod.sightings.iter().rev().find(|sighting| trouble(sighting.object).is_some()));
    let among: Vec<&Object> = view.tracks_at(end).filter_map(|track| track.at(end)).collect();
    let refused = creation_failure(state, &among).filter(|_| pod.is_none());
    let why = state.condition("Failed").filter(|found| found.is_true()).map(|found| &found.reason);
    let how = match why {
        Some(reason) => format!("failed ({reason})"),
        None if has_failed(state) => "failed".to_owned(),
        None => "did not end in time".to_owned(),
    };
    let found = pod_state.and_then(|sighting| Some((sighting, trouble(sighting.object)?)));
    let (detail, hint) = match (&found, refused) {
        (Some((sighting, trouble)), _) => {
            (format!("; pod/{}: {trouble}", sighting.object.name()), hint_of(trouble).to_owned())
        }
        (None, Some(event)) => (
            format!("; no pod can be made: {}", creation_message(event)),
            "let the pod's template keep the rule that refuses it, or change that rule".to_owned(),
        ),
        (None, None) => (String::new(), "the hook's Job and the end of its pod's log are below".to_owned()),
    };
    let mut evidence: Vec<Evidence> =
        found.iter().map(|(sighting, trouble)| sighting.evidence(&trouble.to_string())).collect();
    evidence.extend(pod.and_then(|pod| view.log_tail(pod.name(), None, u64::MAX)));
    let about: Vec<&str> = pods.iter().map(|pod| pod.name()).chain([hook.name()]).collect();
    let events = view.tracks("Event").map(Track::first).filter(|event| run.contains(event.seq));
    let is_about = |event: &Object| event.warning().is_some_and(|said| about.contains(&said.about_name()));
    evidence.extend(events.filter(|event| is_about(event.object)).map(|event| warning(&event)));
    Cause { message: format!("its hook {named} {how}{detail}"), evidence, hint }
}

fn hint_of(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::Ended { .. } => {
            "the end of the hook's log says why it ended: its command, its environment, or what it asks"
        }
        other => other.hint(),
    }
}
