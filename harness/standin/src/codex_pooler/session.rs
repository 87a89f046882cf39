//! A websocket session: it lives in the pod that opened it, and what it acknowledges is in the database.
//!
//! All frames are JSON text. On opening, the server says where the client is:
//! `{"type":"session","session":ID,"last_acked":N,"owner":POD}`. The client sends `{"n":N+1,"text":…}`, numbered without gaps from 1, and
//! `"hold_ms"` if the server shall work on it that long. The server stores the message and then answers `{"type":"ack","n":N+1}`; one that is
//! already stored is acknowledged again. So a client that lost its connection comes back, reads `last_acked` and goes on after it.
//!
//! The owner keeps the session when a connection is lost, and gives it up when the client closes with 1000, or when the pod stops.
//!
//! | close code | |
//! | --- | --- |
//! | 1000 | the client ended the session |
//! | 1011 | the database did not take a message, or could not say who owns the session |
//! | 1012 | the pod stops: come back, and go on |
//! | 1013 | the owner could not be reached: come back later |
//! | 4400 | the client's message is malformed or out of order |
//! | 4409 | another pod owns the session and it cannot be reached from here |

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde::Deserialize;
use serde_json::json;

use super::end::{End, code};
use super::forward;
use super::node::Node;
use super::schema::NODE_IS_GONE;
use crate::lifecycle::{Phase, pause};

/// A message may be worked on this long; it fits into Kubernetes' default grace period.
const LONGEST_HOLD_MS: u64 = 20_000;
/// A restart of the database lasts a few seconds; a message waits for it.
const STORE_ATTEMPTS: u32 = 10;
const STORE_PAUSE: Duration = Duration::from_millis(500);
/// The client's answer to a close frame; one that is gone never answers.
const FAREWELL: Duration = Duration::from_secs(1);

/// Counts a session for as long as it lives.
pub struct Open(Arc<Node>);

impl Open {
    /// One more.
    pub fn new(node: &Arc<Node>) -> Self {
        node.sessions.send_modify(|open| *open += 1);
        Self(Arc::clone(node))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.sessions.send_modify(|open| *open -= 1);
    }
}

/// Who holds a session.
pub enum Owner {
    /// This pod, with the last message that was acknowledged.
    Here(i64),
    /// Another pod, with its node name if it is part of a cluster.
    Other {
        /// The pod.
        pod: String,
        /// `NAME@ADDRESS`.
        node: Option<String>,
    },
}

#[derive(Deserialize)]
struct Incoming {
    n: i64,
    #[serde(default)]
    text: String,
    #[serde(default)]
    hold_ms: u64,
}

/// Serves one connection until it ends.
pub async fn serve(node: &Node, mut socket: WebSocket, id: &str, is_forwarded: bool) {
    let end = match claim(node, id).await {
        Err(error) => Some(End::new(code::FAILED, format!("{error:#}"))),
        Ok(Owner::Here(last_acked)) => converse(node, &mut socket, id, last_acked).await,
        Ok(Owner::Other { pod, node: peer }) => match forward::address(node, &pod, peer.as_deref(), is_forwarded).await
        {
            Err(end) => Some(end),
            Ok(address) => forward::pipe(node, &mut socket, id, address).await,
        },
    };
    if let Some(end) = end {
        println!("session {id} ends with {}: {}", end.code, end.reason);
        close(&mut socket, end).await;
    }
}

/// Takes a session that nobody has, or whose owner is gone.
async fn claim(node: &Node, id: &str) -> Result<Owner> {
    let pod = &node.writer.pod;
    let own = node.config.cluster.as_ref().map(|cluster| &cluster.node);
    let sql = format!(
        "INSERT INTO websocket_sessions AS s (id, owner, owner_node) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, owner_node = excluded.owner_node
         WHERE s.owner IS NULL OR s.owner = excluded.owner
            OR NOT EXISTS (SELECT FROM nodes n WHERE n.pod = s.owner AND n.seen_at > clock_timestamp() - {NODE_IS_GONE})
         RETURNING last_acked"
    );
    if let Some(row) = node.database.query(&sql, &[&id, pod, &own]).await?.first() {
        node.note("session", id).await;
        return Ok(Owner::Here(row.get(0)));
    }
    let rows = node
        .database
        .query("SELECT coalesce(owner, ''), owner_node FROM websocket_sessions WHERE id = $1", &[&id])
        .await?;
    let row = rows.first().context("the session vanished")?;
    Ok(Owner::Other { pod: row.get(0), node: row.get(1) })
}

/// Nothing is returned where the client is gone already.
async fn converse(node: &Node, socket: &mut WebSocket, id: &str, last_acked: i64) -> Option<End> {
    let greeting = json!({"type": "session", "session": id, "last_acked": last_acked, "owner": node.writer.pod});
    socket.send(Message::text(greeting.to_string())).await.ok()?;
    loop {
        let received = tokio::select! {
            biased;
            () = node.lifecycle.reached(Phase::Stopping) => {
                // Given up before the client hears of it: it may come back to another pod at once.
                release(node, id).await;
                return Some(End::restart());
            }
            received = socket.recv() => received,
        };
        match received?.ok()? {
            Message::Text(text) => match take(node, id, text.as_str()).await {
                Ok(n) => socket.send(Message::text(json!({"type": "ack", "n": n}).to_string())).await.ok()?,
                Err(end) => return Some(end),
            },
            Message::Close(frame) => {
                if frame.is_some_and(|frame| frame.code == 1000) {
                    release(node, id).await;
                }
                return None;
            }
            Message::Binary(_) => return Some(End::new(code::BAD, "messages are JSON text")),
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
}

async fn take(node: &Node, id: &str, text: &str) -> Result<i64, End> {
    let incoming: Incoming = serde_json::from_str(text)
        .map_err(|_| End::new(code::BAD, "a message is {\"n\": number, \"text\": string}"))?;
    pause(Duration::from_millis(incoming.hold_ms.min(LONGEST_HOLD_MS))).await;
    let mut attempt = 1;
    loop {
        match store(node, id, &incoming).await {
            Ok(stored) => return stored,
            Err(error) if attempt == STORE_ATTEMPTS => return Err(End::new(code::FAILED, format!("{error:#}"))),
            Err(error) => eprintln!("could not store message {} of session {id}: {error:#}", incoming.n),
        }
        attempt += 1;
        pause(STORE_PAUSE).await;
    }
}

/// One statement, so that a message is stored and counted or neither, and only by the owner.
async fn store(node: &Node, id: &str, incoming: &Incoming) -> Result<Result<i64, End>> {
    let pod = &node.writer.pod;
    let sql = "WITH next AS (
            UPDATE websocket_sessions SET last_acked = $2::bigint WHERE id = $1 AND owner = $3 AND last_acked = $2::bigint - 1 RETURNING id
        ) INSERT INTO websocket_messages (session, number, body, pod) SELECT id, $2, $4, $3 FROM next RETURNING number";
    if !node.database.query(sql, &[&id, &incoming.n, pod, &incoming.text]).await?.is_empty() {
        return Ok(Ok(incoming.n));
    }
    let rows = node
        .database
        .query("SELECT coalesce(owner, ''), last_acked FROM websocket_sessions WHERE id = $1", &[&id])
        .await?;
    let row = rows.first().context("the session vanished")?;
    let (owner, last_acked): (String, i64) = (row.get(0), row.get(1));
    Ok(if owner != *pod {
        Err(End::new(code::ELSEWHERE, format!("pod `{owner}` has taken the session over")))
    } else if (1..=last_acked).contains(&incoming.n) {
        Ok(incoming.n)
    } else {
        Err(End::new(code::BAD, format!("message {} is out of order: {} is next", incoming.n, last_acked + 1)))
    })
}

async fn release(node: &Node, id: &str) {
    let sql = "UPDATE websocket_sessions SET owner = NULL WHERE id = $1 AND owner = $2";
    if let Err(error) = node.database.query(sql, &[&id, &node.writer.pod]).await {
        eprintln!("could not give up session {id}: {error:#}");
    }
}

async fn close(socket: &mut WebSocket, end: End) {
    // A control frame holds 125 bytes, two of them for the code.
    let mut reason = end.reason;
    while reason.len() > 123 {
        reason.pop();
    }
    let frame = CloseFrame { code: end.code, reason: reason.into() };
    if socket.send(Message::Close(Some(frame))).await.is_err() {
        return;
    }
    let answered = async { while let Some(Ok(_)) = socket.recv().await {} };
    drop(tokio::time::timeout(FAREWELL, answered).await);
}
