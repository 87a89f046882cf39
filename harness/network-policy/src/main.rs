//! `network-policy NODE` keeps the node's ruleset as the policies say. Called as a plugin of the container network interface
//! (CNI), it holds a new pod back until the ruleset counts it in.

mod arrivals;
mod enforcer;
mod plugin;

use anyhow::{Context, Result};

/// Where the plugin tells the enforcer of a new pod; the enforcer's container mounts the folder.
const SOCKET: &str = "/run/network-policy/arrivals";

fn main() -> Result<()> {
    if let Ok(command) = std::env::var("CNI_COMMAND") {
        return plugin::run(&command);
    }
    let node = std::env::args().nth(1).context("read the first argument, which is the node's name")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(enforcer::run(&node))
}
