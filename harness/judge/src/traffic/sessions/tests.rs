use super::*;
use crate::Verdict;
use crate::testing::{Story, check, examples, gap, start_of};
use chartgate_model::plan::Fault;

fn talking() -> Story {
    Story::good().with_session()
}

fn closed(with: Option<u16>) -> Story {
    talking().sessions(|event| {
        if let SessionEvent::Closed { code, .. } = event {
            *code = with;
        }
    })
}

/// A failure would mean that a session which is handed over properly is refused.
#[test]
fn a_session_that_goes_on_passes() {
    let says = "1 sessions of role `app` went on: 2 were closed, and the slowest to open took 15 ms";
    check(&SESSION_CONTINUITY, &talking(), Verdict::Pass, says);
}

/// A failure would mean that messages which a client was told are safe may vanish.
#[test]
fn a_lost_message_fails() {
    let story = talking().sessions(|event| {
        if let SessionEvent::Opened { resumed, acknowledged: 10, .. } = event {
            *resumed = 7;
        }
    });
    let says = "session `one` of role `app` lost what was acknowledged: the server goes on after message 7, and the client has the acknowledgement of 10 in step 2 (upgrade)";
    check(&SESSION_CONTINUITY, &story, Verdict::Fail, says);
}

/// A failure would mean that clients may be cut off without a word.
#[test]
fn an_improper_close_fails() {
    check(&SESSION_CONTINUITY, &closed(None), Verdict::Fail, "was closed without a close frame");
    check(&SESSION_CONTINUITY, &closed(Some(1006)), Verdict::Fail, "was closed with code 1006");
    check(&SESSION_CONTINUITY, &closed(Some(1001)), Verdict::Pass, "");
}

/// A failure would mean that a pod which is killed without grace is blamed for saying nothing.
#[test]
fn a_killed_pod_need_not_say_goodbye() {
    let moment = Moment::Fault { step: 2, what: "pod/cg-app-1 was killed".to_owned() };
    let story = Story::disrupted(Fault::PodKilled { role: "app".to_owned() }, moment).with_session();
    let cut_off = |story: Story, last: u64| {
        story.sessions(|event| match event {
            SessionEvent::Closed { code, acknowledged, .. } if *acknowledged == last => *code = None,
            _ => {}
        })
    };
    check(&SESSION_CONTINUITY, &cut_off(story.clone(), 20), Verdict::Pass, "");
    check(&SESSION_CONTINUITY, &cut_off(story, 10), Verdict::Fail, "without a close frame");
}

/// A failure would mean that a client which never gets back in is not missed.
#[test]
fn a_session_that_stays_away_fails() {
    let is_last = |moment: &Moment| {
        matches!(moment, Moment::SessionKept { event: SessionEvent::Opened { acknowledged: 20, .. }, .. })
    };
    let story = talking().without(is_last);
    check(&SESSION_CONTINUITY, &story, Verdict::Fail, "did not come back after it was closed in step 3 (rollback)");
}

/// A failure would mean that sessions which never talked prove anything.
#[test]
fn a_silent_session_is_void() {
    let never = talking().without(|moment| matches!(moment, Moment::SessionKept { .. }));
    check(&SESSION_CONTINUITY, &never, Verdict::Void, "0 of 1 sessions of role `app` were ever open");
    let is_talk =
        |moment: &Moment| matches!(moment, Moment::SessionKept { event: SessionEvent::Acknowledged { last: 20 }, .. });
    check(
        &SESSION_CONTINUITY,
        &talking().without(is_talk),
        Verdict::Void,
        "acknowledged right before step 3 (rollback)",
    );
    let broken = talking().before(start_of(2), gap("traffic app"));
    check(&SESSION_CONTINUITY, &broken, Verdict::Void, "gap of traffic app");
}

/// A failure would mean that a scenario without sessions is red.
#[test]
fn without_sessions_it_does_not_apply() {
    check(&SESSION_CONTINUITY, &Story::good().under_traffic(), Verdict::NotApplicable, "no sessions");
}

/// A failure would mean that a user who looks the check up reads what it never says.
#[test]
fn the_examples_are_what_it_says() {
    let failing = closed(Some(1006));
    examples(&SESSION_CONTINUITY, &talking(), &failing);
}
