//! The server of the databases is restarted.

use std::time::Duration;

use anyhow::Result;
use chartgate_process::wait::pause;
use tokio::time::Instant;

use super::disturbance::Disturbance;

/// A pod that cannot go on without its connections ends within seconds.
const AFTERMATH: Duration = Duration::from_secs(5);

/// Restarts it, and gives the pods the time to notice.
pub async fn inject(disturbance: &Disturbance<'_>) -> Result<Result<(), String>> {
    let began = Instant::now();
    disturbance.stage.databases.restart().await?;
    let took = began.elapsed().as_millis();
    disturbance
        .note(format!("the server of the databases was restarted, and accepted connections again after {took} ms"));
    pause(AFTERMATH).await;
    Ok(Ok(()))
}
