//! The users of a release: the prober plays them from the first install to the last step's end, and the steps happen to them.
//!
//! After each step's `StepEnded` the run waits until enough requests were sent and answered: they show how the release serves
//! when it has settled, and how it served before the next step.

use std::time::Duration;

use anyhow::Result;
use chartgate_base::random;
use chartgate_cluster::error;
use chartgate_model::plan::{Plan, Serves, Traffic, UserRequest};
use chartgate_protocol::{JobLoad, RequestLoad, SessionLoad};
use futures::future::join_all;
use tokio::time::timeout;

use super::route::DRAIN_LIMIT;
use super::sample::service_address;
use super::stage::Stage;
use crate::record::load::Load;
use crate::record::{Moment, Timeline};

/// So many answers show a settled release: one failure in a hundred is seen.
const ENOUGH_ANSWERS: u64 = 100;
/// So many jobs that ended show that work is done again.
const ENOUGH_JOBS: u64 = 5;
/// A session that still goes on has one message acknowledged.
const ENOUGH_MESSAGES: u64 = 1;
/// Two seconds do at the default rate; a rate of a few a second gives fewer answers, and the judge counts them.
const PATIENCE: Duration = Duration::from_secs(30);
/// After this a request is given up, and so are a connection and an acknowledgement of a session: a user would have left.
const LIMIT_MS: u64 = 10_000;
/// Between two messages of a session: many of them meet each phase of a rollout.
const PAUSE_MS: u64 = 100;

/// The users of the plan's roles.
pub struct Users<'a> {
    plan: &'a Plan,
    stage: &'a Stage,
    timeline: &'a Timeline,
    /// With how much is enough of each.
    loads: Vec<(Load, u64)>,
}

impl<'a> Users<'a> {
    /// They come when the release is there.
    pub fn of(plan: &'a Plan, stage: &'a Stage, timeline: &'a Timeline) -> Self {
        Self { plan, stage, timeline, loads: Vec::new() }
    }

    /// Begins the traffic of every role that has some, unless it runs.
    ///
    /// # Errors
    /// If the prober does not run.
    pub async fn come(&mut self) -> Result<()> {
        if !self.loads.is_empty() || (self.plan.traffic.is_empty() && self.plan.jobs.is_empty()) {
            return Ok(());
        }
        self.stage.prober.until_started().await?;
        for (name, rate) in &self.plan.jobs {
            let Some((serves, address)) = self.reached(name) else { continue };
            let Some(job) = serves.job.clone() else { continue };
            let load = JobLoad { load: 0, scheme: serves.scheme, address, job, rate: *rate, limit_ms: LIMIT_MS };
            self.loads.push((self.stage.prober.hand_in(name, load)?, ENOUGH_JOBS));
        }
        for (name, traffic) in &self.plan.traffic {
            let Some((serves, address)) = self.reached(name) else { continue };
            let load = self.stage.prober.send(name, requests(serves, traffic, &address))?;
            self.loads.push((load, ENOUGH_ANSWERS));
            for _ in 0..traffic.sessions {
                let session = random::text(12);
                let Some(load) = session_load(serves, &address, &session) else { continue };
                self.loads.push((self.stage.prober.keep(name, &session, load)?, ENOUGH_MESSAGES));
            }
        }
        Ok(())
    }

    /// The roles that are asked for something.
    fn asked(&self) -> impl Iterator<Item = &'a String> {
        self.plan.traffic.keys().chain(self.plan.jobs.keys())
    }

    /// What a role serves, and the address of its Service.
    fn reached(&self, role: &str) -> Option<(&'a Serves, String)> {
        let promised = self.plan.roles.get(role)?;
        let reached = promised.serves.as_ref().zip(service_address(promised, self.stage));
        if reached.is_none() {
            let why = "no Service sends to a ready pod of the role".to_owned();
            self.timeline.append(Moment::Gap { of: format!("traffic {role}"), why });
        }
        reached
    }

    /// Waits until the serving pods that are on their way out are gone: until then the step is not over for its users.
    pub async fn drain(&self) {
        if !self.loads.is_empty() {
            let roles = self.asked().filter_map(|name| self.plan.roles.get(name));
            let selectors: Vec<&str> = roles.map(|role| role.select.as_str()).collect();
            self.stage.until_drained(&selectors, DRAIN_LIMIT).await;
        }
    }

    /// Waits until enough was sent from now on and answered; a release that does not answer is not waited for long.
    pub async fn settle(&self) {
        let now = self.timeline.now();
        self.loads.iter().for_each(|(load, _)| load.count_from(now));
        let answered = join_all(self.loads.iter().map(|(load, enough)| load.answered(*enough)));
        // What is missing is missing on the timeline, too.
        drop(timeout(PATIENCE, answered).await);
    }

    /// Ends the traffic.
    pub async fn leave(&mut self) {
        if self.loads.is_empty() {
            return;
        }
        let loads = self.loads.drain(..).map(|(load, _)| load).collect();
        if let Err(error) = self.stage.prober.stop(loads).await {
            for role in self.asked() {
                self.timeline.append(Moment::Gap { of: format!("traffic {role}"), why: error::message(&error) });
            }
        }
        self.timeline.append(Moment::TrafficStopped);
    }
}

/// The role's requests: what its users ask for, or else its readiness path.
fn requests(serves: &Serves, traffic: &Traffic, address: &str) -> RequestLoad {
    let ready = || UserRequest {
        path: serves.paths.first().map_or("/".to_owned(), |path| path.path.clone()),
        status: 200,
        ..UserRequest::default()
    };
    let request = serves.traffic.clone().unwrap_or_else(ready);
    RequestLoad {
        load: 0,
        scheme: serves.scheme,
        address: address.to_owned(),
        path: request.path,
        headers: request.headers,
        rate: traffic.rate,
        status: request.status,
        body: request.body,
        pod: request.pod,
        slow_ms: traffic.slow_ms,
        limit_ms: LIMIT_MS.max(traffic.slow_ms),
    }
}

/// A session of the role, if the contract says how one goes on.
fn session_load(serves: &Serves, address: &str, session: &str) -> Option<SessionLoad> {
    let sessions = serves.sessions.as_ref()?;
    Some(SessionLoad {
        load: 0,
        address: address.to_owned(),
        path: sessions.path.replace("{{session}}", session),
        headers: sessions.talk.headers.clone(),
        continuity: sessions.continuity.clone()?,
        pause_ms: PAUSE_MS,
        limit_ms: LIMIT_MS,
    })
}

#[cfg(test)]
mod tests {
    use chartgate_protocol::{Continuity, Session};

    use super::*;
    use chartgate_model::plan::{HealthPath, Sessions};

    fn serves() -> Serves {
        let ready = HealthPath { path: "/readyz".to_owned(), status: 200, ..HealthPath::default() };
        Serves { port: "http".to_owned(), paths: vec![ready], ..Serves::default() }
    }

    /// A failure would mean that a chart whose contract is short gets traffic that it never promised to answer.
    #[test]
    fn users_ask_for_the_readiness_path_unless_the_contract_says_otherwise() {
        let traffic = Traffic { rate: 50, slow_ms: 5000, sessions: 0 };
        let load = requests(&serves(), &traffic, "10.0.0.1:80");
        assert_eq!((load.path.as_str(), load.status, load.rate), ("/readyz", 200, 50));
        let asked = UserRequest { path: "/".to_owned(), status: 204, ..UserRequest::default() };
        let load = requests(&Serves { traffic: Some(asked), ..serves() }, &traffic, "10.0.0.1:80");
        assert_eq!((load.path.as_str(), load.status), ("/", 204));
    }

    /// A failure would mean that all sessions are one, or that one is kept of which nobody knows how it goes on.
    #[test]
    fn a_session_has_its_name_in_its_path() {
        let talk = Session { headers: [].into(), first: String::new(), second: String::new(), reply: String::new() };
        let mut sessions = Sessions { path: "/ws?session={{session}}".to_owned(), talk, continuity: None };
        let with = |sessions: &Sessions| Serves { sessions: Some(sessions.clone()), ..serves() };
        assert!(session_load(&with(&sessions), "10.0.0.1:80", "s1").is_none());
        sessions.continuity = Some(Continuity::default());
        let load = session_load(&with(&sessions), "10.0.0.1:80", "s1");
        assert_eq!(load.map(|load| load.path).as_deref(), Some("/ws?session=s1"));
    }
}
