use chartgate_protocol::Scheme;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A failure would mean that the rate is not the scenario's, or that small delays add up to another one.
#[test]
fn a_request_is_due_by_its_number_alone() {
    assert_eq!(due(0, 50), Duration::ZERO);
    assert_eq!(due(1, 50), Duration::from_millis(20));
    assert_eq!(due(50 * 3600, 50), Duration::from_secs(3600));
    // A third of a second has no whole number of nanoseconds.
    assert_eq!(due(3 * 86_400, 3), Duration::from_secs(86_400));
    assert!((1..10_000).all(|number| due(number, 1000) > due(number - 1, 1000)));
}

fn outcome(failure: Option<Failure>) -> Outcome {
    Outcome { took: Duration::from_millis(3), pod: Some("app-1".to_owned()), failure }
}

fn report() -> (Report, mpsc::UnboundedReceiver<Told>) {
    let (told, tells) = mpsc::unbounded_channel();
    (Report { load: 1, clock: Clock::start(), slices: BTreeMap::new(), told }, tells)
}

fn ended(sent_ms: u64, late_ms: u64, failure: Option<Failure>) -> Ended {
    let (sent, late) = (Duration::from_millis(sent_ms), Duration::from_millis(late_ms));
    Ended { sent, late, outcome: outcome(failure) }
}

/// A failure would mean that requests are counted in a phase that they were not sent in, or twice.
#[test]
fn good_answers_are_told_of_by_the_time_they_were_sent() {
    let (mut report, mut tells) = report();
    for sent in [0, 99, 100] {
        report.note(ended(sent, 1, None));
    }
    report.flush(Duration::from_millis(100));
    let Ok(Told::Served(slice)) = tells.try_recv() else { panic!("no slice was told") };
    assert_eq!((slice.count, slice.to - slice.from, slice.by_pod["app-1"]), (2, 100, 2));
    assert!(tells.try_recv().is_err());
    report.note(ended(50, 0, None));
    report.end();
    let counts = std::iter::from_fn(|| tells.try_recv().ok()).filter_map(|told| match told {
        Told::Served(slice) => Some(slice.count),
        _ => None,
    });
    assert_eq!(counts.collect::<Vec<_>>(), [1, 1]);
}

/// A failure would mean that a prober which cannot keep its schedule looks as if it did.
#[test]
fn lateness_is_told_of_requests_that_failed_too() {
    let (mut report, mut tells) = report();
    report.note(ended(10, 40, Some(Failure::Refused)));
    report.end();
    assert!(matches!(tells.try_recv(), Ok(Told::Failed(Failed { failure: Failure::Refused, .. }))));
    let Ok(Told::Served(slice)) = tells.try_recv() else { panic!("no slice was told") };
    assert_eq!((slice.count, slice.late_ms), (0, 40));
}

/// A server that answers the first requests, and leaves the others waiting.
async fn server(answers: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let read = stream.read(&mut [0; 4096]).await.unwrap();
            assert!(read > 0);
            if number < answers {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            } else {
                waiting.push(stream);
            }
        }
    });
    address
}

fn load(address: String) -> RequestLoad {
    RequestLoad {
        load: 1,
        scheme: Scheme::Http,
        address,
        path: "/".to_owned(),
        headers: BTreeMap::new(),
        rate: 200,
        status: 200,
        body: None,
        pod: None,
        slow_ms: 60_000,
        limit_ms: 300,
    }
}

/// A failure would mean that the end of a run counts as an outage.
#[tokio::test]
async fn requests_in_flight_at_the_end_are_no_failures() {
    let (told, mut tells) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel();
    let sending =
        tokio::spawn(send(RequestLoad { limit_ms: 60_000, ..load(server(20).await) }, Arc::default(), told, stopped));
    let mut served = 0;
    while served < 20 {
        match tells.recv().await.unwrap() {
            Told::Served(slice) => served += slice.count,
            Told::Failed(failed) => panic!("{failed:?}"),
            _ => {}
        }
    }
    stop.send(()).unwrap();
    sending.await.unwrap();
    let rest: Vec<Told> = std::iter::from_fn(|| tells.try_recv().ok()).collect();
    assert!(!rest.iter().any(|told| matches!(told, Told::Failed(_))), "{rest:?}");
    assert!(matches!(rest.last(), Some(Told::Stopped { load: 1 })), "{rest:?}");
}

/// A failure would mean that a server which hangs also ends the traffic, so that its outage has no requests.
#[tokio::test]
async fn requests_go_on_while_others_wait() {
    let (told, mut tells) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel();
    let sending = tokio::spawn(send(load(server(0).await), Arc::default(), told, stopped));
    let mut failed = 0;
    while failed < 100 {
        if let Told::Failed(Failed { failure, .. }) = tells.recv().await.unwrap() {
            assert_eq!(failure, Failure::TimedOut);
            failed += 1;
        }
    }
    drop(stop);
    sending.await.unwrap();
}
