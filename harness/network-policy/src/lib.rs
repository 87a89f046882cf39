//! Enforces `NetworkPolicy` on the nodes of the harness's own node image.
//!
//! [`ruleset`] is a pure function from the cluster's pods, namespaces and policies to one ruleset of nftables, which replaces the
//! last one atomically. The program around it watches the three kinds and loads the ruleset whenever it changes.
//!
//! - [`ruleset`](mod@ruleset): who is isolated on a node, and the chains that let traffic pass
//! - [`member`]: a pod as the network sees it, with its addresses, labels and named ports
//! - [`peer`]: the other end of a rule: anyone, some pods, a block of addresses
//! - [`port`]: the ports of a rule

pub mod ruleset;
pub mod member;
pub mod peer;
pub mod port;

pub use ruleset::{Cluster, ruleset};
