//! `role-singleton`: of a singleton role, two pods never run at once.

use crate::tally::{Tally, not_applicable};
use crate::view::{Sighting, Track, View};
use crate::{Check, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;
use chartgate_model::plan::Excuse;
use chartgate_model::recording::Change;

pub(crate) const ROLE_SINGLETON: Check = Check {
    name: "role-singleton",
    proves: "at no moment did two pods of a singleton role run, not even during a rollout",
    means: "scheduled work is done twice",
    explanation: include_str!("../explanation/role-singleton.md"),
    needs: Needs::Orchestration,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: role_singleton,
};

fn role_singleton(view: &View) -> Finding {
    let roles: Vec<&String> =
        view.plan.present_roles().filter(|(_, role)| role.singleton).map(|(name, _)| name).collect();
    if roles.is_empty() {
        return not_applicable(ROLE_SINGLETON.name, "the contract names no singleton role");
    }
    let mut tally = Tally::of_whole(ROLE_SINGLETON.name, view);
    if let Some((seen, why)) = view.gap(&["Pod"], 0, u64::MAX) {
        tally.void(format!("a second pod may have been missed: {why}")).with([seen]);
    }
    for role in roles {
        judge_role(view, role, &mut tally);
    }
    tally.finish("no two pods of a singleton role ran at the same time")
}

/// When a pod ran: from the first sighting of a running container to that of none.
fn lifetime<'a>(pod: &Track<'a>) -> Option<(Sighting<'a>, Option<Sighting<'a>>)> {
    let start = pod.first_where(Object::is_running)?;
    let is_end = |sighting: &&Sighting| {
        sighting.seq > start.seq && (sighting.change == Change::Deleted || !sighting.object.is_running())
    };
    Some((start, pod.sightings.iter().find(is_end).copied()))
}

fn judge_role(view: &View, role: &str, tally: &mut Tally) {
    let mut lifetimes: Vec<_> = view.pods_of_role(role).into_iter().filter_map(lifetime).collect();
    lifetimes.sort_by_key(|(start, _)| start.seq);
    if lifetimes.is_empty() {
        tally.void(format!("no pod of singleton role `{role}` was seen running"));
    }
    for (index, (start, _)) in lifetimes.iter().enumerate() {
        if !view.is_tested_at(start.seq) {
            continue;
        }
        let other = lifetimes[..index].iter().find(|(_, end)| end.is_none_or(|end| end.seq > start.seq));
        let Some((before, end)) = other else {
            tally.proved(start.evidence("ran alone when it started"));
            continue;
        };
        let when =
            view.step_at(start.seq).map_or("before the first step".to_owned(), |run| format!("in {}", run.label()));
        let (new, old) = (start.object.name(), before.object.name());
        let message =
            format!("two pods of singleton role `{role}` ran at once {when}: `{new}` started before `{old}` ended");
        let seen = [before.evidence("ran"), start.evidence("ran too")];
        let run = view.step_at(start.seq);
        // An evicted pod is replaced while it still ends, whatever the strategy of its Deployment.
        if run.is_some_and(|run| run.contains(start.seq) && run.excuses(Excuse::OverlappingPods)) {
            let claim = tally.advise(message).with(seen).with(end.map(|end| end.evidence("ended")));
            claim.hint("only a StatefulSet waits for an evicted pod's end; or let the application take a lock");
            continue;
        }
        let claim = tally.fail(message).with(seen).with(end.map(|end| end.evidence("ended")));
        claim.hint("one replica with `strategy: {type: Recreate}`: a rolling update starts the new pod first");
    }
}

#[cfg(test)]
mod tests;
