//! `session-shared`: a websocket session that lives in one pod is reached through every other.

use chartgate_model::recording::{Answer, Entry, Moment};

use chartgate_k8s::typed::PodTemplate;

use crate::tally::{Tally, not_applicable};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};

pub(crate) const SESSION_SHARED: Check = Check {
    name: "session-shared",
    proves: "a websocket session that was opened through one pod is reached through the others",
    means: "a client whose reconnect meets another pod loses its session",
    explanation: include_str!("../explanation/session-shared.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::CAUSE,
    judges_refusals: false,
    judge: session_shared,
};

fn session_shared(view: &View) -> Finding {
    let mut promised = view
        .plan
        .present_roles()
        .filter(|(_, role)| role.serves.as_ref().is_some_and(|serves| serves.sessions.is_some()));
    let Some((role, _)) = promised.next() else {
        return not_applicable(SESSION_SHARED.name, "the contract promises no websocket sessions");
    };
    if !has_several_replicas(view, role) {
        return not_applicable(SESSION_SHARED.name, format!("the chart renders one replica of role `{role}`"));
    }
    let mut tally = Tally::of_whole(SESSION_SHARED.name, view);
    for run in view.settled() {
        judge_step(view, run, &mut tally);
    }
    tally.finish("sessions opened through one pod were reached through the others")
}

/// Whether a rendered workload of the role asks for more than one pod.
fn has_several_replicas(view: &View, role: &str) -> bool {
    let Some(role) = view.plan.roles.get(role) else { return false };
    view.rendered().any(|object| {
        let spec = &object.common().spec;
        let is_of_role = PodTemplate::from(spec.template.as_ref()).is_selected(&role.select);
        is_of_role && spec.replicas.is_some_and(|replicas| replicas > 1)
    })
}

fn judge_step(view: &View, run: &StepRun, tally: &mut Tally) {
    let sessions = view
        .recording
        .entries
        .iter()
        .filter(|entry| matches!(&entry.moment, Moment::Session { step, .. } if *step == run.index));
    let mut is_any = false;
    for entry in sessions {
        is_any = true;
        judge_session(run, entry, tally);
    }
    if !is_any {
        tally.void(format!("no session was opened after {}", run.label()));
    }
}

fn judge_session(run: &StepRun, entry: &Entry, tally: &mut Tally) {
    let Moment::Session { opened_through, opened, reached_through, reached, .. } = &entry.moment else { return };
    let seen = |text: String| Evidence { seq: Some(entry.seq), at: Some(entry.at), text };
    let shown = format!("a session opened through pod/{opened_through} and reached through pod/{reached_through}");
    match (opened, reached) {
        (Answer::Replied(_), Answer::Replied(reply)) => tally.proved(seen(format!("{shown} answered {reply}"))),
        (Answer::Replied(_), Answer::TimedOut | Answer::Failed(_)) => {
            let what = format!("{shown} gave no answer after {}: {}", run.label(), describe(reached));
            tally.void(what.clone()).with([seen(what)]);
        }
        (Answer::Replied(_), _) => {
            let what = format!("{shown} was not served after {}: {}", run.label(), describe(reached));
            let hint = "see how pods find each other, and whether forwarding to a session's owner is on";
            tally.fail(what.clone()).with([seen(what)]).hint(hint);
        }
        _ => {
            let what = format!("{shown} could not even be opened after {}: {}", run.label(), describe(opened));
            tally.fail(what.clone()).with([seen(what)]);
        }
    }
}

fn describe(answer: &Answer) -> String {
    match answer {
        Answer::Connected => "connected, and nothing was said".to_owned(),
        Answer::Refused => "the connection was refused".to_owned(),
        Answer::TimedOut => "no answer came in time".to_owned(),
        Answer::Failed(why) => why.clone(),
        Answer::Replied(reply) => format!("answered {reply}"),
        Answer::Closed { code, reason } => format!("closed with code {code} ({reason})"),
        Answer::Http { status, body, .. } => format!("HTTP status {status} ({body})"),
    }
}

#[cfg(test)]
mod tests;
