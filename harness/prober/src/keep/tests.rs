use std::collections::BTreeMap;

use futures::channel::mpsc as lines;
use tokio::net::TcpListener;

use super::*;

/// A failure would mean that acknowledged messages are taken for lost ones, or lost ones for acknowledged.
#[test]
fn a_number_is_read_where_the_pattern_has_it() {
    let greeting = r#"{"last_acked":12,"owner":"app-1","session":"s"}"#;
    assert_eq!(number_in(r#""last_acked":{{n}}"#, greeting), Some(12));
    assert_eq!(number_in(r#""last_acked":{{n}},"owner""#, greeting), Some(12));
    assert_eq!(number_in(r#""last_acked":{{n}}}"#, greeting), None);
    assert_eq!(number_in("{{n}}", "a7"), Some(7));
    assert_eq!(number_in("ack {{n}}", "nack, ack, ack 3"), Some(3));
    assert_eq!(number_in("ack {{n}}", "ack"), None);
    assert_eq!(number_in("ack", "ack 3"), None);
    assert_eq!(number_in("ack {{n}}", "ack 99999999999999999999999"), None);
}

/// What a server does with one connection: the number it resumes from, how many messages it acknowledges, and how it ends.
struct Script {
    resumed: u64,
    acknowledges: u64,
    end: Option<CloseFrame>,
}

/// Serves one connection after the other, then none; what the clients said comes out of the channel.
async fn server(scripts: Vec<Script>) -> (String, lines::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (heard, said_there) = lines::unbounded();
    tokio::spawn(async move {
        for script in scripts {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            socket.send(Message::text("welcome")).await.unwrap();
            socket.send(Message::text(format!("at {}", script.resumed))).await.unwrap();
            for number in script.resumed + 1..=script.resumed + script.acknowledges {
                let said = socket.next().await.unwrap().unwrap();
                heard.unbounded_send(said.to_string()).unwrap();
                socket.send(Message::text(format!("ack {number}"))).await.unwrap();
            }
            match script.end {
                Some(frame) => {
                    socket.send(Message::Close(Some(frame))).await.unwrap();
                    while let Some(Ok(_)) = socket.next().await {}
                }
                // Kept open; the client's own close ends it.
                None => {
                    while let Some(Ok(said)) = socket.next().await {
                        heard.unbounded_send(format!("{said:?}")).unwrap();
                    }
                }
            }
        }
    });
    (address, said_there)
}

fn session(address: String, limit_ms: u64) -> SessionLoad {
    SessionLoad {
        load: 7,
        address,
        path: "/".to_owned(),
        headers: BTreeMap::new(),
        continuity: Continuity {
            message: "say {{n}}".to_owned(),
            acknowledged: "ack {{n}}".to_owned(),
            resumed: "at {{n}}".to_owned(),
        },
        pause_ms: 1,
        limit_ms,
    }
}

/// Events of a session until one is the last; then it is stopped.
async fn events(load: SessionLoad, is_last: impl Fn(&SessionEvent) -> bool) -> Vec<SessionEvent> {
    let (told, mut tells) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel();
    let keeping = tokio::spawn(keep(load, told, stopped));
    let mut events = Vec::new();
    while !events.last().is_some_and(&is_last) {
        if let Told::Session(told) = tells.recv().await.unwrap() {
            events.push(told.event);
        }
    }
    stop.send(()).unwrap();
    keeping.await.unwrap();
    let mut last = None;
    while let Some(told) = tells.recv().await {
        last = Some(told);
    }
    assert!(matches!(last, Some(Told::Stopped { load: 7 })), "{last:?}");
    events
}

fn is_opened(event: &SessionEvent) -> bool {
    matches!(event, SessionEvent::Opened { .. })
}

/// A failure would mean that a session which the server ends properly is not resumed, or resumed from the wrong message.
#[tokio::test]
async fn a_closed_session_is_opened_again_and_goes_on_where_the_server_is() {
    let restart = CloseFrame { code: CloseCode::Restart, reason: "the pod stops".into() };
    let first = Script { resumed: 0, acknowledges: 3, end: Some(restart) };
    // The server lost the third message although it acknowledged it.
    let second = Script { resumed: 2, acknowledges: 1, end: None };
    let (address, heard) = server(vec![first, second]).await;
    let is_second = |event: &SessionEvent| matches!(event, SessionEvent::Opened { acknowledged: 3, .. });
    let events = events(session(address, 5000), is_second).await;
    assert!(matches!(events.first(), Some(SessionEvent::Opened { resumed: 0, acknowledged: 0, .. })), "{events:?}");
    let closed = SessionEvent::Closed { code: Some(1012), reason: "the pod stops".to_owned(), acknowledged: 3 };
    assert!(events.contains(&closed), "{events:?}");
    assert!(matches!(events.last(), Some(SessionEvent::Opened { resumed: 2, .. })), "{events:?}");
    let heard: Vec<String> = heard.collect().await;
    assert_eq!(heard[..3], ["say 1", "say 2", "say 3"]);
}

/// A failure would mean that a server which hangs looks like one that works.
#[tokio::test]
async fn a_message_that_is_not_acknowledged_ends_the_connection() {
    let script = || Script { resumed: 0, acknowledges: 0, end: None };
    let (address, _heard) = server(vec![script(), script()]).await;
    let events = events(session(address, 50), |event| matches!(event, SessionEvent::Closed { .. })).await;
    let reason = "no acknowledgement within 50ms".to_owned();
    assert_eq!(events.last(), Some(&SessionEvent::Closed { code: None, reason, acknowledged: 0 }));
}

/// A failure would mean that the end of a run looks to the application like a lost client.
#[tokio::test]
async fn a_session_that_is_stopped_says_goodbye() {
    let (address, heard) = server(vec![Script { resumed: 0, acknowledges: 0, end: None }]).await;
    events(session(address, 5000), is_opened).await;
    let heard: Vec<String> = heard.collect().await;
    assert!(heard.last().is_some_and(|said| said.contains("Normal")), "{heard:?}");
}

/// A failure would mean that an outage is told of once for each attempt, or not at all.
#[tokio::test]
async fn a_refusal_is_told_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (told, mut tells) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel();
    let keeping = tokio::spawn(keep(session(address, 5000), told, stopped));
    let is_refusal =
        |told: &Told| matches!(told, Told::Session(SessionTold { event: SessionEvent::Refused { .. }, .. }));
    while !is_refusal(&tells.recv().await.unwrap()) {}
    pause(SHORTEST_PAUSE * 10).await;
    stop.send(()).unwrap();
    keeping.await.unwrap();
    let rest: Vec<Told> = std::iter::from_fn(|| tells.try_recv().ok()).collect();
    assert!(!rest.iter().any(is_refusal), "{rest:?}");
}
