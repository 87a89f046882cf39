//! A websocket session that goes on: what is lost and how it ends is told, and it is always opened again.

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use chartgate_protocol::{Answer, Continuity, SessionEvent, SessionLoad, SessionTold, Told};
use futures::{SinkExt, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::clock::pause;
use crate::clock::{Clock, millis};
use crate::session::{NO_CODE, Socket, open};

/// The first pause before another attempt: a reconnect is to be as fast as the application allows.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// The longest one: an outage is not made worse by those who wait for its end.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Acknowledgements are told of at most this often.
const TELL_PERIOD: Duration = Duration::from_millis(100);
/// So many reasons of an outage are told; each has its own.
const REASONS: usize = 20;
/// The peer's part of a close takes one round trip.
const FAREWELL: Duration = Duration::from_secs(1);

/// Keeps a session until it is stopped.
pub async fn keep(load: SessionLoad, told: mpsc::UnboundedSender<Told>, stop: oneshot::Receiver<()>) {
    let clock = Clock::start();
    // The receiver only goes away when the output is closed, and then nobody listens.
    drop(told.send(Told::Started { load: load.load, unix_ms: clock.now() }));
    let number = load.load;
    let mut kept = Kept { load, clock, told, socket: None, acknowledged: 0, untold: None, told_at: clock.started() };
    tokio::select! {
        biased;
        _ = stop => {}
        () = kept.go_on() => {}
    }
    kept.leave().await;
    drop(kept.told.send(Told::Stopped { load: number }));
}

/// A session between its first connection and the order to stop.
struct Kept {
    load: SessionLoad,
    clock: Clock,
    told: mpsc::UnboundedSender<Told>,
    socket: Option<Socket>,
    /// The last message whose acknowledgement was received.
    acknowledged: u64,
    /// The same, while it was not told yet.
    untold: Option<u64>,
    told_at: Instant,
}

/// How a connection ended: its close code, and the server's words or ours.
struct End {
    code: Option<u16>,
    reason: String,
}

impl End {
    fn without_code(reason: impl Into<String>) -> Self {
        Self { code: None, reason: reason.into() }
    }
}

impl Kept {
    /// Opens the connection whenever there is none, and talks on it.
    async fn go_on(&mut self) {
        loop {
            let resumed = self.reconnect().await;
            let Err(end) = self.talk(resumed).await;
            self.socket = None;
            self.tell_acknowledged();
            self.tell(SessionEvent::Closed { code: end.code, reason: end.reason, acknowledged: self.acknowledged });
        }
    }

    /// Tries until a connection is open and the server has said where the session stands.
    async fn reconnect(&mut self) -> u64 {
        let began = Instant::now();
        let (mut reasons, mut wait) = (HashSet::new(), SHORTEST_PAUSE);
        loop {
            match self.connect().await {
                Ok(resumed) => {
                    let (acknowledged, took_ms) = (self.acknowledged, millis(began.elapsed()));
                    self.tell(SessionEvent::Opened { resumed, acknowledged, took_ms });
                    return resumed;
                }
                Err(why) => {
                    if reasons.len() < REASONS && reasons.insert(why.clone()) {
                        self.tell(SessionEvent::Refused { why });
                    }
                }
            }
            pause(wait).await;
            wait = LONGEST_PAUSE.min(wait * 2);
        }
    }

    async fn connect(&mut self) -> Result<u64, String> {
        let limit = self.limit();
        let opened = async {
            let mut socket = match open(&self.load.address, &self.load.path, &self.load.headers).await {
                Ok(Ok(socket)) => socket,
                Ok(Err(Answer::Http { status, body, .. })) => return Err(format!("status {status}: {body}")),
                Ok(Err(answer)) => return Err(format!("{answer:?}")),
                Err(error) => return Err(format!("{error:#}")),
            };
            match number_of(&mut socket, &self.load.continuity.resumed).await {
                Ok(resumed) => Ok((socket, resumed)),
                Err(End { code: Some(code), reason }) => Err(format!("closed at once with {code}: {reason}")),
                Err(End { code: None, reason }) => Err(reason),
            }
        };
        match timeout(limit, opened).await {
            Err(_) => Err(format!("no session within {limit:?}")),
            Ok(Err(why)) => Err(why),
            Ok(Ok((socket, resumed))) => {
                self.socket = Some(socket);
                Ok(resumed)
            }
        }
    }

    /// Sends message after message; ends only with the connection.
    async fn talk(&mut self, resumed: u64) -> Result<std::convert::Infallible, End> {
        let (limit, rest) = (self.limit(), Duration::from_millis(self.load.pause_ms));
        let Continuity { message, acknowledged, .. } = self.load.continuity.clone();
        for number in resumed + 1.. {
            let Some(socket) = &mut self.socket else { break };
            let asked = async {
                let text = message.replace(NUMBER, &number.to_string());
                socket.send(Message::text(text)).await.map_err(|error| broken(&error))?;
                while number_of(socket, &acknowledged).await? != number {}
                Ok(())
            };
            let answer = timeout(limit, asked).await;
            answer.unwrap_or_else(|_| Err(End::without_code(format!("no acknowledgement within {limit:?}"))))?;
            self.acknowledged = number;
            self.untold = Some(number);
            if self.told_at.elapsed() >= TELL_PERIOD {
                self.tell_acknowledged();
            }
            if let Some(socket) = &mut self.socket {
                still_open(socket, pause(rest)).await?;
            }
        }
        Err(End::without_code("there is no connection"))
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(self.load.limit_ms)
    }

    fn tell_acknowledged(&mut self) {
        if let Some(last) = self.untold.take() {
            self.told_at = Instant::now();
            self.tell(SessionEvent::Acknowledged { last });
        }
    }

    fn tell(&self, event: SessionEvent) {
        drop(self.told.send(Told::Session(SessionTold { load: self.load.load, at: self.clock.now(), event })));
    }

    /// Ends the session as a user does who is done.
    async fn leave(&mut self) {
        self.tell_acknowledged();
        let Some(mut socket) = self.socket.take() else { return };
        let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let closed = async {
            drop(socket.send(Message::Close(Some(normal))).await);
            while let Some(Ok(_)) = socket.next().await {}
        };
        drop(timeout(FAREWELL, closed).await);
    }
}

/// Waits until `until` is over, unless the connection ends before.
async fn still_open(socket: &mut Socket, until: impl Future<Output = ()>) -> Result<(), End> {
    tokio::select! {
        biased;
        end = async { loop { if let Err(end) = text(socket).await { return end } } } => Err(end),
        () = until => Ok(()),
    }
}

/// The number in the next message that has one at the pattern's place; others are passed over.
async fn number_of(socket: &mut Socket, pattern: &str) -> Result<u64, End> {
    loop {
        if let Some(number) = number_in(pattern, &text(socket).await?) {
            return Ok(number);
        }
    }
}

async fn text(socket: &mut Socket) -> Result<String, End> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
            Some(Ok(Message::Close(frame))) => {
                // The close is answered before the connection is left.
                drop(timeout(FAREWELL, socket.flush()).await);
                let closed = frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
                let (code, reason) = closed.unwrap_or((NO_CODE, String::new()));
                return Err(End { code: Some(code), reason });
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(broken(&error)),
            None => return Err(End::without_code("the connection ended without a close frame")),
        }
    }
}

fn broken(error: &Error) -> End {
    End::without_code(error.to_string())
}

/// Stands for a message's number.
const NUMBER: &str = "{{n}}";

/// The number that stands in a text where `{{n}}` stands in the pattern.
fn number_in(pattern: &str, text: &str) -> Option<u64> {
    let (before, after) = pattern.split_once(NUMBER)?;
    text.match_indices(before).find_map(|(start, _)| {
        let rest = &text[start + before.len()..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        rest[digits..].starts_with(after).then(|| rest[..digits].parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests;
