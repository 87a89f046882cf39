//! chartgate answers one question before a chart's release: if users install it, upgrade to it and roll back from it,
//! does it hold?
//!
//! The modules stand in the order in which data flows through them.

// `stdio` prints: to a terminal that may be drawn on, and to readers that may be gone.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod progress;
pub mod gate;
pub mod check;

pub mod init;
pub mod doctor;
pub mod list;
pub mod reference;
pub mod repeat;
pub mod schema;

pub use chartgate_base::{random, stdio};
pub use chartgate_cluster::{self as cluster, backing, error};
pub use chartgate_judge::{self as judge, explain};
pub use chartgate_model::plan;
pub use chartgate_process::{home, tool, wait};
pub use chartgate_redact as redact;
pub use chartgate_report as report;
pub use chartgate_runner::{helm, origin, record, run, stop};
pub use chartgate_scenario::{self as scenario, dependency};
pub use chartgate_yaml as yaml;
