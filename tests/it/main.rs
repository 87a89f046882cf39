//! Every test but those of the scenario files (`tests/e2e.rs`): one program, since each more would take its own time to link.
//!
//! `cluster` and `faults` run on clusters. The others need none: a module for each subject.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod cases;
mod charts;
mod check;
mod cluster;
mod commands;
mod crates;
mod documented;
mod documents;
mod faults;
mod live;
mod modules;
mod promises;
mod recordings;
mod refusals;
mod rendered;
mod reports;
mod schemas;
mod untyped;
#[path = "../support/mod.rs"]
mod support;
