//! The observer's cron: a line of the ledger for each slot.

use std::time::SystemTime;

use super::node::Node;
use crate::clock;
use crate::lifecycle::Phase;

/// Ticks at each boundary of the interval until the node ends. It takes no lock: two observers at once tick twice for the same slot,
/// which the ledger shows. The slot that a process starts in belongs to the one before it, so a restart alone never ticks twice.
pub async fn run(node: &Node) {
    loop {
        let (slot, until_next) = clock::slot(SystemTime::now(), node.config.interval);
        if !node.lifecycle.sleep_unless(Phase::Draining, until_next).await {
            return;
        }
        node.note("tick", &(slot + 1).to_string()).await;
    }
}
