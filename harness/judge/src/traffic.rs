//! What the users of the release met while it was changed.

mod jobs;
mod load;
mod phases;
mod pods;
mod sessions;

pub(super) use jobs::JOBS_DONE;
pub(super) use sessions::SESSION_CONTINUITY;

use std::collections::BTreeMap;

use chartgate_model::plan::{Action, Fault};
use chartgate_model::recording::Entry;
use chartgate_model::recording::{Failed, Failure};

use super::manifest::scaled;
use super::tally::{Tally, not_applicable};
use super::view::{StepRun, View};
use super::{Check, Evidence, Finding, Level, Needs, Rank};
use chartgate_k8s::typed::Object;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use load::{Load, classes, middle};
use phases::{Phase, Span, spans};

pub(super) const UPGRADE_AVAILABLE: Check = Check {
    name: "upgrade-available",
    proves: "no request of a role's users was lost before, during or after each change of the release, and the right pods answered",
    means: "users meet errors each time the release is upgraded, rolled back or scaled",
    explanation: include_str!("explanation/upgrade-available.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::symptom(5),
    judges_refusals: false,
    judge: upgrade_available,
};

pub(super) const DRAIN_AVAILABLE: Check = Check {
    name: "drain-available",
    proves: "no request of a role's users was lost while a node was drained",
    means: "users meet errors each time a node is maintained",
    explanation: include_str!("explanation/drain-available.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: drain_available,
};

/// Fewer answers prove nothing of the time between two steps.
const SAMPLE: u64 = 100;
/// A phase that is longer than this has room for a request, in milliseconds.
const LONG_MS: u64 = 1000;
/// Enough to see what the failures have in common.
const SHOWN: usize = 5;

fn upgrade_available(view: &View) -> Finding {
    // Users come when the first step has left a release that runs.
    let is_first = |run: &StepRun| run.leaves_release() && run.is_to_succeed();
    let first = view.steps.iter().position(is_first).unwrap_or_default();
    let is_change = |run: &&StepRun| {
        let changes = matches!(run.step.action, Action::Upgrade | Action::Rollback { .. } | Action::Scale { .. });
        changes && run.index > first
    };
    judge(UPGRADE_AVAILABLE.name, view, &view.tested().filter(is_change).collect::<Vec<_>>())
}

fn drain_available(view: &View) -> Finding {
    let is_drain = |run: &&StepRun| run.step.fault == Some(Fault::NodeDrained);
    judge(DRAIN_AVAILABLE.name, view, &view.tested().filter(is_drain).collect::<Vec<_>>())
}

fn judge(check: &'static str, view: &View, runs: &[&StepRun]) -> Finding {
    if view.plan.traffic.is_empty() {
        return not_applicable(check, "the scenario has no traffic");
    }
    if runs.is_empty() {
        return not_applicable(check, "the plan has no such step under traffic");
    }
    let mut tally = Tally::of_whole(check, view);
    let mut summary = Vec::new();
    for (role, traffic) in &view.plan.traffic {
        let load = Load::of(view, role, traffic);
        load.judge_prober(view, &mut tally);
        for run in runs {
            // What failed between two steps is told once, with the first of them.
            let is_told = run.index.checked_sub(1).is_some_and(|before| runs.iter().any(|run| run.index == before));
            Around::of(view, run, &load, is_told).judge(&mut tally);
        }
        let (sent, late) = (load.sent(), load.late_ms);
        summary.push(format!("{sent} requests of role `{role}` at {}/s, sent at most {late} ms late", load.rate));
    }
    tally.finish(format!("no request was lost: {}", summary.join("; ")))
}

/// The requests that failed in a step or after it, as evidence, by role.
pub(super) fn lost_in<'a>(view: &View<'a>, run: &StepRun<'a>) -> Vec<(&'a str, Vec<Evidence>)> {
    let mut lost = Vec::new();
    for (role, traffic) in &view.plan.traffic {
        let load = Load::of(view, role, traffic);
        let around = Around::of(view, run, &load, true);
        if !around.failed.is_empty() {
            let shown = around.failed.iter().map(|one| load::evidence(*one, &around.when(one.1.sent)));
            lost.push((role.as_str(), shown.collect()));
        }
    }
    lost
}

/// The requests of a role around one step.
struct Around<'v, 'a> {
    view: &'v View<'a>,
    run: &'v StepRun<'a>,
    load: &'v Load<'a>,
    spans: Vec<Span>,
    failed: Vec<(&'a Entry, &'a Failed)>,
}

impl<'v, 'a> Around<'v, 'a> {
    fn of(view: &'v View<'a>, run: &'v StepRun<'a>, load: &'v Load<'a>, is_told: bool) -> Self {
        let spans = spans(view, run, load.stopped);
        let is_here = |at: u64| spans.iter().any(|span| span.contains(at) && !(is_told && span.phase == Phase::Before));
        let failed = load.failed.iter().filter(|(_, one)| is_here(one.sent)).copied().collect();
        Self { view, run, load, spans, failed }
    }

    fn judge(&self, tally: &mut Tally) {
        if self.spans.is_empty() {
            match self.run.unfinished() {
                Some(why) => tally.void_since(&why, why.to_string()),
                None => tally.void(format!("there was no traffic during {}", self.run.label())),
            };
            return;
        }
        if let Some((seen, why)) = self.view.gap_in(self.run, &["Pod", "Job"]) {
            tally.void(format!("what went on in {} is unknown: {why}", self.run.label())).with([seen]);
        }
        self.judge_failures(tally);
        self.judge_sample(tally);
        self.judge_answerers(tally);
        tally.proved(self.summary());
    }

    /// When a request was sent, in words.
    fn when(&self, at: u64) -> String {
        self.spans.iter().find(|span| span.contains(at)).map_or(String::new(), |span| span.offset(at))
    }

    fn judge_failures(&self, tally: &mut Tally) {
        let Some((_, first)) = self.failed.iter().min_by_key(|(_, one)| one.sent) else { return };
        let (count, sent) = (self.failed.len(), self.served(|_| true) + self.failed.len() as u64);
        let (pods, moved) = pods::coming_and_going(self.view, self.load.role, first.sent);
        let message = format!(
            "{count} of {sent} requests of role `{}` failed during {}: {}; the first one {}{pods}{}",
            self.load.role,
            self.run.label(),
            classes(&self.failed),
            self.when(first.sent),
            self.load.lateness(),
        );
        let shown = self.failed.iter().take(SHOWN).map(|one| load::evidence(*one, &self.when(one.1.sent)));
        let left = |lost: &Failed| pods::left_before(self.view, self.load.role, lost);
        if let Some(since) = left(first).filter(|_| self.failed.iter().all(|(_, lost)| left(lost).is_some())) {
            let message = format!(
                "{message}: that was {} after the last pod had left, with another one ready all the time, so the cluster's nodes were late to follow",
                phases::seconds(since)
            );
            let hint = "let the machine do less at the same time, and run it again; if it stays, see the log of the pod that was ready";
            tally.void(message).with(shown).with(moved).hint(hint);
            return;
        }
        tally.fail(message).with(shown).with(moved).hint(self.hint(first));
    }

    fn hint(&self, first: &Failed) -> String {
        if let Some(workload) = self.emptied() {
            let shown = workload.slashed();
            return format!(
                "let {shown} keep its pods until new ones are ready: it may take all of them away at once (`maxUnavailable: 0`)"
            );
        }
        self.hint_by_phase(first).to_owned()
    }

    /// A workload of the role whose update takes all its ready pods away before a new one is ready.
    fn emptied(&self) -> Option<&'a Object> {
        let select = &self.view.plan.roles.get(self.load.role)?.select;
        let mut rendered = self.run.rendered.iter().flat_map(|rendered| rendered.objects.iter().copied());
        rendered.find(|object| {
            let is_of_role = object.template().is_some_and(|pod| pod.is_selected(select));
            is_of_role && object.typed::<Deployment>().and_then(|it| it.spec.as_ref()).is_some_and(takes_all)
        })
    }

    fn hint_by_phase(&self, first: &Failed) -> &'static str {
        let phase = self.spans.iter().find(|span| span.contains(first.sent)).map(|span| span.phase);
        match (&first.failure, phase) {
            (_, Some(Phase::Before)) => "nothing was changed then: see the log of the role's pods",
            (_, Some(Phase::Hook)) => {
                "let a migration only add and lock little, so that the version before it serves on"
            }
            (Failure::Refused | Failure::Reset | Failure::Other { .. }, _) => {
                "let a pod serve on while its endpoint goes away: a `preStop` pause, and a grace period that covers it"
            }
            (Failure::TimedOut | Failure::Slow, _) => {
                "see whether enough pods are ready at each moment: `maxUnavailable: 0`"
            }
            _ => "see the log of the pod that answered, and whether it is ready before it can serve",
        }
    }

    /// How many requests were answered well in the phases that are picked.
    fn served(&self, pick: impl Fn(&Span) -> bool) -> u64 {
        let is_in = |at: u64| self.spans.iter().any(|span| pick(span) && span.contains(at));
        let served = self.load.served.iter().filter(|(_, served)| is_in(middle(served)));
        served.map(|(_, served)| u64::from(served.count)).sum()
    }

    /// How many requests are known to have ended, well or not, in the phases that are picked.
    fn answered(&self, pick: impl Fn(&Span) -> bool) -> u64 {
        let is_in = |at: u64| self.spans.iter().any(|span| pick(span) && span.contains(at));
        let failed = self.load.failed.iter().filter(|(_, one)| is_in(one.sent)).count();
        self.served(pick) + failed as u64
    }

    /// Enough was asked to prove something.
    fn judge_sample(&self, tally: &mut Tally) {
        let (role, label) = (self.load.role, self.run.label());
        for phase in [Phase::Before, Phase::Settled] {
            let (count, when) = (self.answered(|span| span.phase == phase), phase.words());
            if count < SAMPLE {
                let message =
                    format!("only {count} requests of role `{role}` were answered {when} {label}, not {SAMPLE}");
                tally.void(message).hint("ask for a higher rate, or see why nobody answered");
            }
        }
        for span in self.spans.iter().filter(|span| span.to - span.from > LONG_MS) {
            if self.answered(|other| other == span) == 0 {
                let words = span.phase.words();
                tally.void(format!("no request of role `{role}` was answered around {label}: {words}"));
            }
        }
    }

    /// After a step only the role's own pods answer, and they are what the step made.
    fn judge_answerers(&self, tally: &mut Tally) {
        let (view, run, role) = (self.view, self.run, self.load.role);
        if !view.settled().any(|settled| settled.index == run.index) {
            return;
        }
        let settled = self.spans.iter().find(|span| span.phase == Phase::Settled);
        let mut strangers: BTreeMap<(&str, String), (u32, &Entry)> = BTreeMap::new();
        for (entry, served) in &self.load.served {
            if !settled.is_some_and(|span| span.contains(served.from)) {
                continue;
            }
            for (pod, count) in &served.by_pod {
                if let Some(why) = pods::stranger(view, run, role, pod, served.from) {
                    strangers.entry((pod, why)).or_insert((0, entry)).0 += count;
                }
            }
        }
        for ((pod, why), (count, entry)) in strangers {
            let message =
                format!("after {}, {count} requests of role `{role}` were answered by pod/{pod}, {why}", run.label());
            let text = format!("pod/{pod} answered");
            let claim = tally.fail(message).with([Evidence { seq: Some(entry.seq), at: Some(entry.at), text }]);
            claim.hint("compare the Service's `selector` with the labels of the role's pods");
        }
    }

    /// What was answered in each phase.
    fn summary(&self) -> Evidence {
        let phases = [Phase::Before, Phase::Hook, Phase::Rollout, Phase::Settled];
        let counts = phases.map(|phase| format!("{} {}", self.served(|span| span.phase == phase), phase.words()));
        let here = self.load.served.iter().filter(|(_, one)| self.spans.iter().any(|span| span.contains(middle(one))));
        let slowest = here.map(|(_, served)| served.slowest_ms).max().unwrap_or_default();
        let (role, label) = (self.load.role, self.run.label());
        let text = format!(
            "requests of role `{role}` answered around {label}: {}; the slowest took {slowest} ms",
            counts.join(", ")
        );
        let start = self.run.started;
        Evidence { seq: start.map(|entry| entry.seq), at: start.map(|entry| entry.at), text }
    }
}

/// Whether a Deployment's update may leave none of its pods.
fn takes_all(spec: &DeploymentSpec) -> bool {
    let replicas: u64 = spec.replicas.unwrap_or(1).try_into().unwrap_or_default();
    let Some(strategy) = &spec.strategy else { return false };
    let most = strategy.rolling_update.as_ref().and_then(|rolling| rolling.max_unavailable.as_ref());
    // Where nothing is said it is a quarter, rounded down.
    let most = most.and_then(|most| scaled(most, replicas, false)).unwrap_or(replicas / 4);
    strategy.type_.as_deref() == Some("Recreate") || (replicas > 0 && most >= replicas)
}

#[cfg(test)]
mod tests;
