//! Reaches a session through a pod that does not own it: the frames are passed to the owner and back.
//!
//! The owner is found by name in `DNS_CLUSTER_QUERY`, as the original's nodes find each other; a headless Service answers with the pods' addresses.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::ws::{self, WebSocket};
use futures::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self as wire};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::end::{End, code};
use super::node::Node;
use crate::lifecycle::Phase;

/// Carries the cluster's cookie from node to node.
pub const COOKIE_HEADER: &str = "x-codex-pooler-cookie";

/// Within a cluster a connection takes milliseconds; the client waits meanwhile.
const CONNECT: Duration = Duration::from_secs(3);

type Upstream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where the owner of a session can be reached.
///
/// # Errors
/// How the session ends if it cannot.
pub async fn address(node: &Node, pod: &str, peer: Option<&str>, is_forwarded: bool) -> Result<SocketAddr, End> {
    let elsewhere = |why: &str| End::new(code::ELSEWHERE, format!("pod `{pod}` owns the session: {why}"));
    if is_forwarded {
        return Err(elsewhere("it was forwarded once already"));
    }
    if !node.config.owner_forwarding {
        return Err(elsewhere("owner forwarding is off"));
    }
    let (Some(cluster), Some(port)) = (&node.config.cluster, node.config.port) else {
        return Err(elsewhere("clustering is off"));
    };
    let host = peer
        .and_then(|peer| peer.split_once('@'))
        .map(|(_, host)| host)
        .ok_or_else(|| elsewhere("it is in no cluster"))?;
    let addresses = lookup_host((cluster.query.as_str(), port)).await;
    let mut addresses =
        addresses.map_err(|error| elsewhere(&format!("`{}` does not resolve: {error}", cluster.query)))?;
    let wanted: Option<IpAddr> = host.parse().ok();
    addresses
        .find(|address| Some(address.ip()) == wanted)
        .ok_or_else(|| elsewhere("it is not among the cluster's addresses"))
}

/// Passes frames both ways until one side ends. Nothing is returned where the client is gone already.
pub async fn pipe(node: &Node, client: &mut WebSocket, id: &str, owner: SocketAddr) -> Option<End> {
    let mut upstream = match connect(node, id, owner).await {
        Ok(upstream) => upstream,
        Err(reason) => return Some(End::new(code::LATER, reason)),
    };
    node.note("forward", id).await;
    // What the owner has not acknowledged yet, its greeting among it; this pod stops only after it has passed that on.
    let mut outstanding = 1_u32;
    loop {
        tokio::select! {
            biased;
            () = node.lifecycle.reached(Phase::Stopping), if outstanding == 0 => {
                drop(timeout(CONNECT, upstream.close(None)).await);
                return Some(End::restart());
            }
            message = upstream.next() => match message {
                Some(Ok(wire::Message::Text(text))) => {
                    outstanding = outstanding.saturating_sub(1);
                    client.send(ws::Message::text(text.as_str())).await.ok()?;
                }
                Some(Ok(wire::Message::Close(frame))) => {
                    let end = frame.map(|frame| End::new(frame.code.into(), frame.reason.as_str()));
                    return Some(end.unwrap_or_else(|| End::new(code::LATER, "the owner closed the session")));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Some(End::new(code::LATER, "the owner is gone")),
            },
            message = client.recv() => match message {
                Some(Ok(ws::Message::Text(text))) => {
                    outstanding += 1;
                    if upstream.send(wire::Message::text(text.as_str())).await.is_err() {
                        return Some(End::new(code::LATER, "the owner is gone"));
                    }
                }
                Some(Ok(ws::Message::Binary(_))) => return Some(End::new(code::BAD, "messages are JSON text")),
                Some(Ok(ws::Message::Close(frame))) => {
                    let frame = frame.map(|frame| CloseFrame { code: frame.code.into(), reason: frame.reason.as_str().into() });
                    drop(timeout(CONNECT, upstream.close(frame)).await);
                    return None;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            },
        }
    }
}

async fn connect(node: &Node, id: &str, owner: SocketAddr) -> Result<Upstream, String> {
    let cookie = node.config.cluster.as_ref().map_or("", |cluster| cluster.cookie.as_str());
    let mut request =
        format!("ws://{owner}/ws?session={}", escaped(id)).into_client_request().map_err(|error| error.to_string())?;
    let headers = request.headers_mut();
    headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    headers.insert(COOKIE_HEADER, HeaderValue::from_str(cookie).map_err(|_| "the cookie is no header".to_owned())?);
    let connected =
        timeout(CONNECT, connect_async(request)).await.map_err(|_| format!("no answer from the owner at {owner}"))?;
    let (upstream, _) = connected.map_err(|error| format!("the owner at {owner}: {error}"))?;
    Ok(upstream)
}

fn escaped(id: &str) -> String {
    let keep = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    id.bytes().map(|byte| if keep(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_survives_the_way_to_its_owner() {
        assert_eq!(escaped("a-b_1 ü&c"), "a-b_1%20%C3%BC%26c");
    }
}
