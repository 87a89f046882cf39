//! A server's log in a pod, whose lines a sidecar numbers.
//!
//! The log that the API server gives of a container loses lines when the kubelet rotates it, and says nothing of that. A number that is
//! passed over does. A sidecar that was restarted, or a stream that was cut and opened again, begins anew: what was heard already is
//! passed over.

use std::time::Duration;

use chartgate_process::wait::pause;
use futures::io::Lines;
use futures::{AsyncBufRead, AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::place::Heard;
use crate::error;
use crate::namespace::is_not_found;

/// The sidecar's container.
pub(super) const CONTAINER: &str = "log";
/// Between two attempts to open the stream.
const RETRY: Duration = Duration::from_millis(500);
/// A stream that is open for so long is one.
const STAYS: Duration = Duration::from_secs(2);
/// A connection that was cut comes back, or the cluster is gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Follows the log of a pod's sidecar from its first line.
pub(super) fn follow(pods: Api<Pod>, pod: String) -> mpsc::Receiver<Heard> {
    // Bounded, so that a reader that is slow slows the stream instead of filling our memory.
    let (sender, receiver) = mpsc::channel(1024);
    tokio::spawn(async move {
        tokio::select! {
            why = read(&pods, &pod, &sender) => drop(sender.send(Heard::Ended(why)).await),
            () = sender.closed() => {}
        }
    });
    receiver
}

/// Gives what is heard; why nothing follows, when nothing does.
async fn read(pods: &Api<Pod>, pod: &str, sender: &mpsc::Sender<Heard>) -> String {
    let parameters = LogParams { container: Some(CONTAINER.to_owned()), follow: true, ..LogParams::default() };
    let (mut numbers, mut seen) = (Numbers::default(), Instant::now());
    loop {
        let opened = Instant::now();
        let why = match pods.log_stream(pod, &parameters).await {
            Ok(stream) => give(stream.lines(), &mut numbers, sender).await,
            Err(error) if is_not_found(&error) => return format!("pod/{pod} is gone"),
            Err(error) => error::message(&error.into()),
        };
        // A sidecar that ends at once is none.
        if opened.elapsed() > STAYS {
            seen = Instant::now();
        }
        if seen.elapsed() > PATIENCE {
            return why;
        }
        pause(RETRY).await;
    }
}

/// Gives what the lines say until they end; why they did.
async fn give<R: AsyncBufRead + Unpin>(
    mut lines: Lines<R>,
    numbers: &mut Numbers,
    sender: &mpsc::Sender<Heard>,
) -> String {
    loop {
        match lines.try_next().await {
            Ok(Some(line)) => {
                for heard in numbers.take(&line) {
                    // Where nobody reads it any more, this ends with its task.
                    drop(sender.send(heard).await);
                }
            }
            Ok(None) => return "the stream of its lines ended".to_owned(),
            Err(error) => return error.to_string(),
        }
    }
}

/// The numbers of the lines that were heard.
#[derive(Default)]
struct Numbers {
    last: u64,
}

impl Numbers {
    /// What a line of the sidecar says that was not heard yet.
    fn take(&mut self, line: &str) -> Vec<Heard> {
        let Some((number, text)) = line.split_once('\t').and_then(|(number, text)| Some((number.parse().ok()?, text)))
        else {
            return vec![Heard::Lost(format!("a line of the server's log has no number: {line}"))];
        };
        let expected = self.last + 1;
        if number < expected {
            return Vec::new();
        }
        self.last = number;
        let lost = (number > expected).then(|| {
            let last = number - 1;
            Heard::Lost(format!("lines {expected} to {last} of the server's log did not reach the recorder"))
        });
        lost.into_iter().chain([Heard::Line(text.to_owned())]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(lines: &[&str]) -> Vec<Heard> {
        let mut numbers = Numbers::default();
        lines.iter().flat_map(|line| numbers.take(line)).collect()
    }

    fn line(text: &str) -> Heard {
        Heard::Line(text.to_owned())
    }

    /// A failure would mean that a change of the schema which a rotation took away is taken for none.
    #[test]
    fn a_number_that_is_passed_over_is_a_gap() {
        let lost = "lines 2 to 3 of the server's log did not reach the recorder";
        assert_eq!(taken(&["1\ta", "4\td"]), [line("a"), Heard::Lost(lost.to_owned()), line("d")]);
        // Also where the first lines are missing.
        assert!(matches!(&taken(&["3\tc"])[..], [Heard::Lost(_), Heard::Line(_)]));
    }

    /// A failure would mean that a stream which was cut and opened again tells a change twice.
    #[test]
    fn what_was_heard_already_is_passed_over() {
        assert_eq!(taken(&["1\ta", "2\tb", "1\ta", "2\tb", "3\tc\td"]), [line("a"), line("b"), line("c\td")]);
    }

    /// A failure would mean that what a sidecar says when it fails is taken for a line of the server's.
    #[test]
    fn a_line_without_a_number_is_a_gap() {
        assert!(matches!(&taken(&["Error: open the file"])[..], [Heard::Lost(why)] if why.contains("open the file")));
    }
}
