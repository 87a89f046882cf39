//! chartgate answers one question before a chart's release: if users install it, upgrade to it and roll back from it,
//! does it hold?
//!
//! The modules stand in the order in which data flows through them.

// `stdio` prints: to a terminal that may be drawn on, and to readers that may be gone.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod scenario;
pub mod plan;
pub mod origin;
pub mod cluster;
pub mod backing;
pub mod dependency;
pub mod helm;
pub mod record;
pub mod run;
pub mod judge;
pub mod report;
pub mod progress;
pub mod gate;
pub mod check;

pub mod init;
pub mod doctor;
pub mod explain;
pub mod home;
pub mod list;
pub mod random;
pub mod redact;
pub mod reference;
pub mod schema;
pub mod stdio;
pub mod stop;
pub mod tool;
pub mod wait;
pub mod yaml;
