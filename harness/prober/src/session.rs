//! A websocket session that is opened through one pod and reached through another.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use chartgate_protocol::{Answer, Session};
use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// An open websocket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The close code that stands for none (RFC 6455, section 7.4.1).
pub const NO_CODE: u16 = 1005;

/// Opens the session through `first`, then reaches it through `second` while the first connection stays open.
pub async fn reach(first: &str, second: &str, path: &str, session: &Session, limit: Duration) -> (Answer, Answer) {
    let (opened, socket) = talk(first, path, session, &session.first, limit).await;
    if !matches!(opened, Answer::Replied(_)) {
        return (opened, Answer::Failed("the session was not opened".to_owned()));
    }
    let (reached, _) = talk(second, path, session, &session.second, limit).await;
    drop(socket);
    (opened, reached)
}

async fn talk(host: &str, path: &str, session: &Session, say: &str, limit: Duration) -> (Answer, Option<Socket>) {
    let talked = async {
        let mut socket = match open(host, path, &session.headers).await? {
            Ok(socket) => socket,
            Err(answer) => return anyhow::Ok((answer, None)),
        };
        socket.send(Message::text(say)).await.context("send a message")?;
        while let Some(message) = socket.next().await {
            match message.context("receive a message")? {
                Message::Text(text) if text.contains(&session.reply) => {
                    return Ok((Answer::Replied(text.to_string()), Some(socket)));
                }
                Message::Close(frame) => {
                    let closed = frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
                    let (code, reason) = closed.unwrap_or((NO_CODE, String::new()));
                    return Ok((Answer::Closed { code, reason }, None));
                }
                _ => {}
            }
        }
        Ok((Answer::Failed("the connection ended without a close frame".to_owned()), None))
    };
    match timeout(limit, talked).await {
        Err(_) => (Answer::TimedOut, None),
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => (Answer::Failed(format!("{error:#}")), None),
    }
}

/// The connection, or the plain HTTP answer that came in its place.
pub async fn open(host: &str, path: &str, headers: &BTreeMap<String, String>) -> Result<Result<Socket, Answer>> {
    let mut request = format!("ws://{host}{path}").into_client_request().context("make a request")?;
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).with_context(|| format!("use the header `{name}`"))?;
        request.headers_mut().insert(name, HeaderValue::from_str(value).context("use a header's value")?);
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(Ok(socket)),
        Err(Error::Http(response)) => {
            let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            let body = response.body().as_ref().map(|body| String::from_utf8_lossy(body).into_owned());
            let status = response.status().as_u16();
            Ok(Err(Answer::Http { status, headers, body: body.unwrap_or_default() }))
        }
        Err(error) => Err(error).context("open a websocket"),
    }
}
