//! Ctrl-C while scenarios run: the first ends them, the second this process.

use anyhow::{Context, Result};
use chartgate::ending::Ending;
use chartgate::progress::Show;
use chartgate_base::stdio;
use chartgate_cluster::error;
use chartgate_runner::stop::{Cause, Stop};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

/// Does work that can be asked to stop, and says how it ended.
pub async fn listening(show: &Show, stop: &Stop, work: impl Future<Output = Result<Ending>>) -> Result<Ending> {
    let listening = listen(show.clone(), stop.clone())?;
    let ended = work.await;
    listening.abort();
    show.end();
    match ended {
        Err(error) if stop.cause() == Some(Cause::Interrupted) => {
            stdio::tell(format_args!("error: {}", error::message(&error)));
            Ok(Ending::Interrupted)
        }
        Ok(_) if stop.cause() == Some(Cause::Interrupted) => Ok(Ending::Interrupted),
        ended => ended,
    }
}

/// Listens for Ctrl-C, and for being told to terminate, from when this returns.
fn listen(show: Show, stop: Stop) -> Result<JoinHandle<()>> {
    let hear = |kind| signal(kind).context("listen for Ctrl-C");
    let signals = (hear(SignalKind::interrupt())?, hear(SignalKind::terminate())?);
    Ok(tokio::spawn(answer(signals, show, stop)))
}

/// A second Ctrl-C exits at once; the broker cleans up.
async fn answer((mut interrupt, mut terminate): (Signal, Signal), show: Show, stop: Stop) {
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.cause() == Some(Cause::Interrupted) {
            show.end();
            stdio::tell("left: what was seen is kept, and the broker removes what was started");
            // All else would wait for something. The kernel ends our children, and the connections' end tells the broker.
            std::process::exit(Ending::Interrupted.exit_code().into());
        }
        show.say(
            "interrupted: ending the scenarios and removing what they started; once more leaves that to the broker",
        );
        stop.ask(Cause::Interrupted);
    }
}
