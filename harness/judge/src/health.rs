//! Health: workloads become ready, answer as promised, and stay up.

mod probes;
mod start;

pub(super) use probes::PROBE_INDEPENDENCE;
pub(super) use start::PODS_START;

use std::collections::BTreeMap;

use chartgate_model::plan::{Action, HealthPath};
use chartgate_model::recording::{Answer, Probe, StepOutcome};

use super::cause::Cause;
use super::tally::{Tally, not_applicable};
use super::view::{Sighting, StepRun, Track, View, warning};
use super::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::ready::{goes_when_done, is_in, is_pod_of, is_workload, not_ready};
use chartgate_k8s::trouble::{Trouble, creation_failure, trouble};
use chartgate_k8s::typed::{Object, OrEmpty};
use chartgate_model::refusal::Ground;

pub(super) const READY: Check = Check {
    name: "ready",
    proves: "every workload of the manifest was ready at the end of each step, by its own kind's rule",
    means: "the release looks installed, but a part of it does not run",
    explanation: include_str!("explanation/ready.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::symptom(2).explaining(&["release-outcome"]),
    judges_refusals: false,
    judge: ready,
};

pub(super) const HEALTH_PATH: Check = Check {
    name: "health-path",
    proves: "each path of a serving role answers exactly as promised, at each pod and through its Service",
    means: "load balancers and monitors see a healthy application as broken, or a broken one as healthy",
    explanation: include_str!("explanation/health-path.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::symptom(3),
    judges_refusals: false,
    judge: health_path,
};

pub(super) const NO_RESTARTS: Check = Check {
    name: "no-restarts",
    proves: "no container ever restarted",
    means: "pods crash before they settle: a race at start-up, a wrong probe, or too little memory",
    explanation: include_str!("explanation/no-restarts.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::symptom(1),
    judges_refusals: false,
    judge: no_restarts,
};

fn ready(view: &View) -> Finding {
    if view.has_render() && !view.rendered().any(|object| is_workload(object) && !object.is_hook()) {
        return not_applicable(READY.name, "the chart renders no workload");
    }
    let mut tally = Tally::of_whole(READY.name, view);
    // What is applied where no release stands says nothing of one.
    let is_about_release = |run: &StepRun| {
        let is_beside = matches!(run.step.action, Action::Apply { .. });
        if is_beside { view.probes(run.index).next().is_some() } else { run.leaves_release() || run.is_disruption() }
    };
    for run in view.tested().filter(|run| is_about_release(run) && run.is_to_succeed()) {
        judge_ready(view, run, &mut tally);
    }
    tally.finish("every workload was ready at the end of each step")
}

fn judge_ready(view: &View, run: &StepRun, tally: &mut Tally) {
    let label = run.label();
    let Some((ended, outcome)) = run.ended else { return };
    let end = ended.seq;
    let kinds = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "Pod"];
    if let Some((seen, why)) = view.gap_in(run, &kinds) {
        tally.void(format!("whether every workload was ready after {label} is unknown: {why}")).with([seen]);
        return;
    }
    if let StepOutcome::NotReady { why } = outcome {
        let message = match run.helm {
            Some(_) => format!("helm took {label} for done, but the harness does not: {why}"),
            None => format!("the release was not ready again after {label}: {why}"),
        };
        tally.fail(message).with(view.troubles(run));
    }
    let Some(release) = view.release_of(run) else {
        tally.void(format!("the release was not recorded after {label}"));
        return;
    };
    let manifest = view.manifest(release);
    let workloads: Vec<&Object> = manifest.into_iter().filter(|object| is_workload(object)).collect();
    if workloads.is_empty() {
        tally.void(format!("the release has no workload after {label}"));
    }
    let among: Vec<&Object> = view.tracks_at(end).filter_map(|track| track.at(end)).collect();
    for workload in workloads {
        if !is_in(view.namespace, workload) {
            let ns = workload.namespace().unwrap_or_default();
            let message =
                format!("{} is in namespace `{ns}`, and only the release's own is watched", workload.slashed());
            tally.void(message).hint("let the chart install it to `.Release.Namespace`, or waive it with that reason");
            continue;
        }
        if goes_when_done(workload) {
            judge_passing(view, run, workload, tally);
            continue;
        }
        let mut live = view.tracks(workload.kind()).filter(|track| track.name() == workload.name());
        let live: Option<(&Track, &Object)> = live.find_map(|track| Some((track, track.at(end)?)));
        let Some((track, state)) = live else {
            // Helm may have failed before it created it.
            if run.is_succeeded() {
                tally.fail(format!("{} does not exist at the end of {label}", workload.slashed()));
            }
            continue;
        };
        match not_ready(state, &among) {
            None => tally.proved(track.first().evidence(&format!("was ready at the end of {label}"))),
            Some(why) => {
                let message = format!("{why} at the end of {label}");
                match run.refusal().filter(|refusal| !matches!(refusal.ground, Ground::Timeout | Ground::Other)) {
                    // Helm did not wait for it: what it was refused is the cause.
                    Some(refusal) => {
                        tally.void_since(&Cause::new(format!("{label} failed"), refusal.sentence), message);
                    }
                    None => {
                        tally.fail(message).with(about(view, run, state)).hint(hint_for(state, &among));
                    }
                }
            }
        }
    }
}

/// A Job that is removed once it has ended: how it ended is what was seen of it last.
fn judge_passing(view: &View, run: &StepRun, job: &Object, tally: &mut Tally) {
    let label = run.label();
    let (_, end) = run.window().unwrap_or_default();
    let ran = view.tracks("Job").filter(|track| track.name() == job.name() && track.first().seq <= end).last();
    match ran {
        Some(track) if track.completed().is_some() => {
            tally.proved(track.first().evidence(&format!("was complete at the end of {label}")));
        }
        Some(track) => {
            let why =
                not_ready(track.last(), &[]).unwrap_or_else(|| format!("{} was not seen to complete", job.slashed()));
            tally.fail(format!("{why} at the end of {label}")).with([track.first().evidence("was created")]);
        }
        None if run.is_succeeded() => {
            tally.fail(format!("{} does not exist at the end of {label}, and was never seen", job.slashed()));
        }
        None => {}
    }
}

/// What a person can do about a workload that is not ready.
fn hint_for(workload: &Object, among: &[&Object]) -> &'static str {
    let pods = among.iter().filter(|object| object.kind() == "Pod" && is_pod_of(workload, object));
    match pods.into_iter().find_map(|pod| trouble(pod)) {
        Some(trouble) => trouble.hint(),
        None if creation_failure(workload, among).is_some() => {
            "let the pod's template keep the rule that refuses it (quota, limit, policy or webhook), or change that rule"
        }
        None => Trouble::Phase(String::new()).hint(),
    }
}

/// What Events and logs say about a workload and its pods in a step.
fn about(view: &View, run: &StepRun, workload: &Object) -> Vec<Evidence> {
    let Some((_, end)) = run.window() else { return Vec::new() };
    let mut names = vec![workload.name()];
    let mut evidence = Vec::new();
    names.extend(view.tracks("ReplicaSet").filter(|set| set.last().is_owned_by(workload.uid())).map(Track::name));
    for pod in view.tracks("Pod").filter(|pod| is_pod_of(workload, pod.last())) {
        names.push(pod.name());
        if pod.at(end).is_some_and(|pod| !pod.is_ready_pod()) {
            evidence.push(pod.first().evidence("was created"));
            evidence.extend(view.log_tail(pod.name(), None, end));
        }
    }
    // The same Event is seen again each time it repeats: its first sighting says it all.
    let events = view.tracks("Event").map(Track::first).filter(|event| run.contains(event.seq));
    let mut told: Vec<(&str, &str)> = Vec::new();
    for event in events {
        let Some(said) = event.object.warning() else { continue };
        let what = (said.about_name(), said.message());
        if names.contains(&what.0) && !told.contains(&what) {
            told.push(what);
            evidence.push(warning(&event));
        }
    }
    evidence
}

fn health_path(view: &View) -> Finding {
    let roles: Vec<(&String, &Vec<HealthPath>)> = view
        .plan
        .present_roles()
        .filter_map(|(name, role)| Some((name, &role.serves.as_ref()?.paths)))
        .filter(|(_, paths)| !paths.is_empty())
        .collect();
    if roles.is_empty() {
        return not_applicable(HEALTH_PATH.name, "the contract promises no path of a serving role");
    }
    let mut tally = Tally::of_whole(HEALTH_PATH.name, view);
    for run in view.settled() {
        for (role, paths) in roles.iter().filter(|(role, _)| !view.plan.is_absent_in(run.index, role)) {
            for path in *paths {
                judge_path(view, run, role, path, &mut tally);
            }
        }
    }
    tally.finish("each promised path answered as promised, at each pod and through its Service")
}

fn judge_path(view: &View, run: &StepRun, role: &str, path: &HealthPath, tally: &mut Tally) {
    let label = run.label();
    let (_, end) = run.window().unwrap_or_default();
    let mut due: Vec<Option<&str>> = vec![None];
    due.extend(
        view.pods_of_role(role)
            .iter()
            .filter(|pod| pod.at(end).is_some_and(Object::is_ready_pod))
            .map(|pod| Some(pod.name())),
    );
    // A pod that was asked just as it left counts for nothing.
    let counts = |probe: &Probe| probe.ready_throughout || due.contains(&probe.pod.as_deref());
    let asked: Vec<_> = view
        .probes(run.index)
        .filter(|(_, probe)| probe.role == role && probe.path.as_ref() == Some(&path.path) && counts(probe))
        .collect();
    if due.len() == 1 {
        tally.void(format!("role `{role}` has no ready pod to ask for {} after {label}", path.path));
    }
    for target in due {
        if !asked.iter().any(|(_, probe)| probe.pod.as_deref() == target) {
            let whom = target.map_or("its Service".to_owned(), |pod| format!("pod/{pod}"));
            tally.void(format!("{} of role `{role}` was not asked for {} after {label}", whom, path.path));
        }
    }
    for (entry, probe) in asked {
        let whom = asked_whom(probe);
        let (what, is_proof) = match difference(path, &probe.answer) {
            None => (format!("answered {} as promised", path.path), true),
            Some(difference) => (difference, probe.ready_throughout),
        };
        let seen =
            Evidence { seq: Some(entry.seq), at: Some(entry.at), text: format!("{whom} at {} {what}", probe.address) };
        match (difference(path, &probe.answer).is_none(), is_proof) {
            (true, _) => tally.proved(seen),
            (false, true) => {
                let message = format!("{whom} of role `{role}` {what} for {} after {label}", path.path);
                tally.fail(message).with([seen]).hint("correct the path in the chart's probes or in the contract");
            }
            (false, false) => {
                tally
                    .void(format!("{whom} of role `{role}` {what} after {label}, but it was not ready all the time"))
                    .with([seen]);
            }
        }
    }
}

/// Whom a probe asked.
pub(super) fn asked_whom(probe: &Probe) -> String {
    probe.pod.as_ref().map_or("the Service".to_owned(), |pod| format!("pod/{pod}"))
}

/// How an answer differs from what is promised; `None`: it does not.
pub(super) fn difference(promised: &HealthPath, answer: &Answer) -> Option<String> {
    match answer {
        Answer::Refused => Some("refused the connection".to_owned()),
        Answer::TimedOut => Some("did not answer in time".to_owned()),
        Answer::Failed(why) => Some(format!("did not answer ({why})")),
        Answer::Connected | Answer::Replied(_) | Answer::Closed { .. } => Some("was not asked over HTTP".to_owned()),
        Answer::Http { status, headers, body } => {
            if *status != promised.status {
                return Some(format!("answered with status {status}, not {}", promised.status));
            }
            if let Some(text) = promised.body.as_ref().filter(|text| !body.contains(text.as_str())) {
                let start: String = body.chars().take(80).collect();
                return Some(format!("answered with a body without `{text}` (`{start}`)"));
            }
            let wrong = promised.headers.iter().find(|(name, value)| headers.get(*name) != Some(value))?;
            let (name, value) = wrong;
            let actual = headers.get(name).map_or("no such header".to_owned(), |actual| format!("`{actual}`"));
            Some(format!("answered with {actual} for header `{name}`, not `{value}`"))
        }
    }
}

fn no_restarts(view: &View) -> Finding {
    if view.has_render() && !view.rendered().any(|object| object.template().is_some()) {
        return not_applicable(NO_RESTARTS.name, "the chart renders nothing that has pods");
    }
    let mut tally = Tally::of_whole(NO_RESTARTS.name, view);
    if let Some((seen, why)) = view.gap(&["Pod"], 0, u64::MAX) {
        tally.void(format!("a restart may have been missed: {why}")).with([seen]);
    }
    for pod in view.tracks("Pod") {
        // Where a step is to fail, its pods may crash; those of an earlier version are not judged.
        if view.step_at(pod.first().seq).is_some_and(|run| !run.is_to_succeed() || !run.is_tested()) {
            continue;
        }
        let restarted = restarted(pod);
        if restarted.is_empty() {
            tally.proved(pod.first().evidence("never restarted"));
        }
        for (container, (count, sighting)) in restarted {
            let status = sighting.object.statuses().find(|status| status.name == container);
            let ended = status.and_then(|status| status.last_state.as_ref()?.terminated.as_ref());
            let ended = ended.map_or(String::new(), |ended| {
                format!("; it last ended with exit code {} ({})", ended.exit_code, ended.reason.or_empty())
            });
            let message = format!("container `{container}` of pod/{} restarted {count} times{ended}", pod.name());
            let claim = tally.fail(message).with([sighting.evidence("was seen with the restart")]);
            claim.with(view.log_tail(pod.name(), Some(container), u64::MAX));
            let name = pod.name();
            let events = view.tracks("Event").map(Track::first);
            claim.with(
                events
                    .filter(|event| event.object.warning().is_some_and(|said| said.about_name() == name))
                    .map(|event| warning(&event)),
            );
        }
    }
    tally.finish("no container restarted")
}

/// The containers of a pod that restarted, how often, and when it was seen last.
fn restarted<'a>(pod: &Track<'a>) -> BTreeMap<&'a str, (i32, Sighting<'a>)> {
    let mut restarted = BTreeMap::new();
    for sighting in &pod.sightings {
        for status in sighting.object.statuses() {
            let count = status.restart_count;
            let known: &mut (i32, Sighting) = restarted.entry(status.name.as_str()).or_insert((0, *sighting));
            if count > known.0 {
                *known = (count, *sighting);
            }
        }
    }
    restarted.retain(|_, (count, _)| *count > 0);
    restarted
}

#[cfg(test)]
mod tests;
