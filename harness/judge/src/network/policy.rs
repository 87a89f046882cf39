//! `network-policy`: the policies of the release let in whom the contract names, and nobody else.

use std::collections::{BTreeMap, BTreeSet};

use chartgate_model::plan::Serves;
use chartgate_model::recording::{Answer, Asker, Entry, Moment, Reach};

use super::{closed_ports, guarded_roles, guards, is_exclusive, promised_ports};
use crate::tally::{Tally, not_applicable};
use crate::view::{StepRun, Track, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::{Object, PodTemplate};

pub(crate) const NETWORK_POLICY: Check = Check {
    name: "network-policy",
    proves: "where a NetworkPolicy guards a role that serves, those who may ask reach what is promised, and nothing else is reached",
    means: "users are cut off where policies are enforced, or a port that nobody is to reach is open to everybody",
    explanation: include_str!("../explanation/network-policy.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: network_policy,
};

fn network_policy(view: &View) -> Finding {
    let guarded = guarded(view);
    let promised = view
        .plan
        .present_roles()
        .filter(|(_, role)| role.serves.as_ref().is_some_and(|serves| serves.network.is_some()));
    let promised: Vec<&str> = promised.map(|(name, _)| name.as_str()).collect();
    if guarded.is_empty() && promised.is_empty() {
        return not_applicable(
            NETWORK_POLICY.name,
            "the chart renders no NetworkPolicy that guards a role that serves",
        );
    }
    let mut tally = Tally::of_whole(NETWORK_POLICY.name, view);
    if view.has_render() {
        for role in promised.iter().filter(|role| !guarded.contains(*role)) {
            let message = format!("the contract promises a network policy for role `{role}`, but none guards its pods");
            tally
                .fail(message)
                .hint("compare `podSelector` with the labels of the pods, or take `network` out of the contract");
        }
    }
    judge_enforcement(view, &mut tally);
    for run in view.settled() {
        for role in guarded.iter().filter(|role| !view.plan.is_absent_in(run.index, role)) {
            judge_role(view, run, role, &mut tally);
        }
    }
    tally.finish("those who may ask reached what is promised, and nothing else was reached")
}

/// The serving roles that a policy guards in any judged step.
fn guarded<'a>(view: &View<'a>) -> BTreeSet<&'a str> {
    let rendered = view.tested().filter_map(|run| run.rendered.as_ref());
    rendered.flat_map(|rendered| guarded_roles(view.plan, &rendered.objects)).collect()
}

/// On a cluster where policies do nothing, whatever is seen says nothing of them.
fn judge_enforcement(view: &View, tally: &mut Tally) {
    let seen = view.recording.entries.iter().find_map(|entry| match &entry.moment {
        Moment::Enforcement { before, denied, after } => Some((entry, before, denied, after)),
        _ => None,
    });
    let Some((entry, before, denied, after)) = seen else {
        tally.void(
            "it is not known whether the cluster enforces NetworkPolicy: no pod of chartgate's own was asked under one",
        );
        return;
    };
    let text = format!(
        "a pod of chartgate's own where nothing listens answered `{}` without a policy, `{}` under one that lets nobody in, `{}` after it",
        word(before),
        word(denied),
        word(after)
    );
    let seen = Evidence { seq: Some(entry.seq), at: Some(entry.at), text };
    match (before, denied, after) {
        (Answer::Refused, Answer::TimedOut, Answer::Refused) => {}
        (Answer::Refused, Answer::Refused, _) => {
            let hint = "use a cluster whose network plugin enforces policies, as kind's own does";
            tally
                .void("the cluster does not enforce NetworkPolicy, or not so that it can be seen")
                .with([seen])
                .hint(hint);
        }
        _ => {
            tally
                .void("a pod of chartgate's own could not be asked: what policies do here cannot be seen")
                .with([seen]);
        }
    }
}

fn judge_role(view: &View, run: &StepRun, role: &str, tally: &mut Tally) {
    let label = run.label();
    let Some((_, end)) = run.window() else { return };
    let Some(serves) = view.plan.roles.get(role).and_then(|role| role.serves.as_ref()) else { return };
    if let Some((seen, why)) = view.gap_in(run, &["Pod", "NetworkPolicy"]) {
        tally.void(format!("whom the policies of role `{role}` guarded after {label} is unknown: {why}")).with([seen]);
        return;
    }
    let policies: Vec<_> = view.tracks("NetworkPolicy").filter_map(|policy| policy.at(end)).collect();
    let mut asked: BTreeMap<&str, Vec<(&Entry, &Reach)>> = BTreeMap::new();
    for entry in &view.recording.entries {
        if let Moment::Reach(reach) = &entry.moment
            && reach.step == run.index
            && reach.role == role
        {
            asked.entry(&reach.pod).or_default().push((entry, reach));
        }
    }
    let is_guarded = |pod: &Object| {
        pod.is_ready_pod() && pod.pod().is_some_and(|pod| policies.iter().any(|policy| guards(policy, pod)))
    };
    for pod in view.pods_of_role(role).into_iter().filter(|pod| pod.at(end).is_some_and(is_guarded)) {
        judge_pod(serves, pod, asked.get(pod.name()).map_or(&[], Vec::as_slice), &label, tally);
    }
}

/// A pod that is guarded: what its askers met, on each port.
fn judge_pod(serves: &Serves, pod: &Track, asked: &[(&Entry, &Reach)], label: &str, tally: &mut Tally) {
    let template = pod.last().pod().unwrap_or_else(PodTemplate::empty);
    let (promised, closed) = (promised_ports(serves, template), closed_ports(serves, template));
    let peers = serves.network.as_ref().and_then(|network| network.from.as_ref());
    let mut askers = vec![Asker::Prober];
    askers.extend(peers.map(|_| Asker::Elsewhere));
    askers.extend(peers.filter(|peers| !peers.pods.is_empty()).map(|_| Asker::Unlabelled));
    for port in promised.iter().chain(&closed) {
        for asker in &askers {
            if !asked.iter().any(|(_, reach)| reach.port == *port && reach.asker == *asker) {
                let message =
                    format!("port {port} of pod/{} was not asked by {} after {label}", pod.name(), who(*asker));
                tally.void(message);
            }
        }
    }
    for (entry, reach) in asked {
        let is_welcome = reach.asker == Asker::Prober || !is_exclusive(serves);
        judge_reach(entry, reach, is_welcome && promised.contains(&reach.port), label, tally);
    }
}

fn judge_reach(entry: &Entry, reach: &Reach, is_to_pass: bool, label: &str, tally: &mut Tally) {
    let Reach { role, pod, port, asker, .. } = reach;
    let shown = format!("port {port} of pod/{pod} of role `{role}`");
    let who = who(*asker);
    let seen =
        |what: &str| Evidence { seq: Some(entry.seq), at: Some(entry.at), text: format!("{shown} {what} {who}") };
    // What arrives at a pod is accepted or refused at once; what a policy stops is never answered.
    let has_arrived = matches!(reach.answer, Answer::Connected | Answer::Refused | Answer::Http { .. });
    match (&reach.answer, is_to_pass) {
        (Answer::TimedOut, _) if reach.control != Answer::Refused => {
            tally.void(format!(
                "{shown} did not answer {who} after {label}, nor did a pod of chartgate's own that nothing guards"
            ));
        }
        (Answer::TimedOut, _) if !reach.ready_throughout => {
            tally.void(format!("{shown} did not answer {who} after {label}, but it was not ready all the time"));
        }
        (Answer::TimedOut, true) => {
            let message = format!("{shown} could not be reached by {who} after {label}, though that may ask it");
            let hint = "compare the policy's `from` and `ports` with the container's port";
            tally.fail(message).with([seen("did not answer")]).hint(hint);
        }
        (Answer::TimedOut, false) => tally.proved(seen("did not answer")),
        (_, true) if has_arrived => tally.proved(seen("was reached by")),
        (_, false) if has_arrived => {
            let message = format!("{shown} was reached by {who} after {label}, and nothing promises that");
            let hint = "name the ports and the peers in the policy's `ingress`; a rule without `ports` opens them all";
            tally.fail(message).with([seen("was reached by")]).hint(hint);
        }
        (answer, _) => {
            tally.void(format!("a connection to {shown} by {who} failed after {label}: {}", word(answer)));
        }
    }
}

fn who(asker: Asker) -> &'static str {
    match asker {
        Asker::Prober => "a pod of another namespace",
        Asker::Unlabelled => "a pod without the promised labels",
        Asker::Elsewhere => "a pod of a namespace without the promised labels",
    }
}

fn word(answer: &Answer) -> String {
    match answer {
        Answer::Connected | Answer::Http { .. } | Answer::Replied(_) => "accepted".to_owned(),
        Answer::Refused => "refused".to_owned(),
        Answer::TimedOut => "nothing".to_owned(),
        Answer::Closed { reason, .. } => format!("closed: {reason}"),
        Answer::Failed(why) => why.clone(),
    }
}

#[cfg(test)]
mod tests;
