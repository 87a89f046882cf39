//! Enforces `NetworkPolicy` on the nodes of the harness's own node image.
//!
//! [`ruleset`] is a pure function from the cluster's pods, namespaces and policies to one ruleset of nftables, which replaces the
//! last one atomically. The program around it, [`main`], watches the three kinds and loads the ruleset whenever it changes. It is a library, too, so
//! that the static `chartgate` can be it.
//!
//! - [`ruleset`](mod@ruleset): who is isolated on a node, and the chains that let traffic pass
//! - [`member`]: a pod as the network sees it, with its addresses, labels and named ports
//! - [`peer`]: the other end of a rule: anyone, some pods, a block of addresses
//! - [`port`]: the ports of a rule

mod arrivals;
mod enforcer;
pub mod member;
pub mod peer;
mod plugin;
pub mod port;
pub mod ruleset;

use std::path::Path;

use anyhow::{Context, Result};

pub use ruleset::{Cluster, ruleset};

/// Whether this process was started as the program of a node.
pub fn is_called() -> bool {
    std::env::args().next().is_some_and(|program| Path::new(&program).ends_with("network-policy"))
}

/// `network-policy NODE` keeps the node's ruleset as the policies say. Called as a plugin of the container network interface (CNI), it holds a
/// new pod back until the ruleset counts it in.
pub fn main() -> Result<()> {
    if let Ok(command) = std::env::var("CNI_COMMAND") {
        return plugin::run(&command);
    }
    let node = std::env::args().nth(1).context("read the first argument, which is the node's name")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(enforcer::run(&node))
}
