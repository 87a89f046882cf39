//! Users in a story: requests and sessions from the end of the first step on.

use super::Story;
use crate::view::View;
use chartgate_model::plan::Traffic;
use chartgate_model::recording::{Entry, Moment};
use chartgate_model::recording::{Failed, Failure, Served, SessionEvent};

/// From one step to the next, in milliseconds.
const PAUSE: u64 = 3000;
/// Length of a slice, in milliseconds.
const SLICE: u64 = 100;

impl Story {
    /// A hundred requests a second through the Service of `app`, all answered well by a pod that is ready then.
    pub(crate) fn under_traffic(self) -> Self {
        let mut story = self.spread();
        let traffic = Traffic { rate: 100, slow_ms: 5000, sessions: 0 };
        story = story.plan(|plan| plan.traffic = [("app".to_owned(), traffic)].into());
        let (from, to) = (story.end(0), story.0.entries.last().map_or(0, |entry| entry.at));
        let slices: Vec<Served> = {
            let view = View::of(&story.0);
            let pods = view.pods_of_role("app");
            let answerer = |at: u64| {
                let pod =
                    pods.iter().find(|pod| pod.at_time(at).is_some_and(chartgate_k8s::typed::Object::is_ready_pod));
                pod.map_or("cg-app-0".to_owned(), |pod| pod.name().to_owned())
            };
            let slice = |from: u64| Served {
                role: "app".to_owned(),
                from,
                to: from + SLICE,
                count: 10,
                slowest_ms: 7,
                late_ms: 2,
                by_pod: [(answerer(from), 10)].into(),
            };
            (from..to - SLICE).step_by(100).map(slice).collect()
        };
        for slice in slices {
            story = story.told(slice.to, Moment::Served(slice));
        }
        story.before(|moment| matches!(moment, Moment::Ended), Moment::TrafficStopped)
    }

    /// One websocket session that talks all the time, and is sent elsewhere in each later step.
    pub(crate) fn with_session(self) -> Self {
        let mut story = self.under_traffic();
        story = story.plan(|plan| plan.traffic.values_mut().for_each(|traffic| traffic.sessions = 1));
        let opened = SessionEvent::Opened { resumed: 0, acknowledged: 0, took_ms: 4 };
        let begin = story.end(0) + 10;
        story = story.session(begin, opened);
        for step in 1..story.0.plan.steps.len() {
            let (talk, close) = (story.end(step - 1) + 500, story.end(step) - 20);
            let last = step as u64 * 10;
            let reason = "restarting".to_owned();
            let opened = SessionEvent::Opened { resumed: last, acknowledged: last, took_ms: 15 };
            story = story.session(talk, SessionEvent::Acknowledged { last });
            story = story.session(close, SessionEvent::Closed { code: Some(1012), reason, acknowledged: last });
            story = story.session(close + 15, opened);
        }
        story
    }

    /// A request that fails this long after a moment.
    pub(crate) fn losing(self, at: u64, failure: Failure) -> Self {
        let failed = Failed { role: "app".to_owned(), sent: at, took_ms: 3, failure, pod: None };
        self.told(at + 3, Moment::Failed(failed))
    }

    /// When a step ended.
    pub(crate) fn end(&self, of: usize) -> u64 {
        self.time(super::end_of(of))
    }

    /// The time of a moment.
    pub(crate) fn time(&self, pick: impl Fn(&Moment) -> bool) -> u64 {
        self.0.entries.iter().find(|entry| pick(&entry.moment)).map(|entry| entry.at).expect("the moment is there")
    }

    /// Changes what the session does.
    pub(crate) fn sessions(self, mut change: impl FnMut(&mut SessionEvent)) -> Self {
        self.moments(|moment| {
            if let Moment::SessionKept { event, .. } = moment {
                change(event);
            }
        })
    }

    fn session(self, when: u64, event: SessionEvent) -> Self {
        let (role, session) = ("app".to_owned(), "one".to_owned());
        self.told(when, Moment::SessionKept { role, session, when, event })
    }

    /// Adds a moment at its time.
    fn told(mut self, at: u64, moment: Moment) -> Self {
        let index = self.0.entries.iter().position(|entry| entry.at > at).unwrap_or(self.0.entries.len() - 1);
        self.0.entries.insert(index, Entry { seq: 0, at, moment });
        self.renumbered()
    }

    /// Some time passes between the steps, and after the last one.
    fn spread(mut self) -> Self {
        let mut later = 0;
        for entry in &mut self.0.entries {
            entry.at += later;
            match &mut entry.moment {
                Moment::Ddl { unix_ms, .. } => *unix_ms += later,
                Moment::StepEnded { .. } => later += PAUSE,
                _ => {}
            }
        }
        self
    }
}
