//! What chartgate does on a cluster beside running its own charts' scenarios.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod broker;
mod early;
mod evidence;
mod init;
mod killed;
mod network_policy;
mod publish;
mod release;
mod strangers;
mod stubs;
#[path = "../support/mod.rs"]
mod support;
mod tutorial;
