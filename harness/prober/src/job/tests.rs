use chartgate_protocol::Scheme;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server that answers its requests one after the other with these, and the last one for ever.
async fn server(answers: &'static [(u16, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move {
        for number in 0.. {
            let (status, body) = answers[answers.len().min(number + 1) - 1];
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let mut request = [0; 4096];
            drop(stream.read(&mut request).await);
            let answer = format!("HTTP/1.1 {status} it\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    address
}

async fn ended(answers: &'static [(u16, &'static str)]) -> JobEnd {
    let job = Job {
        path: "/jobs".to_owned(),
        body: r#"{"number": {{n}}}"#.to_owned(),
        status: 202,
        id: "id".to_owned(),
        result: "/jobs/{{id}}".to_owned(),
        shows: Some("done {{n}}".to_owned()),
        within_ms: 3000,
    };
    let load = JobLoad { load: 1, scheme: Scheme::Http, address: server(answers).await, job, rate: 1, limit_ms: 5000 };
    carry_out(&load, &Ports::default(), 7).await
}

#[tokio::test]
async fn a_result_is_asked_for_until_it_is_there() {
    assert_eq!(ended(&[(202, r#"{"id": "a1"}"#), (404, "not yet"), (200, "done 7")]).await, JobEnd::Done);
    assert_eq!(ended(&[(202, r#"{"id": 12}"#), (200, "done 7")]).await, JobEnd::Done);
}

/// A failure would mean that lost work is taken for work that was never accepted, or the other way round.
#[tokio::test]
async fn only_what_was_accepted_can_be_lost() {
    let end = ended(&[(202, r#"{"id": "a1"}"#), (404, "not yet")]).await;
    assert_eq!(end, JobEnd::Lost { id: "a1".to_owned(), last: "status 404: not yet".to_owned() });
    let end = ended(&[(202, r#"{"id": "a1"}"#), (200, "done 8")]).await;
    assert_eq!(end, JobEnd::Lost { id: "a1".to_owned(), last: "no `done 7` in done 8".to_owned() });
    let failure = Failure::ServerError { status: 503, body: "busy".to_owned() };
    assert_eq!(ended(&[(503, "busy")]).await, JobEnd::NotAccepted { failure });
    let failure = Failure::Wrong { what: "no `id` in the answer: {}".to_owned() };
    assert_eq!(ended(&[(202, "{}")]).await, JobEnd::NotAccepted { failure });
}
