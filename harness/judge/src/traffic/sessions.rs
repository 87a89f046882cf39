//! `session-continuity`: websocket sessions go on while the release is changed.

use std::collections::BTreeMap;

use chartgate_model::plan::{Action, Excuse};
use chartgate_model::recording::SessionEvent;
use chartgate_model::recording::{Entry, Moment};

use crate::tally::{Tally, not_applicable};
use crate::view::{StepRun, View};
use crate::{Check, Evidence, Finding, Level, Needs, Rank};

pub(crate) const SESSION_CONTINUITY: Check = Check {
    name: "session-continuity",
    proves: "no acknowledged message of a websocket session was lost, and each session ended with a proper close code and went on",
    means: "clients lose what they were told is safe, or are cut off without a word, each time the release is changed",
    explanation: include_str!("../explanation/session-continuity.md"),
    needs: Needs::Behaviour,
    adds: None,
    level: Level::Fail,
    rank: Rank::symptom(6),
    judges_refusals: false,
    judge: session_continuity,
};

/// Normal, going away, restarting, try again later: codes by which a server sends its clients elsewhere (RFC 6455, section 7.4, and
/// IANA's registry of close codes).
const PROPER: [u16; 4] = [1000, 1001, 1012, 1013];

/// What happened to one session, with its times.
type Events<'a> = Vec<(&'a Entry, u64, &'a SessionEvent)>;

fn session_continuity(view: &View) -> Finding {
    let loads: Vec<(&String, u32)> =
        view.plan.traffic.iter().map(|(role, it)| (role, it.sessions)).filter(|(_, count)| *count > 0).collect();
    if loads.is_empty() {
        return not_applicable(SESSION_CONTINUITY.name, "the scenario keeps no sessions open");
    }
    let mut tally = Tally::of_whole(SESSION_CONTINUITY.name, view);
    if !view.recording.entries.iter().any(|entry| matches!(entry.moment, Moment::TrafficStopped)) {
        tally.void("the end of the sessions was not recorded");
    }
    let mut summary = Vec::new();
    for (role, count) in loads {
        summary.push(judge_role(view, role, count, &mut tally));
    }
    tally.finish(summary.join("; "))
}

fn judge_role(view: &View, role: &str, count: u32, tally: &mut Tally) -> String {
    if let Some((seen, why)) = view.gap(&[&format!("traffic {role}")], 0, u64::MAX) {
        tally.void(format!("the end of a session of role `{role}` may have been missed: {why}")).with([seen]);
    }
    let mut sessions: BTreeMap<&str, Events> = BTreeMap::new();
    for entry in &view.recording.entries {
        if let Moment::SessionKept { role: of, session, when, event } = &entry.moment
            && of == role
        {
            sessions.entry(session).or_default().push((entry, *when, event));
        }
    }
    let is_open = |events: &&Events| events.iter().any(|(.., event)| matches!(event, SessionEvent::Opened { .. }));
    let opened = sessions.values().filter(is_open).count();
    if opened < count as usize {
        let said = sessions.values().flatten().filter(|(.., event)| matches!(event, SessionEvent::Refused { .. }));
        let said = said.map(|(entry, when, event)| seen(entry, *when, &describe(event))).take(3);
        tally.void(format!("{opened} of {count} sessions of role `{role}` were ever open")).with(said);
    }
    let (mut closed, mut slowest) = (0, 0);
    for (session, events) in &sessions {
        judge_session(view, &format!("session `{session}` of role `{role}`"), events, tally);
        for (.., event) in events {
            match event {
                SessionEvent::Closed { .. } => closed += 1,
                SessionEvent::Opened { took_ms, .. } => slowest = slowest.max(*took_ms),
                _ => {}
            }
        }
    }
    format!(
        "{opened} sessions of role `{role}` went on: {closed} were closed, and the slowest to open took {slowest} ms"
    )
}

fn judge_session(view: &View, shown: &str, events: &Events, tally: &mut Tally) {
    for (entry, when, event) in events {
        match event {
            SessionEvent::Opened { resumed, acknowledged, .. } if resumed < acknowledged => {
                let message = format!(
                    "{shown} lost what was acknowledged: the server goes on after message {resumed}, and the client has the acknowledgement of {acknowledged}{}",
                    during(view, entry)
                );
                let hint = "write a message down before it is acknowledged, where the next pod finds it";
                tally.fail(message).with([seen(entry, *when, &describe(event))]).hint(hint);
            }
            SessionEvent::Closed { code, reason, .. } if !is_proper(view, entry, *code) => {
                let how = code.map_or("without a close frame".to_owned(), |code| format!("with code {code}"));
                let message = format!("{shown} was closed {how} ({reason}){}", during(view, entry));
                let hint = "close websockets with 1001 or 1012 when the pod is told to end, within its grace period";
                tally.fail(message).with([seen(entry, *when, &describe(event))]).hint(hint);
            }
            SessionEvent::Acknowledged { .. } | SessionEvent::Refused { .. } => {}
            _ => tally.proved(seen(entry, *when, &format!("{shown}: {}", describe(event)))),
        }
    }
    let is_turn = |event: &SessionEvent| matches!(event, SessionEvent::Opened { .. } | SessionEvent::Closed { .. });
    if let Some((entry, when, event @ SessionEvent::Closed { .. })) = events.iter().rfind(|(.., event)| is_turn(event))
    {
        let refused = events.iter().rfind(|(.., event)| matches!(event, SessionEvent::Refused { .. }));
        let refused = refused.map(|(entry, when, event)| seen(entry, *when, &describe(event)));
        let message = format!("{shown} did not come back after it was closed{}", during(view, entry));
        tally.fail(message).with([seen(entry, *when, &describe(event))]).with(refused);
    }
    for run in view.tested().filter(|run| is_disturbing(run)) {
        judge_talk(view, run, shown, events, tally);
    }
}

/// Whether a step may end a session.
fn is_disturbing(run: &StepRun) -> bool {
    matches!(run.step.action, Action::Upgrade | Action::Rollback { .. } | Action::Scale { .. } | Action::Disrupt)
}

/// Something was acknowledged since the step before, which the step could lose.
fn judge_talk(view: &View, run: &StepRun, shown: &str, events: &Events, tally: &mut Tally) {
    let Some(started) = run.started.map(|entry| entry.at) else { return };
    let before = view.steps.iter().take(run.index).filter_map(|run| run.ended).map(|(entry, _)| entry.at).max();
    let Some(before) = before else { return };
    let is_talk = |(_, when, event): &(&Entry, u64, &SessionEvent)| {
        (before..=started).contains(when) && matches!(event, SessionEvent::Acknowledged { .. })
    };
    if !events.iter().any(is_talk) {
        tally.void(format!("no message of {shown} was acknowledged right before {}", run.label()));
    }
}

/// Whether a server may end a session so. A pod that is killed without grace has no say in it.
fn is_proper(view: &View, entry: &Entry, code: Option<u16>) -> bool {
    let is_excused = || view.step_at(entry.seq).is_some_and(|run| run.excuses(Excuse::AbruptClose));
    code.is_some_and(|code| PROPER.contains(&code)) || is_excused()
}

fn during(view: &View, entry: &Entry) -> String {
    view.step_at(entry.seq).map_or(String::new(), |run| {
        let word = if run.contains(entry.seq) { "in" } else { "after" };
        format!(" {word} {}", run.label())
    })
}

fn describe(event: &SessionEvent) -> String {
    match event {
        SessionEvent::Opened { resumed, took_ms, .. } => {
            format!("opened within {took_ms} ms, and goes on after message {resumed}")
        }
        SessionEvent::Acknowledged { last } => format!("message {last} was acknowledged"),
        SessionEvent::Closed { code, reason, acknowledged } => {
            let code = code.map_or("no close frame".to_owned(), |code| format!("code {code}"));
            format!("closed with {code} ({reason}) after message {acknowledged}")
        }
        SessionEvent::Refused { why } => format!("could not be opened: {why}"),
    }
}

fn seen(entry: &Entry, when: u64, text: &str) -> Evidence {
    Evidence { seq: Some(entry.seq), at: Some(when), text: text.to_owned() }
}

#[cfg(test)]
mod tests;
