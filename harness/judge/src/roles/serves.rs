//! `role-serves`: the serving role accepts connections, and no other does.

use std::collections::BTreeSet;

use chartgate_model::guard::guards;
use chartgate_model::recording::{Answer, Entry, Probe};

use crate::tally::{Tally, not_applicable};
use crate::view::{StepRun, Track, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::{Object, OrEmpty, is_ready};
use k8s_openapi::api::discovery::v1::EndpointSlice;

pub(crate) const ROLE_SERVES: Check = Check {
    name: "role-serves",
    proves: "only the serving role accepts connections, probed from the network, and only its pods are behind a Service",
    means: "requests reach a pod that is not meant to answer them, or none at all",
    explanation: include_str!("../explanation/role-serves.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::symptom(4),
    judges_refusals: false,
    judge: role_serves,
};

fn role_serves(view: &View) -> Finding {
    if !view.plan.present_roles().any(|(_, role)| role.serves.is_some()) {
        return not_applicable(ROLE_SERVES.name, "the contract names no role that serves");
    }
    let mut tally = Tally::of_whole(ROLE_SERVES.name, view);
    for run in view.settled() {
        for (role, _) in view.plan.roles_in(run.index) {
            judge_role(view, run, role, &mut tally);
        }
        judge_endpoints(view, run, &mut tally);
    }
    judge_strangers(view, &mut tally);
    tally.finish("only the serving role accepted connections, and only its pods stood behind a Service")
}

fn judge_role(view: &View, run: &StepRun, role: &str, tally: &mut Tally) {
    let label = run.label();
    let promised = view.plan.roles.get(role);
    let is_serving = promised.is_some_and(|role| role.serves.is_some());
    let is_free = promised.is_some_and(|role| !role.listens.is_empty());
    let refused = refused_ports(view, role);
    let is_asked = |(_, probe): &(&Entry, &Probe)| probe.role == role && probe.pod.is_some() && probe.path.is_none();
    let staying = ready_pods(view, run, role);
    let is_staying = |probe: &Probe| staying.iter().any(|pod| probe.pod.as_deref() == Some(pod.name()));
    // A pod that was asked just as it left says nothing of its role, unless it accepted: it counts for nothing.
    let counts = |probe: &Probe| probe.ready_throughout || is_accepted(&probe.answer) || is_staying(probe);
    let probes = view.probes(run.index).filter(is_asked).filter(|(_, probe)| counts(probe));
    let probes: Vec<(&Entry, &Probe)> = probes.collect();
    if probes.is_empty() && is_free && !is_serving {
        // All that it could be asked at is left to it.
        return;
    }
    if probes.is_empty() {
        tally.void(format!("no connection to a pod of role `{role}` was tried after {label}"));
        return;
    }
    for pod in &staying {
        if !probes.iter().any(|(_, probe)| probe.pod.as_deref() == Some(pod.name())) {
            tally.void(format!("no connection to pod/{} of role `{role}` was tried after {label}", pod.name()));
        }
    }
    judge_asked(run, role, &staying, &refused, &probes, tally);
    for (entry, probe) in probes {
        let port = port_asked(probe);
        let is_closed = port.is_some_and(|port| refused.iter().any(|(_, refused)| *refused == Some(port)));
        let pod = probe.pod.as_deref().unwrap_or_default();
        let shown = format!("pod/{pod} of role `{role}` at {}", probe.address);
        let seen = |what: &str| Evidence { seq: Some(entry.seq), at: Some(entry.at), text: format!("{shown} {what}") };
        let has_control = probe.control.as_ref().is_some_and(is_accepted);
        match (&probe.answer, is_serving && !is_closed) {
            (Answer::Connected | Answer::Http { .. }, _) if is_closed => {
                let message = format!(
                    "{shown} accepted a connection after {label}, though the contract says that it `refuses` there"
                );
                let hint = "let it listen on `127.0.0.1` alone, or not at all";
                tally.fail(message).with([seen("accepted a connection")]).hint(hint);
            }
            (Answer::Connected | Answer::Http { .. }, true) => tally.proved(seen("accepted a connection")),
            (Answer::Connected | Answer::Http { .. }, false) => {
                let message = format!("{shown} accepted a connection after {label}, though the role serves nothing");
                let hint = "let the role listen on no port: see the environment that starts its server";
                tally.fail(message).with([seen("accepted a connection")]).hint(hint);
            }
            (Answer::Refused, _) if !probe.ready_throughout => {
                tally.void(format!("{shown} refused a connection after {label}, but it was not ready all the time"));
            }
            (Answer::Refused, true) => {
                let message = format!("{shown} refused a connection after {label}, though it was ready");
                tally
                    .fail(message)
                    .with([seen("refused a connection")])
                    .hint("see the port that the server listens on");
            }
            (Answer::Refused, false) if !has_control => {
                let message =
                    format!("{shown} refused a connection after {label}, but no serving pod answered the same prober");
                tally.void(message).with([seen("refused a connection")]);
            }
            (Answer::Refused, false) => {
                tally.proved(seen("refused a connection, while a serving pod accepted one from the same prober"));
            }
            (Answer::TimedOut, false) if has_control && probe.ready_throughout && is_guarded(view, run, pod) => {
                tally.proved(seen("did not answer: a NetworkPolicy guards it"));
            }
            (Answer::TimedOut, _) => {
                tally.void(format!("a connection to {shown} timed out after {label}")).with([seen("did not answer")]);
            }
            (Answer::Replied(_) | Answer::Closed { .. }, _) => {
                tally.void(format!("{shown} answered a question that was not asked after {label}"));
            }
            (Answer::Failed(why), _) => {
                tally
                    .void(format!("a connection to {shown} failed after {label}: {why}"))
                    .with([seen("did not answer")]);
            }
        }
    }
}

/// The ports that a role is to refuse, as the contract says them, and their numbers where a pod tells them.
fn refused_ports<'a>(view: &View<'a>, role: &str) -> Vec<(&'a str, Option<u16>)> {
    let pods = view.pods_of_role(role);
    let ports = view.plan.roles.get(role).map_or(&[][..], |role| role.refuses.as_slice()).iter();
    let number = |port: &str| pods.iter().find_map(|pod| pod.last().pod()?.port_of(port));
    ports.map(|port| (port.as_str(), number(port))).collect()
}

/// Each staying pod was asked at each port that it is to refuse.
fn judge_asked(
    run: &StepRun,
    role: &str,
    staying: &[&Track],
    refused: &[(&str, Option<u16>)],
    probes: &[(&Entry, &Probe)],
    tally: &mut Tally,
) {
    for (named, number) in refused {
        let is_asked = |pod: &&&Track| {
            let is_it = |probe: &Probe| probe.pod.as_deref() == Some(pod.name()) && port_asked(probe) == *number;
            number.is_some() && probes.iter().any(|(_, probe)| is_it(probe))
        };
        if let Some(pod) = staying.iter().find(|pod| !is_asked(pod)) {
            let message = format!(
                "port {named} of pod/{} of role `{role}`, which is to refuse connections, was not tried after {}",
                pod.name(),
                run.label()
            );
            tally.void(message).hint("give its number: only a port that a container declares has a name");
        }
    }
}

/// The port that a question went to.
fn port_asked(probe: &Probe) -> Option<u16> {
    probe.address.rsplit_once(':')?.1.parse().ok()
}

/// Whether a policy decides who may ask a pod at the step's end: then silence is what a connection meets that is not to arrive.
fn is_guarded(view: &View, run: &StepRun, pod: &str) -> bool {
    let Some((_, end)) = run.window() else { return false };
    let Some(pod) = view.object_at("Pod", pod, end).and_then(Object::pod) else { return false };
    view.tracks("NetworkPolicy").filter_map(|policy| policy.at(end)).any(|policy| guards(policy, pod))
}

fn is_accepted(answer: &Answer) -> bool {
    matches!(answer, Answer::Connected | Answer::Http { .. })
}

fn ready_pods<'a, 'v>(view: &'v View<'a>, run: &StepRun, role: &str) -> Vec<&'v Track<'a>> {
    let Some((_, end)) = run.window() else { return Vec::new() };
    view.pods_of_role(role).into_iter().filter(|pod| pod.at(end).is_some_and(Object::is_ready_pod)).collect()
}

/// Every ready pod of a serving role is behind a Service at the step's end.
fn judge_endpoints(view: &View, run: &StepRun, tally: &mut Tally) {
    let Some((_, end)) = run.window() else { return };
    let label = run.label();
    if let Some((seen, why)) = view.gap_in(run, &["EndpointSlice", "Pod"]) {
        tally.void(format!("which pods stood behind a Service after {label} is unknown: {why}")).with([seen]);
        return;
    }
    let slices: Vec<&Object> = view.tracks("EndpointSlice").filter_map(|slice| slice.at(end)).collect();
    let behind: BTreeSet<&str> = slices.iter().flat_map(|slice| targets(slice)).map(|(uid, _)| uid).collect();
    for (role, _) in view.plan.roles_in(run.index).filter(|(_, role)| role.serves.is_some()) {
        for pod in ready_pods(view, run, role) {
            if behind.contains(pod.uid()) {
                tally.proved(pod.first().evidence(&format!("stood behind a Service at the end of {label}")));
                continue;
            }
            let message =
                format!("pod/{} of role `{role}` is ready but behind no Service at the end of {label}", pod.name());
            let hint = "compare the Service's `selector` and `targetPort` with the pod's labels and ports";
            tally.fail(message).with([pod.first().evidence("was created")]).hint(hint);
        }
    }
}

/// No pod of a hook, or of a role that serves nothing, was ever a ready endpoint of a Service.
fn judge_strangers(view: &View, tally: &mut Tally) {
    let silent = view.plan.roles.iter().filter(|(_, role)| role.serves.is_none());
    let mut strangers: Vec<(&str, String)> = silent
        .flat_map(|(role, _)| view.pods_of_role(role).into_iter().map(move |pod| (pod.uid(), format!("role `{role}`"))))
        .collect();
    let jobs = view.hook_jobs().into_iter();
    strangers.extend(
        jobs.flat_map(|job| {
            view.pods_of_job(job).into_iter().map(|pod| (pod.uid(), format!("hook job/{}", job.name())))
        }),
    );
    let own: BTreeSet<&str> = view.tracks("Pod").filter(|pod| !view.is_neighbours(pod)).map(Track::uid).collect();
    let neighbours: BTreeSet<&str> = view.tracks("Pod").filter(|pod| view.is_neighbours(pod)).map(Track::uid).collect();
    let mut told = BTreeSet::new();
    for slice in view.tracks("EndpointSlice") {
        let (others, of) = if view.is_neighbours(slice) {
            (&own, "the release under test, but it stood behind the second release's")
        } else {
            (&neighbours, "the second release, but it stood behind")
        };
        for sighting in slice.sightings.iter().filter(|sighting| view.is_tested_at(sighting.seq)) {
            for (uid, pod) in targets(sighting.object).filter(|(uid, _)| others.contains(uid)) {
                if told.insert(uid) {
                    let service = sighting.object.slice_of().unwrap_or_default();
                    let seen = sighting.evidence(&format!("had pod/{pod} as a ready endpoint"));
                    let claim = tally.fail(format!("pod/{pod} belongs to {of} service/{service}")).with([seen]);
                    claim.hint("select by `app.kubernetes.io/instance: {{ .Release.Name }}` too");
                }
            }
        }
    }
    for slice in view.tracks("EndpointSlice").filter(|slice| !is_discovery(view, slice.last())) {
        for sighting in slice.sightings.iter().filter(|sighting| view.is_tested_at(sighting.seq)) {
            for (uid, pod) in targets(sighting.object) {
                let Some((_, of)) = strangers.iter().find(|(stranger, _)| *stranger == uid && !uid.is_empty()) else {
                    continue;
                };
                if told.insert(uid) {
                    let service = sighting.object.slice_of().unwrap_or_default();
                    let message = format!("pod/{pod} of {of} serves nothing, but it stood behind service/{service}");
                    let seen = sighting.evidence(&format!("had pod/{pod} as a ready endpoint"));
                    tally.fail(message).with([seen]).hint(format!("narrow the `selector` of service/{service}"));
                }
            }
        }
    }
}

/// Whether a slice belongs to a Service by which pods find each other, and which brings them no requests: the contract names it, or it
/// is a headless one on other ports than those that a role serves.
fn is_discovery(view: &View, slice: &Object) -> bool {
    let service = slice.slice_of().unwrap_or_default();
    if view.is_for_discovery(service) {
        return true;
    }
    let is_it = |object: &Object| object.kind() == "Service" && object.name() == service;
    let seen = view.tracks("Service").map(Track::last).find(|object| is_it(object));
    let is_headless = seen.or_else(|| view.rendered().find(|object| is_it(object))).is_some_and(Object::is_headless);
    let serving = view.plan.present_roles().filter_map(|(role, it)| Some((role, it.serves.as_ref()?)));
    let served: BTreeSet<u16> = serving
        .flat_map(|(role, serves)| {
            view.pods_of_role(role).into_iter().filter_map(|pod| pod.last().pod()?.port_of(&serves.port))
        })
        .collect();
    let ports = slice.typed::<EndpointSlice>().into_iter().flat_map(|slice| slice.ports.iter().flatten());
    let mut ports = ports.filter_map(|port| u16::try_from(port.port?).ok());
    is_headless && !ports.any(|port| served.contains(&port))
}

/// The pods that get a Service's traffic: uid and name of each ready endpoint's target.
pub(crate) fn targets(slice: &Object) -> impl Iterator<Item = (&str, &str)> {
    let targets =
        slice.endpoints().iter().filter(|endpoint| is_ready(endpoint)).filter_map(|it| it.target_ref.as_ref());
    let pods = targets.filter(|target| target.kind.as_deref() == Some("Pod"));
    pods.map(|target| (target.uid.or_empty(), target.name.or_empty()))
}

#[cfg(test)]
mod tests;
