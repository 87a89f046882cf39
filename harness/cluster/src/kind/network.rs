//! kind makes its network with its first cluster. Two that start at once would each make one of the same name, and then the engine
//! starts no container in either.

use std::fs::File;
use std::time::Duration;

use anyhow::Result;
use chartgate_process::wait::pause;

use crate::engine;
use crate::registry::{folder, try_lock};

/// kind makes the network in its first seconds.
const LOOK: Duration = Duration::from_millis(500);

/// Waits while another cluster of this user makes the network; `None`: it is there, else to be held until it is.
pub(super) async fn turn() -> Result<Option<File>> {
    let lock = folder()?.join("network.lock");
    loop {
        if engine::has_network().await.is_ok() {
            return Ok(None);
        }
        if let Some(first) = try_lock(&lock)? {
            // It may have been made since.
            return Ok(if engine::has_network().await.is_ok() { None } else { Some(first) });
        }
        pause(LOOK).await;
    }
}
