use chartgate_model::plan::Sessions;
use chartgate_protocol::Session;
use serde_json::json;

use super::*;
use crate::Verdict;
use crate::testing::{Story, check, end_of, examples, named};

/// A run whose contract promises sessions, with two replicas of the serving role.
fn promised() -> Story {
    let talk = Session { headers: [].into(), first: "1".into(), second: "2".into(), reply: "ack".into() };
    let sessions = Sessions { path: "/ws".to_owned(), talk, continuity: None };
    let story = Story::good().plan(|plan| {
        let serves = plan.roles.get_mut("app").and_then(|role| role.serves.as_mut());
        serves.expect("the role serves").sessions = Some(sessions);
    });
    story.edit(named("Deployment", "cg-app"), |deployment| deployment["spec"]["replicas"] = json!(2))
}

fn session(step: usize, opened: Answer, reached: Answer) -> Moment {
    let (opened_through, reached_through) = ("cg-app-1".to_owned(), "cg-app-2".to_owned());
    Moment::Session { step, role: "app".to_owned(), opened_through, opened, reached_through, reached }
}

fn with(reached: &Answer) -> Story {
    let reply = || Answer::Replied("ack".to_owned());
    (0..3).fold(promised(), |story, step| story.before(end_of(step), session(step, reply(), reached.clone())))
}

/// A failure would mean that a topology in which sessions move is refused.
#[test]
fn sessions_that_are_reached_everywhere_pass() {
    check(&SESSION_SHARED, &with(&Answer::Replied("ack".to_owned())), Verdict::Pass, "");
}

/// A failure would mean that clients lose their sessions behind a green gate.
#[test]
fn a_session_that_another_pod_refuses_fails() {
    let closed = Answer::Closed { code: 4409, reason: "another pod owns it".to_owned() };
    check(&SESSION_SHARED, &with(&closed), Verdict::Fail, "closed with code 4409 (another pod owns it)");
    let status = Answer::Http { status: 503, headers: [].into(), body: "draining".to_owned() };
    check(&SESSION_SHARED, &with(&status), Verdict::Fail, "HTTP status 503");
}

/// A failure would mean that sessions nobody opened count as shared.
#[test]
fn without_a_session_or_an_answer_it_is_void() {
    check(&SESSION_SHARED, &promised(), Verdict::Void, "no session was opened after step 1");
    check(&SESSION_SHARED, &with(&Answer::TimedOut), Verdict::Void, "no answer came in time");
}

/// A failure would mean that one replica, or a chart without websockets, is asked for what it cannot show.
#[test]
fn without_a_promise_or_a_second_replica_it_does_not_apply() {
    check(&SESSION_SHARED, &Story::good(), Verdict::NotApplicable, "promises no websocket sessions");
    let single = promised().edit(named("Deployment", "cg-app"), |deployment| deployment["spec"]["replicas"] = json!(1));
    check(&SESSION_SHARED, &single, Verdict::NotApplicable, "one replica");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = with(&Answer::Closed { code: 4409, reason: "another pod owns it".to_owned() });
    examples(&SESSION_SHARED, &with(&Answer::Replied("ack".to_owned())), &failing);
}
