//! What the gate is for: charts with a fault are refused, and the check that the fault breaks is named.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod planted;
mod protections;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
